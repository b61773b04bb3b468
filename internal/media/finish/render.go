package finish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/domain"
	"liveclip/internal/loudness"
	"liveclip/internal/motion"
	"liveclip/internal/tune"
	"liveclip/internal/typeset"
	"liveclip/internal/workfolder"
	mediav1 "liveclip/proto/media/v1"
)

// shotQuality: a shot and its base are encoded again when the clip is finished, so speed goes before size.
var shotQuality = quality{preset: "ultrafast", crf: "18"}

const shotBitRate = 40_000_000

// Shot does a RenderOrder: it draws the scene over its base, which is kept where the order says so, lays the voice over the
// sound, brings both to -16 LUFS, and leaves H.264 with AAC at out. Both files appear whole or not at all; two shots may make
// one base at once.
func Shot(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	astiav.SetLogLevel(astiav.LogLevelError)
	s, err := newShot(order)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("render order: %w", err))
	}
	defer s.Close()
	if err := s.draw(ctx); err != nil {
		return nil, fmt.Errorf("render shot: %w", err)
	}
	return &mediav1.Rendered{Cached: s.cached, Length: int64(s.shape.at(s.made)), Loudness: s.loudness}, nil
}

// shot is one order being done.
type shot struct {
	order  *mediav1.RenderOrder
	scene  motion.Scene
	shape  shape
	player *motion.Player
	cached bool
	folder string
	work   *workfolder.Folder // of the base

	out, base      *rendition // base is nil where it is not kept, or there already
	sound, beneath *soundEncoder
	under          [2][]float32 // the scene's own sound
	made           int64
	loudness       float64
}

