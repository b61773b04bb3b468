// Package finish makes what is watched: clips out of parts of recordings and files, and template shots, with FFmpeg. It runs
// in liveclip-media only, one order per process.
//
// Clip's way: a part (part.go) demuxes and decodes its source (source.go), brings pictures to one shape and sound to 48 kHz
// stereo (shape.go); the timeline lays parts end to end without gaps (timeline.go); one filter graph (graph.go) scales and
// letters (layout.go, label.go) every picture for every profile; each rendition encodes and writes its own file (encode.go),
// which is then sealed and checked (seal.go). Nothing is held but a few pictures between two steps: a slow encoder holds up
// the decoder, and that the sender of the input.
package finish
