// Package copycut cuts a window out of a file or a recording, exact to the frame, without encoding more of it than the pictures
// around its two ends. It runs in liveclip-media only, one order per process.
//
// Cut's way: a source (source.go) gives packets; pictures (pictures.go) decides, from their times alone, which are copied and
// which have to be encoded: what is shown before the first picture that decoding can begin at, and the last few which need
// pictures beyond the end. Those are decoded and encoded again (encode.go) with the source's profile, level, size, pixels,
// colours and aspect; sound (sound.go) is copied whole, from a packet or two earlier, and the edit list says where it begins;
// output (output.go) writes the same kind of file as finishing does.
//
// The copied packets stay byte for byte the source's. So the ends' parameter sets can't have the source's IDs: they take
// others (sets.go; hevc.go, because x265 knows only 0), and the one configuration record in the header holds both. FFmpeg's
// decoders and Chromium's, of a file and through Media Source Extensions, play over both seams. Sets in the packets (avc3)
// would have changed the first copied one, and a second sample description would have players open their decoder anew in the
// middle of the clip.
//
// Where it can't cut exactly it refuses and says why. An H.264 seam has to be an IDR picture, since only that may bring
// another parameter set into force: with open GOPs, whose keyframes are not, all up to the next IDR is encoded, which may be
// the whole window; Result.Notes says so. In HEVC every keyframe will do, behind an end of sequence.
package copycut
