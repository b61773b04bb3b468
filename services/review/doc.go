// Package review turns a cut into a checked, finished, playable clip.
//
// Two things start side by side when a cut is ready. Finishing follows the recording like a tail, also past the
// present, and leaves one rendition per profile, a cover and subtitles in the store, private. Moderation waits until
// the window was heard to its end and holds title, overlay and words against word lists. A clip with speech that nobody
// heard is for a person (review.unheard; a note where the room's operator wants it heard by nobody), and so is a
// noticed clip that the end of its broadcast left shorter than the rules' shortest window.
//
// Each of the two writes its own record first and then looks at what the others wrote. Whoever finds renditions whole
// and the effective verdict approved (a person's outweighs the rule's) passes the barrier and writes the clip's
// manifest, once, which makes the clip playable. A person's verdict comes in as clip.decided.v1 and takes the same way;
// a take-down shuts the barrier for good.
//
// Finishing is done in places (slots.go): live clips before manual ones before batch, which never has more than half of them
// and a queue of its own. A clip that waits for its window to come near its end holds no place (due.go). When many are
// finished at once, or one begins late, it is made cheaper, by steps that are data (load.go), and its story says so. A clip with
// time to spare waits a moment before it is made for those that were asked for together with it (due.go), so that the first
// of them is not made as if it were alone; and clips that are made at once share the threads that one would have.
//
// It takes cut.ready.v1 and clip.decided.v1, and follows clip.state.v1 for clips whose next step never came. It gives
// clip.rendered.v1, clip.decided.v1 (with the manifest's hash once the clip is playable: only that one is published
// anywhere) and the steps "rendered", "decided", "published", "failed" and "taken_down" of clip.state.v1.
package review