func newShot(order *mediav1.RenderOrder) (_ *shot, err error) {
	s := &shot{order: order}
	decoder := json.NewDecoder(bytes.NewReader(order.GetScene()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.scene); err != nil {
		return nil, fmt.Errorf("scene: %w", err)
	}
	if order.GetOut() == "" {
		return nil, errors.New("out must name a file")
	}
	if err := s.scene.Check(); err != nil {
		return nil, err
	}
	face, err := typeset.Open(order.GetFontFile())
	if err != nil {
		return nil, err
	}
	if order.GetBase() != "" {
		_, err := os.Stat(order.GetBase())
		s.cached = err == nil
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	s.shape = shape{width: s.scene.Width, height: s.scene.Height, rate: snapRate(s.scene.FrameRate), matrix: "bt709"}
	s.player, err = motion.NewPlayer(s.scene, face, !s.cached)
	return s, err
}

// open makes the files.
func (s *shot) open() (err error) {
	if s.folder, err = os.MkdirTemp(filepath.Dir(s.order.GetOut()), ".shot-"); err != nil {
		return err
	}
	if s.sound, s.out, err = s.file(s.folder, "shot"); err != nil {
		return err
	}
	if s.order.GetBase() == "" || s.cached {
		return nil
	}
	// Beside the base, so that it can be moved into its place.
	if s.work, err = workfolder.Make(filepath.Dir(s.order.GetBase()), ".base-"); err != nil {
		return err
	}
	s.beneath, s.base, err = s.file(s.work.Path, "base")
	return err
}

func (s *shot) file(folder, name string) (*soundEncoder, *rendition, error) {
	sound, err := newSoundEncoder()
	if err != nil {
		return nil, nil, err
	}
	profile := &mediav1.FinishProfile{Name: name, Width: int64(s.shape.width), Height: int64(s.shape.height), VideoBitRate: shotBitRate}
	r, err := newRendition(folder, profile, s.shape, shotQuality, nil, sound, nil)
	if err != nil {
		sound.Close()
		return nil, nil, err
	}
	sound.give = func(packet *astiav.Packet) error { return r.movie.write(packet, 1, astiav.NewRational(1, sampleRate)) }
	return sound, r, nil
}

func (s *shot) Close() {
	for _, r := range []*rendition{s.out, s.base} {
		if r != nil {
			r.Close()
		}
	}
	for _, e := range []*soundEncoder{s.sound, s.beneath} {
		if e != nil {
			e.Close()
		}
	}
	if s.folder != "" {
		os.RemoveAll(s.folder)
	}
	if s.work != nil {
		_ = s.work.Remove()
	}
}

// draw makes the pictures, then the sound, and puts the files where they belong.
func (s *shot) draw(ctx context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	group, drawing := errgroup.WithContext(ctx)
	encode := func(r *rendition) func() error {
		return func() error {
			for u := range r.queue {
				err := r.take(u)
				u.free()
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	group.Go(encode(s.out))
	if s.base != nil {
		group.Go(encode(s.base))
	}
	group.Go(func() error {
		defer close(s.out.queue)
		if s.base != nil {
			defer close(s.base.queue)
		}
		if s.cached {
			return s.drawOver(drawing)
		}
		return s.drawAll(drawing)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return s.finish(ctx)
}

// drawAll draws every picture from nothing.
func (s *shot) drawAll(ctx context.Context) (err error) {
	if name := s.order.GetSound(); name != "" {
		if s.under, err = tune.Sting(name, s.scene.Length); err != nil {
			return domain.Permanent(err)
		}
	}
	for n := range s.scene.Frames() {
		f, err := s.frame()
		if err != nil {
			return err
		}
		s.player.Base(drawnOn(f), n)
		if s.base != nil {
			kept := f.Clone()
			kept.SetPts(int64(n))
			if err := s.base.give(ctx, unit{picture: kept}); err != nil {
				f.Free()
				return err
			}
			if f, err = s.copied(f); err != nil {
				return err
			}
		}
		if err := s.over(ctx, f, n); err != nil {
			return err
		}
	}
	return nil
}

// over draws the layers on a base's picture, which becomes the rendition's.
func (s *shot) over(ctx context.Context, f *astiav.Frame, n int) error {
	s.player.Over(drawnOn(f), n)
	f.SetPts(int64(n))
	s.made = int64(n) + 1
	return s.out.give(ctx, unit{picture: f})
}

// drawOver draws over the pictures of the base that was kept.
func (s *shot) drawOver(ctx context.Context) error {
	p := newPart(0, &mediav1.FinishPart{File: s.order.GetBase(), End: int64(s.scene.Length)}, nil)
	n, last := 0, (*astiav.Frame)(nil)
	defer func() {
		if last != nil {
			last.Free()
		}
	}()
	show := func(f *astiav.Frame) error {
		if n >= s.scene.Frames() {
			return nil
		}
		copied, err := s.copiedOf(f)
		if err != nil {
			return err
		}
		n++
		return s.over(ctx, copied, n-1)
	}
	_, _, err := p.run(ctx, s.shape, func(m media) error {
		for c, samples := range m.samples {
			s.under[c] = append(s.under[c], samples...)
		}
		if m.picture == nil {
			return nil
		}
		if last != nil {
			last.Free()
		}
		last = m.picture
		return show(last)
	})
	if err != nil {
		return fmt.Errorf("base %s: %w", filepath.Base(s.order.GetBase()), err)
	}
	for last != nil && n < s.scene.Frames() { // its last picture stands
		if err := show(last); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the sound and ends the files.
func (s *shot) finish(ctx context.Context) error {
	length := int(math.Round(s.shape.at(s.made).Seconds() * sampleRate))
	if s.base != nil {
		if err := s.hear(s.beneath, padded(s.under, length), 0); err != nil {
			return err
		}
		if err := s.end(s.base, s.beneath, s.order.GetBase()); err != nil {
			return err
		}
	}
	mixed := padded(s.under, length)
	if s.order.GetVoice() != "" {
		voice, err := s.spoken(ctx)
		if err != nil {
			return err
		}
		mixed = spokenOver(mixed, voice, int(s.order.GetVoiceAt()*sampleRate))
	}
	gain := 0.0
	if measured, ok := integrated(mixed); ok && measured > silentLoudness {
		gain = max(-40, min(mostGain, targetLoudness-measured))
		s.loudness = measured + gain
	}
	if err := s.hear(s.sound, mixed, gain); err != nil {
		return err
	}
	return s.end(s.out, s.sound, s.order.GetOut())
}

// hear encodes sound, louder by so many dB and held below the ceiling.
func (s *shot) hear(e *soundEncoder, sound [2][]float32, gain float64) error {
	l := newLeveller()
	l.give = e.add
	l.set(gain)
	if err := l.add(sound[0], sound[1]); err != nil {
		return err
	}
	if err := l.end(); err != nil {
		return err
	}
	return e.end()
}

func (s *shot) end(r *rendition, _ *soundEncoder, path string) error {
	if err := r.finish(); err != nil {
		return err
	}
	return os.Rename(r.path, path)
}

// spoken is what the voice says.
func (s *shot) spoken(ctx context.Context) ([2][]float32, error) {
	var voice [2][]float32
	p := newPart(0, &mediav1.FinishPart{File: s.order.GetVoice(), End: int64(s.scene.Length)}, nil)
	_, _, err := p.run(ctx, s.shape, func(m media) error {
		m.free()
		for c, samples := range m.samples {
			voice[c] = append(voice[c], samples...)
		}
		return nil
	})
	if err != nil {
		return voice, fmt.Errorf("voice: %w", err)
	}
	if measured, ok := integrated(voice); ok {
		by := float32(math.Pow(10, (targetLoudness-measured)/20))
		for c := range voice {
			for i := range voice[c] {
				voice[c][i] *= by
			}
		}
	}
	return voice, nil
}

// spokenOver lays a voice over sound, which gives way to it.
func spokenOver(under, voice [2][]float32, at int) [2][]float32 {
	duck := newDucker()
	for i := range under[0] {
		left, right := float32(0), float32(0)
		if j := i - at; j >= 0 && j < len(voice[0]) {
			left, right = voice[0][j], voice[1][j]
		}
		by := duck.gain(max(left, -left, right, -right))
		under[0][i], under[1][i] = under[0][i]*by+left, under[1][i]*by+right
	}
	return under
}

func integrated(sound [2][]float32) (float64, bool) {
	return loudness.Integrated(slices.Values(loudness.NewMeter(sampleRate, 2).Add([][]float32{sound[0], sound[1]})))
}

// padded is sound of n samples: cut, or with silence after it.
func padded(sound [2][]float32, n int) [2][]float32 {
	var out [2][]float32
	for c := range out {
		out[c] = make([]float32, n)
		copy(out[c], sound[c])
	}
	return out
}

// frame is an empty picture of the shot.
func (s *shot) frame() (*astiav.Frame, error) {
	f := astiav.AllocFrame()
	f.SetWidth(s.shape.width)
	f.SetHeight(s.shape.height)
	f.SetPixelFormat(astiav.PixelFormatYuv420P)
	if err := f.AllocBuffer(0); err != nil {
		f.Free()
		return nil, err
	}
	return f, nil
}

// copied is a picture of its own memory in place of f, which is freed.
func (s *shot) copied(f *astiav.Frame) (*astiav.Frame, error) {
	defer f.Free()
	return s.copiedOf(f)
}

func (s *shot) copiedOf(f *astiav.Frame) (*astiav.Frame, error) {
	to, err := s.frame()
	if err == nil {
		drawnOn(to).Copy(drawnOn(f))
	}
	return to, err
}

// drawnOn is a picture's memory as motion draws on it; valid as long as the picture is.
func drawnOn(f *astiav.Frame) motion.Frame {
	var m motion.Frame
	i := 0
	eachPlane(f, func(rows []byte, stride, width, height int) {
		switch i {
		case 0:
			m.Y, m.YStride, m.Width, m.Height = rows, stride, width, height
		case 1:
			m.U, m.CStride = rows, stride
		case 2:
			m.V = rows
		}
		i++
	})
	return m
}

// snapRate is the common rate a number stands for: 29.97 is 30000/1001.
func snapRate(rate float64) astiav.Rational {
	for _, r := range frameRates {
		if math.Abs(rate*float64(r[1])/float64(r[0])-1) < 0.0005 {
			return astiav.NewRational(r[0], r[1])
		}
	}
	return astiav.NewRational(int(math.Round(rate*1000)), 1000)
}
