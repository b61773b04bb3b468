package finish_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/media/finish"
	"liveclip/internal/motion"
	mediav1 "liveclip/proto/media/v1"
)

// openingScene is a little of everything.
func openingScene() motion.Scene {
	shine := 0.5
	return motion.Scene{Width: 640, Height: 360, FrameRate: 25, Length: 1200 * time.Millisecond,
		Base: []motion.Layer{
			{Kind: motion.KindFill, Colours: []string{"#7A1023", "#1F2A44"}, Angle: 60},
			{Kind: motion.KindStripes, Box: motion.Box{0, 90, 100, 10}, Colours: []string{"#FFE03A"}, Angle: 40, Size: 8, Speed: 1},
		},
		Layers: []motion.Layer{
			{Kind: motion.KindText, Box: motion.Box{5, 10, 90, 25}, Text: "超保湿面膜买一送一", Size: 16, Weight: 0.8, Stroke: 1, Colours: []string{"#FFFFFF"},
				Enter: &motion.Move{Kind: "pop"}, Shine: &shine},
			{Kind: motion.KindClock, Box: motion.Box{20, 45, 60, 30}, From: 180, Size: 18, Colours: []string{"#FFE03A"}, Plate: "#000000"},
		},
	}
}

func firstFragment(t testing.TB, folder string) *mediav1.RenderOrder {
	t.Helper()
	scene, err := json.Marshal(openingScene())
	if err != nil {
		t.Fatal(err)
	}
	return &mediav1.RenderOrder{
		Base: filepath.Join(folder, "base.mp4"), Out: filepath.Join(folder, "shot.mp4"), FontFile: font, Scene: scene, Sound: "bright",
	}
}

func TestAShotIsDrawnOverItsBaseWhichIsKept(t *testing.T) {
	order := firstFragment(t, t.TempDir())
	for _, cached := range []bool{false, true} {
		made, err := finish.Shot(context.Background(), order)
		if err != nil {
			t.Fatal(err)
		}
		if made.Cached != cached || time.Duration(made.Length) != 1200*time.Millisecond || made.Loudness < -17 || made.Loudness > -15 {
			t.Errorf("made %v, want cached %v, 1.2 s at -16 LUFS", made, cached)
		}
		p := probe(t, order.Out)
		if len(p.Streams) != 2 || p.Streams[0].Frames != "30" || p.Streams[0].Width != 640 || p.Streams[1].CodecName != "aac" {
			t.Errorf("shot is %+v", p)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(order.Out), "*")); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	looked, err := finish.Look(context.Background(), &mediav1.LookOrder{File: order.Out})
	if err != nil {
		t.Fatal(err)
	}
	if looked.Frames != 30 || looked.Black > 0 || looked.Frozen > 0.5 || looked.Sharp < 0.01 {
		t.Errorf("it looks like %v", looked)
	}
	keep(t, order.Out)
}

