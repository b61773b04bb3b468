// Package ops is the face of all the other services: the API over HTTP and gRPC, the console, the receivers.
//
// It attaches and detaches rooms and places their pulls on the asr processes (stream.state), takes audience signals at the
// door, where people's names are replaced by keyed hashes and platform time by media time (audience.signal), asks for
// manual clips (clip.requested), carries a person's verdicts and take-downs (clip.decided), and takes playback reports.
//
// The audience comes in four forms, all through one door (audience.go): the API's JSON, a platform's signed callbacks and
// the frames of its web feed (receive.go), and a Kafka topic of others (audience_topic.go).
//
// It speaks both languages: notes and reasons of the others by package note, its own refusals by problem_words.go.
//
// What it shows it knows from the others' events alone, kept in Redis views (package view) that any replica may fill.
// Calls come in by service.go; each file then holds one of them, or one part of the way: http.go and auth.go the door,
// problem.go its errors, attach.go and placement.go a room's beginning, request.go a manual clip, trim.go other ends of
// one, lines.go lines heard elsewhere, on their way to the stream's owner, recap.go the best of a broadcast, clip.go
// and decide.go what became of it, label.go what detection may learn from that, engines.go how the video engines are,
// events.go what happens now, preview.go a clip before it is finished.
package ops
