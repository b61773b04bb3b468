// Package review turns a cut into a checked, finished, playable clip.
//
// Two jobs start side by side when a cut is ready. Finishing follows the recording like a tail, also past the
// present, and leaves one rendition per profile, a cover and subtitles in the store, private. Moderation waits until
// the window was heard to its end, and checks title, overlay and words against word lists. A clip with speech that was not
// recognised needs a person (review.unheard; it is a note where the room's operator wants no engine), and so does a clip that
// detection found and that the end of its broadcast left shorter than the rules' shortest window.
//
// Each of the two writes its own record first and then looks at what the others wrote. The one that finds the renditions whole
// and the effective verdict approved (a person's outweighs the rule's) passes the barrier and writes the clip's manifest, once,
// which makes the clip playable. A person's verdict comes in as clip.decided.v1 and goes the same way; a take-down closes the
// barrier for good.
//
// Only so many clips are finished at once (slots.go): live before manual before batch, which never has more than half of the slots
// and a queue of its own. A clip that waits for its window to come near its end holds no slot (due.go). When many are
// finished at once, or one begins late, it is made cheaper, by steps that are data (load.go), and its steps say so. A clip with
// time to spare waits a moment before it is made for those that were asked for together with it (due.go), so that the first
// of them is not made as if it were alone; and clips that are made at once share the threads that one would have.
//
// # The way of a clip through the files
//
// cut.go takes a cut, and queues both jobs. finish.go makes the renditions: due.go waits until the window is near its end,
// slots.go has the clip take its turn, load.go decides how much is given up, order.go lays out the parts, subtitles.go and
// chapters.go give their words, feed.go runs the finisher (faces.go: with which model), upload.go and sidecar.go put its files
// into the store; copy.go does all of that for a lossless cut. moderate.go waits for the words and judges them by findings.go and
// unheard.go; decide.go takes a person's verdict. barrier.go brings the two together and makes the clip playable. clip.go has the
// records of a clip that they share.
//
// It takes cut.ready.v1 and clip.decided.v1, and follows clip.state.v1 for clips whose next step never came. It gives
// clip.rendered.v1, clip.decided.v1 (with the manifest's hash once the clip is playable: only that one is published
// anywhere) and the steps "rendered", "decided", "published", "failed" and "taken_down" of clip.state.v1.
package review
