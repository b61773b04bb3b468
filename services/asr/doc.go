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
// The way of a stream through the files: push.go or pull.go (past gate.go) → room.go, which owns its lease (own.go) → session.go → broadcast.go; its sound goes on to
// endpoint.go → ear.go → pool.go, and everything leaves through tell.go. What a killed process left is in recover.go.
package asr
