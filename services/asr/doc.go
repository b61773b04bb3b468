// Package asr listens to live rooms: it turns each attached stream into a recording, transcript lines and loudness, and
// keeps everybody told how far that is known. It exists so that no other service ever touches a live source.
//
// It takes stream.state.v1: which streams are attached, and from where. A push comes to its RTMP server; a URL is pulled by
// the process that the stream's state names as owner. Each stream has one owner at a time, by a lease with a rising epoch.
//
// It gives broadcast.changed.v1, segment.recorded.v1, transcript.line.v1, sound.measured.v1 and stream.progress.v1, and
// detaches a source that ended for good (stream.state.v1). A progress mark is published after everything that it covers was
// acknowledged. The hot tail of its recordings is served over gRPC (proto/recording/v1).
//
// It follows clip.state.v1 to know which windows open clips need: what else is beyond asr.retention is removed from the store
// by one process at a time (keeper.go), and beyond asr.spool_bytes from the spool of a stream whose store is away.
//
// The way of a stream through the files: push.go or pull.go (past gate.go) → room.go, which owns its lease (own.go) →
// session.go → broadcast.go; its sound goes on to endpoint.go → ear.go → pool.go, and everything leaves through tell.go. What
// a killed process left is in recover.go.
//
// The states of a room (one goroutine; room.go):
//
//	resuming   a broadcast is in the spool: taken up when its stream is still attached here, else closed
//	waiting    no source. A push waits for its publisher, a pull for its next try
//	recording  a session runs, the lease is held, a broadcast is open from its first part on
//	gone       the source left: the broadcast stays open until asr.rejoin is over, and the same source continues it, with a
//	           gap and as a new run; whoever comes later begins another broadcast
//	storing    the broadcast is closed; the lease is held until all of it lies in the store, for readers ask the owner
//
// A lost lease ends recording at once: what was recorded until then is brought home under the old epoch. A detach, or the end
// of a source that has one, leads through storing to the end. A batch's recording that was killed is read again from its
// beginning, as the same broadcast.
package asr
