// Package detect notices the moments of a room that sell: it turns what is said, how loud it is and how the audience
// answers into highlights.
//
// It takes broadcast.changed, stream.progress, transcript.line, sound.measured, audience.signal and stream.state, and gives
// highlight.found and, for the health of the comment feed, stream.progress.
//
// The heart is a room: one broadcast, kept in memory, bounded. Everything heard or sent is put aside with its media time and
// taken up, in media-time order, only when the recogniser's mark (stream.progress, HeardTo) has passed it. So the same
// broadcast gives the same highlights however the topics were interleaved; live, replayed after a crash, or read from an
// archive. Only TriggeredAt, a wall clock, differs.
//
// Three signals make a score:
//
//   - keywords: phrases of the rules file, on normalised text; each group has a weight between 0 and 1;
//   - comments: distinct users in ten seconds against the room's own median and median deviation;
//   - loudness: a second's mean against the room's own median of the last minute.
//
// The score is 1 − Π(1 − weight) over the evidence of one moment: it stays between 0 and 1, every further signal raises it,
// and none is needed. A group counts once. Loudness counts only beside another signal. At the rules' threshold the highlight
// is published at once, while its window still lies open: the window is what will be shown, not what has been heard.
//
// A partition number of the topics is one bus.Merger, whose rooms are kept with its offsets in one conditional write of the
// object store; two owners of one partition cannot both go on.
package detect
