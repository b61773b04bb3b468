// Package media is FFmpeg (through go-astiav) as liveclip uses it: probing, recording, finishing, rendering. Only
// liveclip-media links it, and only Go types leave it.
//
// The way of a packet through a recorder: gather.go reads many at a time (a call into C costs Go's scheduler more than most
// packets cost FFmpeg) → track.go and unpack.go give it the form that MP4 holds, and find the parameters that it carries →
// hold.go, until a run can begin → timeline.go makes its times media time, over leaps and wraps → parts.go cuts fragments, whose
// bytes lie in an arena (arena.go) that is used again. Sound is decoded beside it (sound.go, loudness.go), and scene cuts are
// guessed from coded sizes (scenes.go). Parameters that change begin a run: another size, rate or number of channels.
package media
