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
	"runtime"
	"sync"
	"time"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/domain"
	"liveclip/internal/motion"
	"liveclip/internal/typeset"
	"liveclip/internal/workfolder"
	mediav1 "liveclip/proto/media/v1"
)

// shotQuality: a shot and its base are encoded again when the clip is finished, so speed goes before size.
func shotQuality() quality {
	return quality{preset: "ultrafast", qp: "21", threads: min(runtime.NumCPU(), 8)}
}

// Shot does a RenderOrder: it draws the scene over its base, which is kept where the order says so, lays the voice over the
// sound, brings both to -16 LUFS, and leaves H.264 with AAC at out. Both files appear whole or not at all; two shots may make
// one base at once. Without an out only the base is made.
//
// The base's pictures, what is drawn over them, the encoders and the sound each work in a goroutine of their own, and x264
// in as many threads as there are processors: none waits for another longer than a few pictures.
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
	return &mediav1.Rendered{Cached: s.cached, Length: int64(s.length()), Loudness: s.loudness}, nil
}

// shot is one order being done.
type shot struct {
	order  *mediav1.RenderOrder
	scene  motion.Scene
	shape  shape
	face   *typeset.Face
	player func() (*motion.Player, error) // made when it is first asked for
	cached bool
	folder string
	work   *workfolder.Folder // of the base

	out, base *rendition // nil where it is not wanted, or there already
	sound     *soundEncoder
	packets   []*astiav.Packet // of sound
	loudness  float64
	spare     chan *astiav.Frame // pictures that were encoded: their memory is used again
}

