// Package voice tells voice from other sound with Silero's detector, a model of 0.3 M weights, through ONNX Runtime: music,
// applause and hum are loud, and nobody speaks in them. The runtime is a shared library that is opened when it is asked for.
package voice

import (
	"errors"
	"fmt"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"liveclip/internal/domain"
	"liveclip/internal/models"
	"liveclip/internal/native"
)

const (
	rate    = 16000
	window  = 512 // samples looked at in one go
	context = 64  // of the window before, that are looked at again
	states  = 2 * 128
)

// Step is the length of a window.
const Step = window * time.Second / rate

// Detector tells for many voices, each with a memory of its own. For one goroutine.
type Detector struct {
	session *ort.DynamicAdvancedSession
	input   *ort.Tensor[float32]
	state   *ort.Tensor[float32]
	rate    *ort.Tensor[int64]
	answer  *ort.Tensor[float32]
	next    *ort.Tensor[float32]
	voices  map[string]*memory
}

// memory is what the detector knows of a voice.
type memory struct {
	state  [states]float32
	before [context]float32
	left   []int16 // less than a window
}

const mostVoices = 10_000 // a kilobyte each

// Open verifies and loads the model of a folder; libraries is where libonnxruntime.so lies (empty: beside this program).
// Its errors are permanent.
func Open(folder, libraries string) (_ *Detector, err error) {
	defer func() {
		if err != nil {
			err = domain.Permanent(fmt.Errorf("open voice detector: %w", err))
		}
	}()
	manifest, err := models.Load(folder)
	if err != nil {
		return nil, err
	}
	if manifest.Kind != models.Silero {
		return nil, fmt.Errorf("%s: %w: it is %s", folder, models.ErrKind, manifest.Kind)
	}
	model, err := manifest.Verify()
	if err != nil {
		return nil, err
	}
	library, err := native.Library(native.ONNXRuntime, libraries)
	if err != nil {
		return nil, err
	}
	if !ort.IsInitialized() { // there is one runtime in a process
		ort.SetSharedLibraryPath(library)
		if err := ort.InitializeEnvironment(); err != nil {
			return nil, fmt.Errorf("open ONNX Runtime %s: %w", library, err)
		}
	}
	d := &Detector{voices: map[string]*memory{}}
	if err := d.load(model.Path("model")); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Detector) load(path string) (err error) {
	floats := func(into **ort.Tensor[float32], shape ...int64) {
		if err == nil {
			*into, err = ort.NewEmptyTensor[float32](ort.NewShape(shape...))
		}
	}
	floats(&d.input, 1, context+window)
	floats(&d.state, 2, 1, 128)
	floats(&d.answer, 1, 1)
	floats(&d.next, 2, 1, 128)
	if err != nil {
		return err
	}
	if d.rate, err = ort.NewTensor(ort.NewShape(1), []int64{rate}); err != nil {
		return err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return err
	}
	d.session, err = ort.NewDynamicAdvancedSession(path, []string{"input", "state", "sr"}, []string{"output", "stateN"}, options)
	if err != nil {
		return err
	}
	_, err = d.look(&memory{}, make([]int16, window)) // a model that answers otherwise is noticed now
	return err
}

// Hear takes the next sound of a voice and gives how likely it is, for each window that it fills, that somebody speaks. What
// does not follow on the last sound begins anew.
func (d *Detector) Hear(voice string, samples []int16, anew bool) ([]float32, error) {
	m := d.voices[voice]
	if m == nil || anew {
		if len(d.voices) >= mostVoices {
			clear(d.voices)
		}
		m = &memory{}
		d.voices[voice] = m
	}
	m.left = append(m.left, samples...)
	var out []float32
	for len(m.left) >= window {
		p, err := d.look(m, m.left[:window])
		if err != nil {
			return nil, err
		}
		out = append(out, p)
		m.left = m.left[window:]
	}
	m.left = append([]int16(nil), m.left...)
	return out, nil
}

func (d *Detector) look(m *memory, samples []int16) (float32, error) {
	in := d.input.GetData()
	copy(in, m.before[:])
	for i, v := range samples {
		in[context+i] = float32(v) / 32768
	}
	copy(m.before[:], in[window:])
	copy(d.state.GetData(), m.state[:])
	err := d.session.Run([]ort.ArbitraryTensor{d.input, d.state, d.rate}, []ort.ArbitraryTensor{d.answer, d.next})
	if err != nil {
		return 0, fmt.Errorf("tell voice: %w", err)
	}
	copy(m.state[:], d.next.GetData())
	return d.answer.GetData()[0], nil
}

// Close gives the model back.
func (d *Detector) Close() {
	for _, t := range []interface{ Destroy() error }{d.input, d.state, d.rate, d.answer, d.next} {
		switch t := t.(type) {
		case *ort.Tensor[float32]:
			if t != nil {
				_ = t.Destroy()
			}
		case *ort.Tensor[int64]:
			if t != nil {
				_ = t.Destroy()
			}
		}
	}
	if d.session != nil {
		_ = d.session.Destroy()
	}
}
