// Package publish brings finished clips to viewers and platforms, and takes them back.
//
// It takes clip.decided.v1: a verdict that carries the hash of a playable clip is pushed to every configured destination, a
// take-down is withdrawn from all of them. It gives publication.changed.v1 and the step "sent" of clip.state.v1, and
// delivery.logged.v1 for every answer of the VOD path.
//
// Package vod below it is the VOD path that viewers and CDNs read; delivery_log.go publishes its deliveries, on the bus and, where
// publish.log has a path, as lines of JSON in a log of bounded size (package delivery has its fields, and reads CDNs' logs
// into the same records). Deliveries wait in memory, bounded; what finds no place is dropped and counted.
//
// # The way of a publication
//
// verdict.go says what a verdict causes; ledger.go keeps it; pusher.go and withdraw.go do the calls, through a connector
// (connector.go) for each kind of destination: folder.go, webhook.go (caller.go makes its calls) and cdn.go.
//
// # Destinations
//
// A folder gets {tenant}/{stream}/{clip}.r{revision}.mp4 with .jpg, .vtt and, last, .json.
//
// A webhook gets a POST of JSON with signed links (message.go). Its headers are X-Liveclip-Timestamp (Unix seconds),
// X-Liveclip-Signature (hex HMAC-SHA256 of timestamp + "." + body under the destination's secret) and Idempotency-Key
// ("clip/revision/destination"). It answers 2xx, if it likes with {"state": "accepted" or "visible", "id", "url"}; 408, 425,
// 429 and 5xx ask for another try, Retry-After honoured; any other answer is a rejection. A revision of a clip that it has
// comes with "replaces" ({"revision", "remote_id"}): whoever puts it in the old one's place answers with the same id; any other
// is told clip.withdrawn of the old one.
//
// A CDN before the VOD path has a clip as soon as somebody asks it, so nothing is pushed; to take a clip back, a hook is
// posted, signed like a webhook's, whose body has the parameters of the CDN's own purge call (RefreshObjectCaches,
// PurgePathCache, CreateInvalidation): the hook adds the account's credentials, which are not here.
//
// # The ledger
//
// A publication is written "intended" before any call, and marked as being called before each one. Whoever finds the mark
// knows that a call was begun and not answered: a folder is simply written again and a CDN purged again, a webhook's state
// becomes "unknown", and it is not called again by itself. So does an answer that never came after the request was on its way.
//
// An entry is recalled when its clip is taken down, or once a newer revision has arrived at the same destination: older ones
// do not stay there. A newer revision goes wherever an older one is or may be, also where a person sent that. What could not be
// taken back, or nobody knows whether, ends as "unknown", with its reason, for a person. While anything is left to do a note
// lies in the store beside the ledger; the sweep puts back on the queue what is noted, so neither a flushed Redis nor a killed
// process forgets a push or a withdrawal.
package publish
