// Package finish makes what is watched: clips out of parts of recordings and files, and template shots, with FFmpeg. It runs
// in liveclip-media only, one order per process.
//
// Clip's way: a part (part.go) demuxes and decodes its source (source.go), brings pictures to one shape and sound to 48 kHz
// stereo (shape.go); the timeline lays parts end to end without gaps (timeline.go); every rendition draws (canvas.go,
// layout.go, label.go), encodes (encode.go) and writes its own file (write.go), beside the others; the file is then sealed
// and checked (seal.go). Sound is levelled (level.go) and encoded (sound.go) once for all. A profile may follow who speaks
// (crop.go). Cover and thumbnails are picked on the way (cover.go, thumbnails.go). Nothing is held but a few pictures between
// two steps: a slow encoder holds up the decoder, and that the sender of the input.
//
// What is exact: a clip begins with the picture nearest to the time asked for, and its sound with that picture, to the
// sample; later runs of the recording keep their own picture and sound together likewise. Pictures have one constant rate,
// that of the source where it has one: a picture of a source of varying rate is shown up to half a picture off. Sound whose
// clock drifts from its timestamps is drawn back to them, a quarter of a percent at most; within 2 ms it is left alone.
// Keyframes are every 2 s, at the same pictures in every rendition, and every group is closed: anything else is an error,
// which is tried again.
//
// Loudness: one gain brings what was measured at ingest to -16 LUFS, no more than 15 dB up, and nothing that is quieter than
// -50 LUFS; a limiter keeps true peaks below -1 dB. What a live window's end will be as loud as is not known when it begins:
// it is levelled by what was measured before. Files (openings, generated shots) carry their own measure, so that all of a clip
// is as loud; a bed of music is mixed in after that, and gives way to whatever is heard (music.go, duck.go).
//
// Where parts meet, the last picture of one may dissolve into the next, or be wiped away by it (joint.go): it stands on while
// the next part already runs, so no part loses a picture or moves.
//
// Template shots (render.go) are drawn by package motion over a base that is kept, and measured shots (look.go) by their
// decoded pictures.
package finish
