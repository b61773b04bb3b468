// Package vod is the range-aware VOD path: it serves finished clips to viewers and CDNs, and tells of every answer.
//
// Handler serves /vod/{clip_id}/{hash}/{file}: {profile}.mp4, index.m3u8 and {profile}.m3u8 (HLS over byte ranges of the
// same MP4), cover.jpg, subtitles.vtt. A URL is signed (package sign) for everything under the hash; a clip plays while its
// manifest names the hash and it is not taken down, which is known within a second on every origin.
//
// # The way of a request
//
// vod.go reads the path, checks the signature and asks catalog.go what may be fetched; playlist.go and index.go make HLS of
// the file's own fragments. send.go is the engine below: it holds the conditions (condition.go) and the Range (range.go)
// against the file and has its bytes sent; answer.go counts them. delivery.go says what became of it.
//
// It keeps to RFC 9110: conditions in their order, single ranges as plain 206, several as multipart/byteranges (at most 16
// after joining, else the whole), 416 with the size for what cannot be satisfied and for a range set that breaks the
// grammar. A Range of another unit, a repeated Range field, and any Range of an empty file or of a HEAD are ignored.
package vod
