package finish

// #cgo pkg-config: libavutil libavformat
// #include <libavutil/frame.h>
// #include <libavformat/avformat.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/asticode/go-astiav"
)

// plane is plane i of a frame's memory, n bytes of it; valid as long as the frame is.
func plane(f *astiav.Frame, i, n int) []byte {
	c := (*C.AVFrame)(f.UnsafePointer())
	if c.data[i] == nil || n <= 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(c.data[i])), n)
}

// frameDuration is how long a decoded frame is shown, in its stream's time base; 0: not known.
func frameDuration(f *astiav.Frame) int64 {
	return int64((*C.AVFrame)(f.UnsafePointer()).pkt_duration)
}

// samples is channel i of a frame of planar float samples; valid as long as the frame is.
func samples(f *astiav.Frame, i int) []float32 {
	c := (*C.AVFrame)(f.UnsafePointer())
	if c.data[i] == nil || c.nb_samples <= 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(c.data[i])), int(c.nb_samples))
}

// luma is a picture's brightness plane, stride bytes a row; valid as long as the frame is. The picture is not flipped.
func luma(f *astiav.Frame) (pixels []byte, stride int) {
	c := (*C.AVFrame)(f.UnsafePointer())
	stride = int(c.linesize[0])
	if stride <= 0 {
		return nil, 0
	}
	return plane(f, 0, stride*int(c.height)), stride
}

// cropFrame leaves width columns of a frame, from left on; the memory is shared with its clones. Where left is odd, the
// colours are half a pixel off.
func cropFrame(f *astiav.Frame, left, width int) error {
	c := (*C.AVFrame)(f.UnsafePointer())
	c.crop_left, c.crop_right = C.size_t(left), C.size_t(int(c.width)-left-width)
	if code := C.av_frame_apply_cropping(c, C.AV_FRAME_CROP_UNALIGNED); code < 0 {
		return fmt.Errorf("crop: %w", astiav.Error(code))
	}
	return nil
}

// eachPlane gives the memory of each plane of a yuv420p picture, stride bytes a row; valid as long as the frame is.
func eachPlane(f *astiav.Frame, do func(rows []byte, stride, width, height int)) {
	c := (*C.AVFrame)(f.UnsafePointer())
	for i := range 3 {
		width, height, stride := int(c.width), int(c.height), int(c.linesize[i])
		if i > 0 {
			width, height = (width+1)/2, (height+1)/2
		}
		if rows := plane(f, i, stride*(height-1)+width); rows != nil {
			do(rows, stride, width, height)
		}
	}
}

// setMetadata sets a metadata key of a file to be written. go-astiav 0.16 only reads metadata: its FormatContext is, as its
// first field, the pointer that is needed here.
func setMetadata(out *astiav.FormatContext, key, value string) {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	c := *(**C.AVFormatContext)(unsafe.Pointer(out))
	C.av_dict_set(&c.metadata, k, v, 0) //nolint:gocritic // of the code cgo makes
}
