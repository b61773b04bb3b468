// Package ops is the face of all the other services: the API over HTTP and gRPC, the console, the receivers.
//
// It attaches and detaches rooms and places their pulls on the asr processes (stream.state), takes audience signals, in
// which it replaces people's names by keyed hashes and platform time by media time (audience.signal), asks for manual clips
// (clip.requested), carries a person's verdicts and take-downs (clip.decided), and takes playback reports.
//
// The audience comes in four forms, all through acceptAudience (audience.go): the API's JSON, a platform's signed callbacks and
// the frames of its web feed (receive.go), and a Kafka topic of others (audience_topic.go).
//
// It speaks English and Chinese: package note has the notes and reasons of the other services, problem_words.go its own errors.
//
// All that it shows comes from the other services' events, folded into Redis views (package view) that any replica may fill.
//
// A call comes in through http.go, is let in by auth.go and answered with problem.go where it fails. The files by what they do:
//   - a room: attach.go, source.go (what may be pulled), context.go (host, products), placement.go (which asr process pulls it),
//     hook.go (media servers' callbacks), pending_detach.go (a publisher that left and may come back), stream.go (its state);
//   - what is sent to it: audience.go, audience_topic.go and receive.go (audience signals), lines.go (transcript lines heard
//     elsewhere), playback.go (playback reports);
//   - a clip: request.go (by hand), trim.go (other ends), recap.go (the best of a broadcast), batch.go (archived recordings),
//     decide.go (verdict, take-down, publication), label.go (what tuning learns from these);
//   - what is shown: clip.go, clip_revision.go and clip_message.go, shot.go, engines.go, hearing.go, events.go and feed.go (what
//     happens now), preview.go and the files beside it (a clip before it is finished), console.go.
package ops
