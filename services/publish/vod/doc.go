// Package vod is the range-aware VOD path: it serves finished clips to viewers and CDNs, and tells of every answer.
//
// Handler serves what lies under /vod/{clip_id}/{hash}/:
//
//	{profile}.mp4    a rendition; fMP4, so that HLS, MSE and a plain <video> take the same bytes
//	{profile}.json   its sidecar index (package sidecar): where fragments lie, how many bytes the first frame needs
//	index.m3u8       HLS: a media playlist per rendition, and the subtitles as one the viewer may choose
//	{profile}.m3u8   the rendition's fragments as byte ranges
//	index.json       for players that fetch ranges themselves: renditions with bandwidth, codecs, sizes and heads
//	cover.jpg, thumbs.vtt and thumbs.jpg (a sprite), subtitles.vtt, subtitles.srt, subtitles.m3u8, chapters.vtt of a recap
//
// A clip plays while its manifest names the hash and it is not taken down, which is known within a second on every origin;
// answers under way end half a second later, and are counted.
// Answers may be cached for as long as the URL holds; those that carry the asker's signature on, by its own cache only.
//
// # Who may fetch
//
// A URL is signed (package sign) for everything under the hash, or as a CDN before this origin signs it. A CDN that
// takes its viewers' signatures off before it asks (Aliyun does) shows its secret instead. Links inside playlists are
// signed like the URL they were asked with. Requests may be limited by session and by address, and to pages by their
// Referer; a CDN holds its own viewers to that. Of CDNs' forms only CloudFront's signs a session: beside the others a
// session limit is refused. What a request says of itself (rid, purpose, CMCD) is no part of any cache's key here: have
// a CDN leave it out of its own.
//
// # What is told
//
// One Delivery per answer to a good signature for a clip that exists, the refused ones too: X-Request-Id or rid, the
// signature's session (for want of one CMCD's sid), and the purpose as the request colours it: X-Purpose or purpose
// with head, preload, fill (P0, P1, P3), else by CMCD: com.liveclip-purpose, su or bs for head, bl for fill. All of
// that is the client's word.
//
// # The way of a request
//
// vod.go reads the path and asks access.go whether the request may be answered (limits.go: how many) and catalog.go what may
// be fetched. files.go knows what a name stands for; playlist.go and indexes.go make HLS of the file's own fragments. send.go
// is the engine below: it holds the conditions (condition.go) and the Range (range.go) against the file and has its bytes
// sent; answer.go counts them. shelf.go has files open, each once for all its readers, and heads of hot ones in memory;
// blocks.go reads an object store. pace.go sends what nobody bounded. watch.go ends what may not go on. delivery.go says what
// became of it.
//
// It keeps to RFC 9110: conditions in their order, single ranges as plain 206, several as multipart/byteranges (at most 16
// after joining, else the whole), 416 with the size for what cannot be satisfied and for a range set that breaks the
// grammar. A Range of another unit, a repeated Range field, and any Range of an empty file or of a HEAD are ignored.
//
// # Bytes
//
// Over the server of package outlet a local file goes out by sendfile at an offset; over TLS and HTTP/2 it is copied.
// Of an object store, blocks of 256 KiB are read, each once for all who wait for it and handed on while it comes, three
// ahead of whoever reads on, until the last of them has left, and kept within publish.vod.blocks bytes. A read that
// breaks off goes on from where it was, twice. What cannot be had after the head was sent, a file that shrank or an
// object that is another by its tag, ends the connection (the HTTP/2 stream): no byte of another version is sent, nor
// anything in the place of a byte. (Who cuts a file short in place, which the store never does, may zero the end of a
// page that sendfile has under way; no server can help that.) CONFORMANCE.md has what is answered to what, and the
// tests that hold it.
//
// # Waste
//
// A bounded range is what a player asked for, and goes out as fast as it can. An open-ended one, or none, gets the first two
// seconds of the film so, and then 1.5 times the speed it plays at by its index, with little in the kernel's buffers
// (publish.vod.pace); so most of what a viewer who leaves would not have watched is never sent. What a CDN asks for is not
// held back: it keeps it. Acked in a delivery is what the client's side acknowledged (TCP_INFO): all, when it asked again on
// the connection, else what it was when the connection ended or a second after the last byte; -1 over TLS and HTTP/2.
package vod
