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
// session.go → broadcast.go; its sound goes on to ear.go → endpoint.go → pool.go, and everything leaves through tell.go. What
// a killed process left is in recover.go.
//
// Hearing. engines.go has the engines by name, built in and configured, and chooses one for each room: the one that its context
// names, else that of its language (the very tag first), else asr.engine; nobody where its language has none. A changed choice
// holds from the next utterance on; from and to none or captions from the next broadcast on, but that an ear falls silent at
// once. stream.progress.v1 says who hears (Hearing), and what the trouble with that is. Before any engine a
// voice detector tells voice from music and noise (voices.go; by loudness without one): what is silent is not even sent to it,
// and what is no voice never becomes an utterance. endpoint.go cuts voice into utterances: at pauses, at the latest after 10 s,
// and where a clip waits. Each engine has a pool of recognisers (pool.go), children that hear one utterance at a time or many
// side by side (dialogue.go); an utterance keeps its sound until it was heard, so a recogniser that dies costs a repetition.
// One that answers nobody for 30 s hangs, and is replaced; however slow it is, each answer shows that it works.
// One that was there at a death is heard again only with none of its kind beside it, and given up after four.
//
// Speech that nobody heard is told in one place, ear.settle, before the mark passes it: it is in stream.progress.v1 (Unheard),
// kept beside the lines (recording.Writer.Unheard), counted and logged, whatever the reason. Late live speech is skipped, oldest
// first: an utterance that nobody began to hear within asr.behind; the others had no place, were given up, or their engine is
// deaf. What a killed process had not heard yet, and what was recorded while nobody listened or sent captions, is kept so, too.
// SpeechLag says how late the newest final line was.
//
// load.go measures what hearing takes (at a recogniser's start, then of every utterance), starts as many recognisers as the
// rooms need, up to asr.recognisers, stops those beyond the first that nobody needed for five minutes, and lets as many live
// rooms in as they can hear: one for which there is no place is recorded unheard, its speech is missing in its health, the gaps
// are published, and the next time somebody speaks it asks again. Archives take what live rooms leave. hotwords.go tells
// recognisers what to expect of a room; only transducers with known spelling heed it.
//
// Not every engine is a child: whisper.go sends whole utterances to a transcription server (internal/whisper), several at once and
// without partial lines; one it refuses is skipped, and after three that failed, or a refusal of us, the engine is deaf, with the
// reason. captions.go hears nothing: a broadcast's lines are those of the WebVTT or SubRip file beside its recording, of
// captions in the source, which its recorder reads (internal/caption/cea), or those that others send through the API
// (hearing.go, sent.go), whichever comes first: ops hands these to the owner over gRPC, which alone writes the transcript, so that
// epochs, recovery and replay are as of lines heard. Lines are written as
// they are read (internal/wording), at one place, ear.write; what was heard stays beside. trial.go hears recordings with one
// engine outside of any room, to measure it.
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
