package t2v

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/font"
	mediav1 "liveclip/proto/media/v1"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
)

// critic is a media child that finds what it is told, one after another, and the last again.
type critic struct {
	prober
	mu    sync.Mutex
	finds []*mediav1.Looked
	drew  []*mediav1.RenderOrder
}

func (c *critic) Look(context.Context, string) (*mediav1.Looked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.finds[0]
	if len(c.finds) > 1 {
		c.finds = c.finds[1:]
	}
	return found, nil
}

func (c *critic) Render(_ context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drew = append(c.drew, order)
	return &mediav1.Rendered{Length: 3e9, Loudness: -16}, os.WriteFile(order.GetOut(), []byte("shot"), 0o600)
}

var (
	good    = &mediav1.Looked{Frames: 32, Sharp: 0.03, Flicker: 0.002, Loudness: -20}
	black   = &mediav1.Looked{Frames: 32, Black: 0.9, Frozen: 0.9}
	blurred = &mediav1.Looked{Frames: 32, Sharp: 0.001}
)

// madeOf makes one generated shot before footage, of which a critic finds this.
func madeOf(t *testing.T, shot domain.Shot, finds ...*mediav1.Looked) (domain.Cut, *critic) {
	t.Helper()
	engine, _ := standIn(t, engines.KindOwn, enginestest.None)
	c := &critic{finds: finds}
	s, bus, _ := newService(t, engine, c)
	s.shotMaker.drawer.cfg.Font, _ = font.Find()
	_, j := planned(t, s, shot, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	cuts := bus.cuts()
	if len(cuts) != 1 {
		t.Fatalf("cuts %+v", cuts)
	}
	return cuts[0], c
}

func TestAGeneratedShotIsRecordedWithItsQuality(t *testing.T) {
	shot := dreamt
	shot.Prompt, shot.Negative, shot.Version, shot.Hash, shot.Seed = "a mug in light", "text", "enthusiastic@12345678", "abc", 77
	cut, _ := madeOf(t, shot, good)
	if len(cut.Shots) != 1 || len(cut.Notes) > 0 {
		t.Fatalf("records %+v, notes %q", cut.Shots, cut.Notes)
	}
	r := cut.Shots[0]
	if r.Became != domain.ShotGenerated || r.Prompt != "a mug in light" || r.Version != "enthusiastic@12345678" || r.Made.Seed != 77 || r.Made.Engine == "" ||
		r.Bytes == 0 || r.Quality != (domain.ShotQuality{Frames: 32, Sharp: 0.03, Flicker: 0.002}) || r.Fault != "" {
		t.Errorf("record %+v", r)
	}
	if cut.Parts[0].Loudness != -20 || !cut.Parts[0].Generated {
		t.Errorf("part %+v", cut.Parts[0])
	}
	stages := ""
	for _, s := range r.Made.Stages {
		stages += s.Name + " "
	}
	if !strings.Contains(stages, "generate") || !strings.HasSuffix(stages, "measure store ") {
		t.Errorf("stages %s", stages)
	}
}

func TestAShotThatIsNoGoodIsMadeAgainFromAnotherSeed(t *testing.T) {
	shot := dreamt
	shot.Seed = 77
	cut, _ := madeOf(t, shot, black, good)
	r := cut.Shots[0]
	if r.Became != domain.ShotGenerated || r.Made.Seed == 77 || r.Made.Attempts < 2 || r.Quality.Refused != "" {
		t.Errorf("record %+v", r)
	}
	if len(cut.Notes) != 1 || cut.Notes[0] != "generated again from another seed: 90 % of it is black, more than 30 %" {
		t.Errorf("notes %q", cut.Notes)
	}
}

func TestAShotThatStaysNoGoodGivesWay(t *testing.T) {
	cut, _ := madeOf(t, dreamt, blurred)
	if r := cut.Shots[0]; r.Became != domain.ShotFootage || r.Quality.Refused == "" || !strings.Contains(r.Fault, "no good after 2 seeds: it is blurred") {
		t.Errorf("record %+v", r)
	}
	if len(cut.Parts) != 1 || cut.Parts[0].Window != footage.Window {
		t.Errorf("parts %+v", cut.Parts)
	}

	stood := dreamt
	stood.Template, stood.Fields = "countdown", map[string]string{"product": "mug"}
	cut, c := madeOf(t, stood, blurred)
	if r := cut.Shots[0]; r.Became != domain.ShotTemplate || r.Template != "countdown" || r.Fault == "" || len(r.Made.Degraded) == 0 {
		t.Errorf("record %+v", r)
	}
	if len(cut.Parts) != 2 || cut.Parts[0].File == "" || cut.Parts[0].Generated || len(c.drew) != 1 {
		t.Errorf("parts %+v, drew %d", cut.Parts, len(c.drew))
	}
}

func TestTheGateNamesTheThresholdThatAShotFails(t *testing.T) {
	g := gateDefaults()
	for want, l := range map[string]*mediav1.Looked{
		"":                             good,
		"it has no picture":            {},
		"90 % of it is black":          black,
		"100 % of it is frozen":        {Frames: 9, Frozen: 1, Sharp: 0.1},
		"it is blurred: sharpness 0.0": blurred,
		"it flickers by 0.200":         {Frames: 9, Sharp: 0.1, Flicker: 0.2},
	} {
		if got := g.assess(l).Refused; !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%v: refused %q, want %q", l, got, want)
		}
	}
	cfg := Defaults()
	cfg.Gate = GateConfig{Black: 2, Retries: -1}
	if faults := strings.Join(cfg.Faults(), "\n"); !strings.Contains(faults, "t2v.gate.black: must be 0 to 1, is 2") || !strings.Contains(faults, "t2v.gate.retries: ") {
		t.Errorf("faults %s", faults)
	}
}

