// Package face finds faces in small pictures with YuNet, a detector of 0.1 M weights, through ONNX Runtime. The runtime is
// a shared library that is opened when it is asked for: nothing links it.
package face

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"liveclip/internal/media/follow"
	"liveclip/internal/native"
)

// Size is what pictures are made to before they are looked at: 32 pixels each are what the detector counts in. The width
// is enough for a face of a thirtieth of it.
func Size(width, height int) (w, h int) {
	const across, grid = 320, 32
	return across, max(grid, (across*height/max(1, width)+grid/2)/grid*grid)
}

// strides of the detector's three scales, in pixels.
var strides = []int{8, 16, 32}

// values a scale gives at each of its places: is it a face, is there anything, where.
var heads = []struct {
	name   string
	values int
}{{"cls", 1}, {"obj", 1}, {"bbox", 4}}

// Detector finds faces in pictures of one size. For one goroutine.
type Detector struct {
	width, height int
	input         *ort.Tensor[float32]
	outputs       []*ort.Tensor[float32] // by head, then stride
	session       *ort.AdvancedSession
}

// environment of the runtime: there is one in a process, of the library that was opened first.
var environment = sync.OnceValue(ort.InitializeEnvironment)

// Open loads a model (.onnx) with the runtime library (libonnxruntime.so 1.17 or later; empty: the one beside this program)
// for pictures of a size as Size gives.
func Open(library, model string, width, height int) (_ *Detector, err error) {
	if library == "" {
		if library, err = native.Library(native.ONNXRuntime, ""); err != nil {
			return nil, err
		}
	}
	for _, path := range []string{library, model} {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("open face detector: %w", err)
		}
	}
	ort.SetSharedLibraryPath(library)
	if err := environment(); err != nil {
		return nil, fmt.Errorf("open ONNX Runtime %s: %w", library, err)
	}
	d := &Detector{width: width, height: height}
	defer func() {
		if err != nil {
			d.Close()
			err = fmt.Errorf("open face detector %s: %w", model, err)
		}
	}()
	if err := d.load(model); err != nil {
		return nil, err
	}
	// One that has other inputs or outputs is noticed now. (Asking for their names fails on models with a scalar one.)
	_, err = d.Find(make([]byte, 3*width*height), 3*width)
	return d, err
}

func (d *Detector) names() []string {
	var names []string
	for _, head := range heads {
		for _, stride := range strides {
			names = append(names, fmt.Sprintf("%s_%d", head.name, stride))
		}
	}
	return names
}

func (d *Detector) load(model string) (err error) {
	if d.input, err = ort.NewEmptyTensor[float32](ort.NewShape(1, 3, int64(d.height), int64(d.width))); err != nil {
		return err
	}
	var outputs []ort.ArbitraryTensor
	for _, head := range heads {
		for _, stride := range strides {
			places := int64(d.width / stride * (d.height / stride))
			t, err := ort.NewEmptyTensor[float32](ort.NewShape(1, places, int64(head.values)))
			if err != nil {
				return err
			}
			d.outputs, outputs = append(d.outputs, t), append(outputs, t)
		}
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	// The encoders need the other cores more.
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1), options.SetCpuMemArena(false)); err != nil {
		return err
	}
	d.session, err = ort.NewAdvancedSession(model, []string{"input"}, d.names(), []ort.ArbitraryTensor{d.input}, outputs, options)
	return err
}

// Find finds the faces in a picture of 8-bit blue, green, red, stride bytes a row.
func (d *Detector) Find(bgr []byte, stride int) ([]follow.Face, error) {
	in, plane := d.input.GetData(), d.width*d.height
	for y := range d.height {
		row := bgr[y*stride:][:3*d.width]
		for x := range d.width {
			at := y*d.width + x
			in[at], in[plane+at], in[2*plane+at] = float32(row[3*x]), float32(row[3*x+1]), float32(row[3*x+2])
		}
	}
	if err := d.session.Run(); err != nil {
		return nil, fmt.Errorf("find faces: %w", err)
	}
	var found []follow.Face
	for i, stride := range strides {
		class, object, box := d.outputs[i].GetData(), d.outputs[len(strides)+i].GetData(), d.outputs[2*len(strides)+i].GetData()
		found = append(found, decode(class, object, box, stride, d.width, d.height)...)
	}
	return apart(found), nil
}

// least score of what is given on.
const least = 0.5

// decode reads one scale: at each place a box around a middle near it, and how sure that it is a face.
func decode(class, object, box []float32, stride, width, height int) []follow.Face {
	var found []follow.Face
	across := width / stride
	for i := range class {
		score := math.Sqrt(share(class[i]) * share(object[i]))
		if !(score >= least) { // also what is no number
			continue
		}
		b := box[4*i:][:4]
		s, w, h := float64(stride), float64(width), float64(height)
		f := follow.Face{
			X: (float64(i%across) + float64(b[0])) * s / w, Y: (float64(i/across) + float64(b[1])) * s / h,
			Width: math.Exp(float64(b[2])) * s / w, Height: math.Exp(float64(b[3])) * s / h, Score: score,
		}
		if f.X >= 0 && f.X <= 1 && f.Y >= 0 && f.Y <= 1 && f.Width <= 1 && f.Height <= 2 {
			found = append(found, f)
		}
	}
	return found
}

func share(v float32) float64 { return float64(min(max(v, 0), 1)) }

// Close gives everything back.
func (d *Detector) Close() {
	if d.session != nil {
		_ = d.session.Destroy()
	}
	for _, t := range append(d.outputs, d.input) {
		if t != nil {
			_ = t.Destroy()
		}
	}
}
