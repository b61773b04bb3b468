// Package job carries long work inside one service over asynq: three lanes by priority, IDs that make a repeat harmless,
// and a lease of its own per running job, so that a killed worker's job is taken up within seconds by the sweeper of its
// service. Only this package imports asynq.
//
// asynq alone takes up a dead worker's job after more than a minute. A running job therefore renews a key of its own
// (lease.go); when a job is enqueued again whose worker gave no sign for so long, it is queued once more under a suffixed
// task ID and runs at once, while whatever asynq delivers later finds the lease, or the outcome in the store.
package job