func TestABaseIsMadeAloneAndOneThatCannotBeReadIsMadeAnew(t *testing.T) {
	order := firstFragment(t, t.TempDir())
	out := order.Out
	for _, cached := range []bool{false, true} {
		order.Out = ""
		if made, err := finish.Shot(context.Background(), order); err != nil || made.Cached != cached {
			t.Errorf("made %v (%v), want cached %v", made, err, cached)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(order.Base), "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if p := probe(t, order.Base); len(p.Streams) != 1 || p.Streams[0].Frames != "30" {
		t.Errorf("base is %+v", p)
	}
	order.Out = out
	if err := os.Truncate(order.Base, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := finish.Shot(context.Background(), order); err == nil || domain.IsPermanent(err) {
		t.Errorf("over a broken base: error %v, want one after which another attempt is made", err)
	}
	if made, err := finish.Shot(context.Background(), order); err != nil || made.Cached {
		t.Errorf("made %v (%v), want a base made anew", made, err)
	}
}

func TestAVoiceIsLaidOverTheShotsOwnSound(t *testing.T) {
	folder := t.TempDir()
	order := firstFragment(t, folder)
	order.Voice, order.VoiceAt = filepath.Join(folder, "voice.wav"), 0.3
	ffmpeg(t, "-f", "lavfi", "-i", "sine=frequency=500:duration=0.5", order.Voice)
	made, err := finish.Shot(context.Background(), order)
	if err != nil {
		t.Fatal(err)
	}
	if made.Loudness < -17 || made.Loudness > -15 {
		t.Errorf("it is as loud as %.1f LUFS", made.Loudness)
	}
	order.Voice = filepath.Join(folder, "none.wav")
	if _, err := finish.Shot(context.Background(), order); err == nil {
		t.Error("a voice that is not there was heard")
	}
}

func TestAnOrderThatCannotBeDrawnIsRefusedForGood(t *testing.T) {
	for name, change := range map[string]func(*motion.Scene, *mediav1.RenderOrder){
		"a size":   func(s *motion.Scene, _ *mediav1.RenderOrder) { s.Width = 1 << 20 },
		"a length": func(s *motion.Scene, _ *mediav1.RenderOrder) { s.Length = time.Hour },
		"a kind":   func(s *motion.Scene, _ *mediav1.RenderOrder) { s.Layers[0].Kind = "hologram" },
		"a colour": func(s *motion.Scene, _ *mediav1.RenderOrder) { s.Layers[0].Colours = []string{"red"} },
		"a font":   func(_ *motion.Scene, o *mediav1.RenderOrder) { o.FontFile = "/nowhere" },
		"a sound":  func(_ *motion.Scene, o *mediav1.RenderOrder) { o.Sound = "polka" },
		"no scene": func(_ *motion.Scene, o *mediav1.RenderOrder) { o.Scene = []byte("{") },
		"a picture": func(s *motion.Scene, _ *mediav1.RenderOrder) {
			s.Layers = []motion.Layer{{Kind: motion.KindPicture, Path: "/nowhere", Box: motion.Box{0, 0, 10, 10}}}
		},
	} {
		order, scene := firstFragment(t, t.TempDir()), openingScene()
		change(&scene, order)
		if len(order.Scene) > 1 {
			order.Scene, _ = json.Marshal(scene)
		}
		if _, err := finish.Shot(context.Background(), order); !domain.IsPermanent(err) {
			t.Errorf("%s: error %v, want a permanent one", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(order.Out), "*")); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

func TestWhatIsWrongWithAPictureIsMeasured(t *testing.T) {
	source := "testsrc2=s=640x360:r=25:d=2"
	for name, c := range map[string]struct {
		graph string
		holds func(*mediav1.Looked) bool
	}{
		"good": {source, func(l *mediav1.Looked) bool {
			return l.Black == 0 && l.Frozen < 0.3 && l.Sharp > 0.01 && l.Flicker < 0.01
		}},
		"black":    {"color=black:s=640x360:r=25:d=2", func(l *mediav1.Looked) bool { return l.Black == 1 && l.Frozen == 1 }},
		"frozen":   {"smptebars=s=640x360:r=25:d=2", func(l *mediav1.Looked) bool { return l.Black == 0 && l.Frozen == 1 }},
		"blurred":  {source + ",gblur=sigma=24", func(l *mediav1.Looked) bool { return l.Sharp < 0.004 }},
		"flickers": {source + ",geq=lum='lum(X,Y)*(0.6+0.4*mod(N,2))':cb='cb(X,Y)':cr='cr(X,Y)'", func(l *mediav1.Looked) bool { return l.Flicker > 0.06 }},
	} {
		file := filepath.Join(t.TempDir(), "a.mp4")
		ffmpeg(t, "-f", "lavfi", "-i", c.graph, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", file)
		looked, err := finish.Look(context.Background(), &mediav1.LookOrder{File: file})
		if err != nil {
			t.Fatal(err)
		}
		if looked.Frames != 50 || !c.holds(looked) {
			t.Errorf("%s: measured %v", name, looked)
		}
	}
}

// keep copies a file to LIVECLIP_KEEP, for a person to look at.
func keep(t testing.TB, path string) {
	folder := os.Getenv("LIVECLIP_KEEP")
	if folder == "" {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
