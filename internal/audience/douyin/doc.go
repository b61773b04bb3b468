// Package douyin reads what Douyin tells of a live room's audience, in two forms.
//
// The official push (push.go): HTTP callbacks of the open platform, one kind of message each, signed. A message may come
// twice, comments and likes may be lost, and the order is not absolute.
//
// The web player's feed (web.go): frames of a WebSocket, in protobuf that nobody publishes. It breaks often, and reading it
// may be against the platform's terms: whoever connects it decides that.
package douyin
