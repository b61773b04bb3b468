// Package outlet is the HTTP server of a process. It answers plain GET and HEAD requests below one path, where a process
// sends nearly all of its bytes, by itself, and leaves every other request to net/http: HTTP/2, TLS, request bodies, and
// whatever is not of the simplest form.
//
// # Why
//
// net/http starts a goroutine, sets five deadlines and makes about twenty small objects for each request, holds 20 KiB for a
// connection that waits, writes head and body apart, and can send a file only from a descriptor's own offset, so that every
// range needs a descriptor. Here a request reads into a pooled buffer, is answered in one write or in one write and one
// sendfile at an offset (next to nothing is copied, and one descriptor serves all ranges of a file), and a connection that
// waits holds a goroutine and no buffer. A request costs one read: what was read short is known to be empty, and is waited for
// within the same call of the runtime's poller, which forgets nothing that comes meanwhile. System calls that cannot wait are
// made without telling Go's scheduler, which would start a thread for a sendfile of more than 20 µs; whether a part of a file
// is in memory is asked first (preadv2, RWF_NOWAIT), and one that may have to come from a disk, or lies in a file system that
// cannot tell, is sent the other way.
//
// # What is simple
//
// request.go takes GET or HEAD in HTTP/1.1 with an origin-form target below the path, one Host, and fields that net/http
// would take too; a body, an Expect, an Upgrade, a fold, a byte that is not allowed, more than 8 KiB, or anything else
// hands the connection, with the bytes read so far, to net/http for good. So there is one judge of odd requests.
//
// # Time
//
// A request's head must come within 10 s, a connection may wait two minutes, and a reader that takes less than 512 KiB (or the
// rest) in Patience is let go, on every connection, TLS and HTTP/2 too. Whether an answer under way may go on is asked twice a
// second while its reader is waited for, where the handler says whom to ask. The end of a client's half that came with its
// request is seen a second after the answer.
package outlet
