package media

//#cgo pkg-config: libavformat
//#include <time.h>
//#include <libavformat/avformat.h>
/*
static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// gather reads packets until max are there, or an error comes, or `within` ns have passed since it was called. A read that had
// to wait is followed by a nap: what arrives meanwhile is taken at once.
static int gather(AVFormatContext *fc, AVPacket **packets, int max, int64_t within, int64_t nap, int *read) {
	int64_t until = now_ns() + within;
	struct timespec napping = {0, nap};
	*read = 0;
	while (*read < max) {
		int64_t began = now_ns();
		int err = av_read_frame(fc, packets[*read]);
		if (err < 0)
			return err;
		++*read;
		int64_t now = now_ns();
		if (now >= until)
			return 0;
		if (nap > 0 && now - began > 1000000)
			nanosleep(&napping, NULL);
	}
	return 0;
}
*/
import "C"

import (
	"time"
	"unsafe"

	"github.com/asticode/go-astiav"
)

const (
	// A call into C costs Go's scheduler more than most packets cost FFmpeg: packets are read many at a time. What is read
	// is held up so long at most, as long as packets keep coming.
	gatherWithin = 80 * time.Millisecond
	gatherNap    = 40 * time.Millisecond
	gatherMost   = 64
)

// gatherer reads packets in batches.
type gatherer struct {
	packets []*astiav.Packet
	c       []*C.AVPacket // the same
	read    int           // in the batch
	given   int
	err     error // after the batch
}

func newGatherer() *gatherer {
	g := &gatherer{}
	for range gatherMost {
		p := astiav.AllocPacket()
		g.packets = append(g.packets, p)
		g.c = append(g.c, *(**C.AVPacket)(unsafe.Pointer(p))) // the pinned go-astiav's Packet is this pointer and nothing else
	}
	return g
}

// empty: fill comes next.
func (g *gatherer) empty() bool { return g.given == g.read && g.err == nil }

// next gives the next packet of the batch, which stays valid until the one after, or the error that ended the batch.
func (g *gatherer) next() (*astiav.Packet, error) {
	if g.given > 0 {
		g.packets[g.given-1].Unref()
	}
	if g.given == g.read {
		err := g.err
		g.err = nil
		return nil, err
	}
	g.given++
	return g.packets[g.given-1], nil
}

func (g *gatherer) fill(fc *astiav.FormatContext, live bool) {
	within, nap := gatherWithin, gatherNap
	if !live {
		nap = 0
	}
	var read C.int
	c := *(**C.AVFormatContext)(unsafe.Pointer(fc)) // as above
	code := C.gather(c, &g.c[0], gatherMost, C.int64_t(within), C.int64_t(nap), &read)
	g.read, g.given, g.err = int(read), 0, nil
	if code < 0 {
		g.err = astiav.Error(code)
	}
}

func (g *gatherer) free() {
	for _, p := range g.packets {
		p.Free()
	}
}

// packetBytes are a packet's, as long as it is neither unreferenced nor freed.
func packetBytes(p *astiav.Packet) []byte {
	c := *(**C.AVPacket)(unsafe.Pointer(p))
	return unsafe.Slice((*byte)(c.data), int(c.size))
}