func TestALineIsSaidByWhoeverIsInstalled(t *testing.T) {
	d := &Drawer{cfg: Defaults(), templates: shippedLibrary(t)}
	d.cfg.Draw.Voice = voiceAuto
	template, _ := d.templates.find("price_drop")
	for name, c := range map[string]struct {
		path string
		note string
	}{"nobody": {t.TempDir(), "nothing says its line: espeak-ng is not installed"}, "the usual": {os.Getenv("PATH"), ""}} {
		t.Setenv("PATH", c.path)
		if _, err := speechProgram(voiceAuto, ""); name == "the usual" && err != nil {
			t.Skip(err)
		}
		var out Drawn
		file, length, err := d.voice(t.Context(), template, Drawing{}, map[string]string{"product": "-w /tmp/x", "price": "¥5"}, t.TempDir()+"/v.wav", &out)
		if err != nil {
			t.Fatal(err)
		}
		if c.note != "" && (len(out.Notes) != 1 || out.Notes[0] != c.note || file != "" || out.Synthesised || length != template.Length) {
			t.Errorf("%s: notes %q, file %q", name, out.Notes, file)
		}
		if c.note == "" && (len(out.Notes) > 0 || file == "" || !out.Synthesised || length < template.Length || length%lengthStep != 0) {
			t.Errorf("%s: notes %q, file %q, %s", name, out.Notes, file, length)
		}
	}
}

func TestASeedFollowsFromTheShotAndTheTry(t *testing.T) {
	shot := domain.Shot{Seed: 5}
	if shotSeed(shot, "c/1/0", 0) != 5 || shotSeed(shot, "c/1/0", 1) == 5 ||
		shotSeed(domain.Shot{}, "c/1/0", 0) == shotSeed(domain.Shot{}, "c/1/1", 0) || shotSeed(domain.Shot{}, "c", 3) >= 1<<31 {
		t.Error("seeds are not what a replay would ask for again")
	}
}

func TestTheOldestBasesAreRemovedBeyondWhatIsKept(t *testing.T) {
	folder := t.TempDir()
	for i, name := range []string{"c.mp4", "a.mp4", "b.mp4", "other.txt"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(int64(1000+i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(folder, 1); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(folder, "*"))
	if len(left) != 2 || filepath.Base(left[0]) != "b.mp4" {
		t.Errorf("left are %v", left)
	}
}
