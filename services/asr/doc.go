// Package asr records and hears live rooms: it turns each attached stream into a recording, transcript lines and loudness, and
// publishes how far all of that is known. It exists so that no other service ever touches a live source.
//
// It takes stream.state.v1: which streams are attached, and from where. A push comes to its RTMP server; a URL is pulled by
// the process that the stream's state names as owner. Each stream has one owner at a time, by a lease with a rising epoch.
//
// It gives broadcast.changed.v1, segment.recorded.v1, transcript.line.v1, sound.measured.v1 and stream.progress.v1, and
// detaches a source that ended for good (stream.state.v1). A progress mark is published after everything that it covers was
// acknowledged; of what was recorded it says how much has no sound published yet (Unmeasured). The hot tail of its recordings is
// served over gRPC (proto/recording/v1).
//
// It follows clip.state.v1 to know which windows open clips need: what else is beyond asr.retention is removed from the store
// by one process at a time (retention.go), and beyond asr.spool_bytes from the spool of a stream whose store is away.
//
// # The way of a stream through the files
//
//   - service.go follows stream.state.v1 and opens a room for every stream that is attached here; recover.go takes up what a
//     killed process left.
//   - push.go takes RTMP publishers (push_name.go reads what they name; retry_listener.go accepts them); pull.go pulls a source
//     that source_policy.go lets through.
//   - room.go looks after one stream and owns its lease (lease.go); session.go is one connection to its source, recorded by one
//     child; broadcast.go is one time on air, and broadcast_media.go takes in what the child sends.
//   - Sound goes on to transcribe.go, which has voice_detector.go tell speech from other sound, endpoint.go cut it into utterances
//     (utterance.go), and the pool of an engine recognise them: pool.go, pool_queue.go (which utterance is next), pool_worker.go
//     with recogniser.go (one recogniser, many utterances), pool_load.go (how many rooms), pool_spare.go (how many recognisers).
//   - transcript.go makes transcript lines of the results, in order. Lines that nobody has to recognise come from captions.go,
//     captions_sent.go and captions_server.go.
//   - progress.go publishes lines, loudness and, after them, the mark that covers them. retention.go removes what is too old.
//
// engines.go chooses the engine of a room; whisper.go is one on another machine. check.go and trial.go start engines outside of any
// room: to say whether they work, and to measure them.
//
// # Hearing
//
// engines.go has the engines by name, built in and configured, and chooses one for each room: the one that its context
// names, else that of its language (the very tag first), else asr.engine; none where there is none for its language. A changed
// choice holds from the next utterance on; from and to none or captions from the next broadcast on, but a transcriber falls silent
// at once. stream.progress.v1 says which engine hears the room (Hearing), and what is wrong with that.
//
// Before any engine a voice detector tells speech from music and noise (by loudness where there is none): silence is not even sent
// to it, and what is no speech never becomes an utterance. endpoint.go ends an utterance at a pause, at the latest after 10 s, and
// where a clip waits. Each engine has a pool of recognisers, children that work on one utterance at a time or on many at once. An
// utterance keeps its sound until it is recognised, so a recogniser that dies costs a repetition. A recogniser that sends nothing
// for 30 s hangs, and is replaced; however slow it is, each reply shows that it works. An utterance that was at a recogniser when
// it died is tried again with none of its kind beside it, and given up after four attempts.
//
// Speech that was not recognised is reported in one place, transcriber.emitCompleted, before the mark passes it: it is in
// stream.progress.v1 (Unheard), kept beside the lines (recording.Writer.Unheard), counted and logged, whatever the reason. Late
// live speech is skipped, the oldest first, when it has waited for longer than asr.behind; other utterances found no place, were
// given up, or their engine is deaf. What a killed process had not heard yet, and what was recorded while no engine heard the room
// and nobody sent captions, is kept as unheard, too. SpeechLag says how late the newest final line was.
//
// pool_load.go measures what recognition takes (at a recogniser's start, then of every utterance). As many recognisers run as the
// rooms need, up to asr.recognisers; one beyond the first that was not needed for five minutes stops. As many live rooms are
// admitted as they can hear. A room that is not admitted is recorded unheard: speech is missing in its health, the gaps are
// published, and its next utterance asks again. Archives take what live rooms leave. hotwords.go tells recognisers what to expect
// of a room; only transducers with known spelling use it.
//
// Not every engine is a child: whisper.go sends whole utterances to a transcription server (internal/whisper), several at once and
// without partial lines. An utterance that it refuses is skipped; after three failures in a row, or when it refuses us, the engine
// is deaf, with the reason. captions.go recognises nothing: a broadcast's lines are those of the WebVTT or SubRip file beside its
// recording, of captions in the source, which its recorder reads (internal/caption/cea), or those that others send through the
// API, whichever come first. ops hands the latter to the stream's owner over gRPC: it alone writes the transcript, so that epochs,
// recovery and replay are as of lines that were recognised. Lines are written as people read them (internal/wording) in one place,
// transcriber.spell; what was recognised stays in Heard.
//
// # The states of a room
//
// One goroutine (room.go) takes it through them:
//
//	resuming   a broadcast is in the spool: taken up when its stream is still attached here, else closed
//	waiting    no source. A push waits for its publisher, a pull for its next try
//	recording  a session runs, the lease is held, a broadcast is open from its first part on
//	gone       the source left: the broadcast stays open until asr.rejoin is over, and the same source continues it, with a
//	           gap and as a new run; a source that comes later begins another broadcast
//	storing    the broadcast is closed; the lease is held until all of it lies in the store, for until then readers ask the owner
//
// A lost lease ends recording at once: what was recorded until then is stored under the old epoch. A detach, or the end of a
// source that has one, leads through storing to the end. A batch's recording that was killed is read again from its
// beginning, as the same broadcast.
package asr
