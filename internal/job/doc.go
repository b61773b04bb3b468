// Package job carries long work inside one service over asynq: three lanes by priority, IDs that make a repeat harmless, shares
// that no flood starves, cancelling that reaches a running handler at once, and a lease of its own per running job, so that a
// killed worker's job runs again within seconds. Only this package imports asynq; Asynqmon shows its queues as they are.
//
//   - job.go: what a job is, and what its handler answers.
//   - client.go: enqueue, cancel.
//   - share.go: how much of a queue one stream may have; what is beyond waits its turn beside it.
//   - server.go: takes jobs and sorts how they end.
//   - broker.go: Redis as asynq sees it: tasks and their leases are taken, and ended, several at a time.
//   - wake.go: an idle server hears of a job at once.
//   - lease.go: the lease of a running job.
//   - recover.go: runs again what was running when its worker died.
//   - control.go: what an operator sees and does: pause, drain, the dead, try again.
//
// asynq alone takes up a dead worker's job after more than a minute. A running job therefore has a key of its own that its server
// renews; a task that asynq holds as active, and that has had no such key for a while, is put back on its queue. It is put back in
// one step in Redis, so that it is done once however many servers look. A job that was only thought dead runs twice then: its first
// run is stopped when it finds its lease another's, and the outcome is the store's conditional write.
package job