func newShot(order *mediav1.RenderOrder) (_ *shot, err error) {
	s := &shot{order: order, spare: make(chan *astiav.Frame, 16)}
	decoder := json.NewDecoder(bytes.NewReader(order.GetScene()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.scene); err != nil {
		return nil, fmt.Errorf("scene: %w", err)
	}
	if order.GetOut() == "" && order.GetBase() == "" {
		return nil, errors.New("out or base must name a file")
	}
	if err := s.scene.Check(); err != nil {
		return nil, err
	}
	if s.face, err = typeset.Open(order.GetFontFile()); err != nil {
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
	s.player = sync.OnceValues(func() (*motion.Player, error) {
		player, err := motion.NewPlayer(s.scene, s.face, !s.cached)
		if err != nil {
			return nil, domain.Permanent(err)
		}
		return player, nil
	})
	return s, nil
}

func (s *shot) length() time.Duration { return s.shape.at(int64(s.scene.Frames())) }

// open makes the files.
func (s *shot) open() (err error) {
	if s.order.GetOut() != "" {
		if s.folder, err = os.MkdirTemp(filepath.Dir(s.order.GetOut()), ".shot-"); err != nil {
			return err
		}
		if s.sound, err = newSoundEncoder(map[string]string{"aac_coder": "fast"}); err != nil {
			return err
		}
		if s.out, err = s.file(s.folder, "shot", s.sound); err != nil {
			return err
		}
	}
	if s.order.GetBase() == "" || s.cached {
		return nil
	}
	// Beside the base, so that it can be moved into its place.
	if s.work, err = workfolder.Make(filepath.Dir(s.order.GetBase()), ".base-"); err != nil {
		return err
	}
	s.base, err = s.file(s.work.Path, "base", nil)
	return err
}

func (s *shot) file(folder, name string, sound *soundEncoder) (*rendition, error) {
	profile := &mediav1.FinishProfile{Name: name, Width: int64(s.shape.width), Height: int64(s.shape.height)}
	return newRendition(folder, profile, s.shape, shotQuality(), nil, sound, nil)
}

func (s *shot) Close() {
	for _, r := range []*rendition{s.out, s.base} {
		if r != nil {
			r.Close()
		}
	}
	if s.sound != nil {
		s.sound.Close()
	}
	for _, p := range s.packets {
		p.Free()
	}
	close(s.spare)
	for f := range s.spare {
		f.Free()
	}
	if s.folder != "" {
		os.RemoveAll(s.folder)
	}
	if s.work != nil {
		_ = s.work.Remove()
	}
}

// draw makes the pictures and the sound, and puts the files where they belong.
func (s *shot) draw(ctx context.Context) error {
	if s.order.GetOut() == "" && s.cached {
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	group, drawing := errgroup.WithContext(ctx)
	under := make(chan *astiav.Frame, 4) // full: the layers are what takes longer
	group.Go(func() error {
		defer close(under)
		if s.cached {
			return s.decodeBase(drawing, under)
		}
		return s.drawBase(drawing, under)
	})
	group.Go(func() error { return s.drawOver(drawing, under) })
	group.Go(func() error { return s.mixSound(drawing) })
	for _, r := range []*rendition{s.out, s.base} {
		if r != nil {
			group.Go(func() error { return s.encode(r) })
		}
	}
	err := group.Wait()
	for f := range under {
		f.Free()
	}
	if err != nil {
		return err
	}
	return s.finish()
}

// encode takes pictures until there are no more.
func (s *shot) encode(r *rendition) error {
	for u := range r.queue {
		if err := r.take(u); err != nil {
			u.free()
			return err
		}
		if r != s.out {
			u.free() // its memory is still drawn over
			continue
		}
		select {
		case s.spare <- u.picture: // x264 took a copy
		default:
			u.free()
		}
	}
	return nil
}

// drawBase draws the base's pictures.
func (s *shot) drawBase(ctx context.Context, under chan<- *astiav.Frame) error {
	if s.base != nil {
		defer close(s.base.queue)
	}
	player, err := s.player()
	if err != nil {
		return err
	}
	for n := range s.scene.Frames() {
		f, err := s.frame()
		if err != nil {
			return err
		}
		player.Base(motionFrame(f), n)
		f.SetPts(int64(n))
		if s.base != nil {
			if err := s.base.give(ctx, unit{picture: f.Clone()}); err != nil {
				f.Free()
				return err
			}
		}
		if s.out == nil {
			f.Free()
			continue
		}
		if err := sendFrame(ctx, under, f); err != nil {
			return err
		}
	}
	return nil
}

// sendFrame hands a picture, and its memory, to the receiver of to.
func sendFrame(ctx context.Context, to chan<- *astiav.Frame, f *astiav.Frame) error {
	select {
	case to <- f:
		return nil
	case <-ctx.Done():
		f.Free()
		return ctx.Err()
	}
}

// decodeBase decodes the base that was kept.
func (s *shot) decodeBase(ctx context.Context, under chan<- *astiav.Frame) error {
	p := newPart(0, &mediav1.FinishPart{File: s.order.GetBase(), End: int64(s.scene.Length)}, nil)
	_, _, err := p.run(ctx, s.shape, func(m media) error {
		if m.picture == nil {
			return nil
		}
		return sendFrame(ctx, under, m.picture)
	})
	if err != nil && ctx.Err() == nil {
		// The next attempt makes it anew: not for good.
		return errors.Join(fmt.Errorf("base %s: %v", filepath.Base(s.order.GetBase()), err), os.Remove(s.order.GetBase())) //nolint:errorlint // see above
	}
	return err
}

// drawOver draws the layers over the base's pictures; where those end early, the last one stands.
func (s *shot) drawOver(ctx context.Context, under <-chan *astiav.Frame) error {
	if s.out == nil {
		return nil
	}
	defer close(s.out.queue)
	player, err := s.player()
	if err != nil {
		return err
	}
	var last *astiav.Frame
	defer func() {
		if last != nil {
			last.Free()
		}
	}()
	for n := range s.scene.Frames() {
		select {
		case f, ok := <-under:
			if ok {
				if last != nil {
					last.Free()
				}
				last = f
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if last == nil {
			return errors.New("the base has no pictures")
		}
		f, err := s.frame()
		if err != nil {
			return err
		}
		motionFrame(f).Copy(motionFrame(last))
		player.Over(motionFrame(f), n)
		f.SetPts(int64(n))
		if err := s.out.give(ctx, unit{picture: f}); err != nil {
			return err
		}
	}
	for f := range under { // a base that is longer
		f.Free()
	}
	return nil
}

// finish ends the files and puts them into their places.
func (s *shot) finish() error {
	if s.base != nil {
		if err := end(s.base, s.order.GetBase()); err != nil {
			return err
		}
	}
	if s.out == nil {
		return nil
	}
	for _, p := range s.packets {
		if err := s.out.take(unit{sound: p}); err != nil {
			return err
		}
	}
	return end(s.out, s.order.GetOut())
}

func end(r *rendition, path string) error {
	if err := r.finish(); err != nil {
		return err
	}
	return os.Rename(r.path, path)
}

// frame is a picture of the shot, with whatever was on it.
func (s *shot) frame() (*astiav.Frame, error) {
	select {
	case f := <-s.spare:
		return f, nil
	default:
	}
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

// motionFrame is a picture's memory as motion draws on it; valid as long as the picture is.
func motionFrame(f *astiav.Frame) motion.Frame {
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
