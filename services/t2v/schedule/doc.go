// Package schedule decides which generated shot is made when, where and how well, so that what is begun ends in time.
//
// It is logic without goroutines, over a clock that is handed in; package t2v's dispatcher drives it, and so does a simulation.
//
//   - cost.go: what an order will take, from a table by engine (each has one model), size, steps and length that is learned online.
//   - learned.go: the table over a restart, and of several processes.
//   - policy.go: in which order quality is given up, per tier; data, in YAML.
//   - plan.go: earliest deadline first over the engines' slots; where that misses, what is due until then is made lighter,
//     and where the lightest misses too, the share that had most gives way.
//   - scheduler.go: what is offered, begun, done, cancelled.
//   - engine.go: an engine's slots, health and circuit breaker, and which openings it holds.
//   - usage.go: what tenants and streams had lately.
package schedule
