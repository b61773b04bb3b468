// Package publish brings finished clips to viewers and platforms.
//
// It takes clip.decided.v1: a verdict that carries the hash of a playable clip is pushed to every configured destination, a
// take-down is withdrawn from all of them. It gives publication.changed.v1 and the step "sent" of clip.state.v1, and
// delivery.logged.v1 for every answer of the VOD path. It follows clip.state.v1 to put back on its queue what was meant to
// be sent and has no outcome.
//
// Package vod below it is the VOD path that viewers and CDNs read; this package tells the bus of its deliveries.
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
