// Package publish brings finished clips to viewers and platforms.
//
// It takes clip.decided.v1: a verdict that carries the hash of a playable clip is pushed to every configured destination, a
// take-down is withdrawn from all of them. It gives publication.changed.v1 and the step "sent" of clip.state.v1, and
// delivery.logged.v1 for every answer of the VOD path. It follows clip.state.v1 to put back on its queue what was meant to
// be sent and has no outcome.
//
// # The VOD path
//
// Handler serves /vod/{clip_id}/{hash}/{file}: {profile}.mp4, index.m3u8 and {profile}.m3u8 (HLS over byte ranges of the
// same MP4), cover.jpg, subtitles.vtt. A URL is signed (package sign) for everything under the hash; a clip plays while its
// manifest names the hash and it is not taken down, which is known within a second on every origin.
//
// It keeps to RFC 9110: conditions in their order, single ranges as plain 206, several as multipart/byteranges (at most 16
// after joining, else the whole), 416 with the size for what cannot be satisfied and for a range set that breaks the
// grammar. A Range of another unit, a repeated Range field, and any Range of an empty file or of a HEAD are ignored.
//
// # Destinations
//
// A destination is a folder, which gets {tenant}/{stream}/{clip}.r{revision}.mp4 with .jpg, .vtt and, last, .json; or a
// webhook, which gets a POST of JSON with signed links. A webhook's headers are X-Liveclip-Timestamp (Unix seconds),
// X-Liveclip-Signature (hex HMAC-SHA256 of timestamp + "." + body under the destination's secret) and Idempotency-Key
// ("clip/revision/destination"). It answers 2xx, if it likes with {"state": "accepted" or "visible", "id", "url"}; 408, 425,
// 429 and 5xx ask for another try, Retry-After honoured; any other answer is a rejection.
//
// # The ledger
//
// A publication is written "intended" before any call, and marked as being called before each one. Whoever finds the mark
// knows that a call was begun and not answered: a folder is simply written again, a webhook's state becomes "unknown", and
// it is not called again by itself. So does an answer that never came after the request was on its way.
package publish
