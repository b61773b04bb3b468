package t2v

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"liveclip/internal/child/childtest"
	"liveclip/internal/font"
	mediav1 "liveclip/proto/media/v1"
	"liveclip/services/t2v/engines"
)

// easel notes what is ordered, and leaves bases as a child would.
type easel struct {
	prober
	ordered []*mediav1.RenderOrder
	refuse  bool
}

func (e *easel) Render(_ context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	e.ordered = append(e.ordered, order)
	if e.refuse {
		return nil, errors.New("no")
	}
	return &mediav1.Rendered{}, os.WriteFile(order.GetBase(), nil, 0o600)
}

// leisured is a service whose waiting is noted, and over at once.
func leisured(t *testing.T, sizes ...string) (*Service, *easel, *[]time.Duration) {
	t.Helper()
	s, _, _ := newService(t, engines.Config{}, nil)
	e, waited := &easel{}, &[]time.Duration{}
	d := s.shotMaker.drawer
	d.media, d.cfg.Draw.Ahead, d.cfg.Font = e, sizes, "font.ttf"
	s.cfg.Font, s.load = d.cfg.Font, func() float64 { return 0 }
	s.pause = func(ctx context.Context, d time.Duration) error { *waited = append(*waited, d); return ctx.Err() }
	return s, e, waited
}

func TestBasesAreMadeAheadOnceAndAreThoseOfShots(t *testing.T) {
	s, e, _ := leisured(t, "640x360", "360x640")
	d := s.shotMaker.drawer
	for range 2 { // the second time is after a restart
		s.renderBasesAhead(t.Context())
	}
	ready, wanted, folder, err := Ahead(d.cfg)
	if err != nil || len(e.ordered) != 2*len(d.templates) || ready != wanted || wanted != len(e.ordered) || folder != s.cfg.Cache {
		t.Errorf("%d bases were ordered, %d of %d are ready in %s (%v)", len(e.ordered), ready, wanted, folder, err)
	}
	made := map[string]bool{}
	for _, order := range e.ordered {
		if order.GetOut() != "" {
			t.Errorf("a shot was ordered, too: %v", order)
		}
		made[order.GetBase()] = true
	}
	shot := Drawing{Template: "countdown", Tenant: "default", Width: 360, Height: 640, Length: 3 * time.Second,
		Fields: map[string]string{"product": "保温杯", "price": "¥59", "countdown": "3m"}}
	if _, err := d.Draw(t.Context(), shot, filepath.Join(t.TempDir(), "shot.mp4")); err != nil {
		t.Fatal(err)
	}
	if last := e.ordered[len(e.ordered)-1]; !made[last.GetBase()] {
		t.Errorf("a shot's base is %s, which was not made ahead", last.GetBase())
	}
}

func TestBasesWaitUntilThereIsLeisure(t *testing.T) {
	s, e, waited := leisured(t, "640x360")
	busy := 3
	s.load = func() float64 { busy--; return float64(busy) * 1000 }
	s.activePlans.Add(1)
	s.pause = func(_ context.Context, d time.Duration) error {
		if *waited = append(*waited, d); len(*waited) == 3 {
			s.activePlans.Add(-1)
		}
		if len(e.ordered) > 0 {
			return context.Canceled
		}
		return nil
	}
	s.renderBasesAhead(t.Context())
	want := []time.Duration{aheadAfter, aheadLook, aheadLook, aheadLook, aheadLook, 0}
	if !reflect.DeepEqual(*waited, want) || len(e.ordered) != 1 {
		t.Errorf("waited %v and made %d bases, want %v and one", *waited, len(e.ordered), want)
	}
}

func TestABaseThatCannotBeMadeHoldsUpNoOther(t *testing.T) {
	s, e, _ := leisured(t, "640x360")
	e.refuse, s.log = true, slog.New(slog.DiscardHandler)
	s.renderBasesAhead(t.Context())
	if len(e.ordered) != len(s.shotMaker.drawer.templates) {
		t.Errorf("%d bases were tried, want %d", len(e.ordered), len(s.shotMaker.drawer.templates))
	}
}

func TestTheMediaChildMakesABaseAlone(t *testing.T) {
	s, _, _ := leisured(t, "320x180")
	d := s.shotMaker.drawer
	d.media = childMedia{childtest.Starter(t)}
	var err error
	if d.cfg.Font, err = font.Find(); err != nil {
		t.Fatal(err)
	}
	d.cfg.Draw.AheadLength = 500 * time.Millisecond
	b := templateBase{"price_drop", "", frame{320, 180}}
	for _, want := range []bool{true, false} {
		if made, err := d.makeBase(t.Context(), b); made != want || err != nil {
			t.Errorf("made %v (%v), want %v", made, err, want)
		}
	}
	order, err := d.baseOrder(b)
	if err != nil {
		t.Fatal(err)
	}
	probed, err := childMedia{childtest.Starter(t)}.Probe(t.Context(), order.GetBase())
	if err != nil || probed.GetParameters().GetWidth() != 320 || time.Duration(probed.GetDuration()) != 500*time.Millisecond {
		t.Errorf("it is %v (%v)", probed, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.cfg.Cache, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSizesOfBasesAreRefusedByName(t *testing.T) {
	for _, size := range []string{"", "720p", "1x1", "721x1280", "8000x8000", "720x1280 ", "-720x1280", "720x1280x3"} {
		if _, err := parseSize(size); err == nil {
			t.Errorf("%q was taken", size)
		}
	}
	if f, err := parseSize("720x1280"); err != nil || f != (frame{720, 1280}) {
		t.Errorf("720x1280 is %v (%v)", f, err)
	}
}
