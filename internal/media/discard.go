package media

//#cgo pkg-config: libavformat
//#include <libavformat/avformat.h>
import "C"

import (
	"unsafe"

	"github.com/asticode/go-astiav"
)

// discardOthers tells the demuxer which streams are not recorded: of a playlist with several qualities, the others are not
// even fetched. Streams of which nothing is known yet are left alone, and that of text (nil: there is none).
func discardOthers(fc *astiav.FormatContext, text *astiav.Stream, chosen ...*track) {
	wanted := map[int]bool{}
	if text != nil {
		wanted[text.Index()] = true
	}
	for _, t := range chosen {
		if t != nil {
			wanted[t.index] = true
		}
	}
	for _, s := range fc.Streams() {
		// The pinned go-astiav's Stream is a pointer to the C one and nothing else; it has no accessor of this field.
		c := *(**C.AVStream)(unsafe.Pointer(s))
		if !wanted[s.Index()] && s.CodecParameters().CodecID() != astiav.CodecIDNone {
			c.discard = C.AVDISCARD_ALL
		}
	}
}
