package copycut

// #cgo pkg-config: libavutil libavcodec
// #include <libavutil/channel_layout.h>
// #include <libavutil/frame.h>
// #include <libavutil/samplefmt.h>
// #include <libavcodec/avcodec.h>
import "C"

import (
	"unsafe"

	"github.com/asticode/go-astiav"
)

// interlaced reports whether a picture is two fields. go-astiav 0.16 doesn't tell.
func interlaced(f *astiav.Frame) bool { return (*C.AVFrame)(f.UnsafePointer()).interlaced_frame != 0 }

// resetPictureType takes the source's way of encoding off a picture, so that the encoder finds its own.
func resetPictureType(f *astiav.Frame) {
	c := (*C.AVFrame)(f.UnsafePointer())
	c.pict_type, c.key_frame = C.AV_PICTURE_TYPE_NONE, 0
}

// setReorder tells a decoder how many pictures may come before one that is shown earlier: without, it learns that from the
// first ones it gives in the wrong order. go-astiav 0.16 can't; its CodecContext is, as its first field, the pointer.
func setReorder(decoder *astiav.CodecContext, n int) {
	c := *(**C.AVCodecContext)(unsafe.Pointer(decoder))
	c.has_b_frames = max(c.has_b_frames, C.int(n))
}

// fillSilence empties a frame of planar float samples.
func fillSilence(f *astiav.Frame, channels int) {
	c := (*C.AVFrame)(f.UnsafePointer())
	C.av_samples_set_silence(c.extended_data, 0, c.nb_samples, C.int(channels), C.AV_SAMPLE_FMT_FLTP)
}
