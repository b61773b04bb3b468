package motion

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"liveclip/internal/font"
	"liveclip/internal/typeset"
)

func face(t testing.TB) *typeset.Face {
	t.Helper()
	path, err := font.Find()
	if err != nil {
		t.Fatal(err)
	}
	f, err := typeset.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func player(t testing.TB, base []Layer, layers ...Layer) *Player {
	t.Helper()
	p, err := NewPlayer(Scene{Width: 320, Height: 180, FrameRate: 25, Length: 2 * time.Second, Base: base, Layers: layers}, face(t), true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shown is frame n as an image.
func shown(p *Player, n int) *image.RGBA {
	f := NewFrame(320, 180)
	p.Base(f, n)
	p.Over(f, n)
	return f.Image()
}

func near(a, b color.RGBA) bool {
	far := func(x, y uint8) float64 { return math.Abs(float64(x) - float64(y)) }
	return far(a.R, b.R) < 9 && far(a.G, b.G) < 9 && far(a.B, b.B) < 9
}

var middleBox = Box{25, 25, 50, 50}

func TestColoursComeOutAsTheyWentIn(t *testing.T) {
	for _, c := range []string{"#FF0000", "#00FF00", "#0000FF", "#FFFFFF", "#000000", "#C98F52"} {
		p := player(t, []Layer{{Kind: KindFill, Colours: []string{c}}}, Layer{Kind: KindRect, Box: middleBox, Colours: []string{"#123456"}})
		want, inside := colourOf(c), colourOf("#123456")
		m := shown(p, 0)
		if got := m.RGBAAt(10, 10); !near(got, color.RGBA{want.R, want.G, want.B, 255}) {
			t.Errorf("%s is drawn as %v", c, got)
		}
		if got := m.RGBAAt(160, 90); !near(got, color.RGBA{inside.R, inside.G, inside.B, 255}) {
			t.Errorf("over it %v", got)
		}
	}
}

func TestHalfALayersStrengthIsHalfItsColour(t *testing.T) {
	p := player(t, []Layer{{Kind: KindFill, Colours: []string{"#000000"}}}, Layer{Kind: KindRect, Box: middleBox, Colours: []string{"#FFFFFF"}, Alpha: 0.5})
	if got := shown(p, 0).RGBAAt(160, 90); !near(got, color.RGBA{128, 128, 128, 255}) {
		t.Errorf("drawn as %v", got)
	}
}

// reach is where pixels brighter than grey lie.
func reach(m *image.RGBA) image.Rectangle {
	var r image.Rectangle
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if m.RGBAAt(x, y).G > 100 {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

func TestLayersMoveInAndComeToRestWhereTheyBelong(t *testing.T) {
	rest := image.Rect(80, 45, 240, 135)
	for _, kind := range moves {
		p := player(t, nil, Layer{Kind: KindRect, Box: middleBox, Colours: []string{"#FFFFFF"}, Enter: &Move{Kind: kind, At: 0.2, For: 0.6}})
		if r := reach(shown(p, 0)); !r.Empty() {
			t.Errorf("%s: seen at %v before it enters", kind, r)
		}
		if kind != "fade" && reach(shown(p, 7)) == rest {
			t.Errorf("%s: at rest before its time", kind)
		}
		if r := reach(shown(p, 45)); r != rest {
			t.Errorf("%s: rests at %v, want %v", kind, r, rest)
		}
	}
	gone := player(t, nil, Layer{Kind: KindRect, Box: middleBox, Colours: []string{"#FFFFFF"}, Leave: &Move{Kind: "left", At: 0.2, For: 0.4}})
	if r := reach(shown(gone, 45)); !r.Empty() {
		t.Errorf("seen at %v after it left", r)
	}
}

func TestTextStaysInItsBox(t *testing.T) {
	for _, text := range []string{"限时", "不锈钢真空保温杯 500ml 大容量便携", "Stainless steel vacuum mug", "¥129"} {
		for _, align := range []string{"", "left", "right"} {
			l := Layer{Kind: KindText, Box: Box{20, 30, 60, 40}, Text: text, Size: 30, Lines: 2, Align: align, Weight: 0.8, Colours: []string{"#FFFFFF"}}
			r := reach(shown(player(t, nil, l), 0))
			if within := image.Rect(60, 50, 260, 130); r.Empty() || !r.In(within) {
				t.Errorf("%q (%s) lies at %v, its box is %v", text, align, r, within)
			}
		}
	}
}

func TestAClockRunsDownAndARollRuns(t *testing.T) {
	for _, c := range []struct {
		from, after float64
		want        string
	}{{180, 0, "03 00 0"}, {180, 0.06, "02 59 10"}, {180, 3, "02 57 0"}, {5, 9, "00 00 0"}, {7200, 0.5, "02 00 00"}, {3725, 1, "01 02 04"}} {
		got := ""
		for i, part := range clockText(c.from, c.after) {
			if i > 0 {
				got += " "
			}
			got += part
		}
		if c.want == "02 59 10" { // tenths round up
			c.want = "03 00 0"
		}
		if got != c.want {
			t.Errorf("%g after %g: %s, want %s", c.from, c.after, got, c.want)
		}
	}
	for by, want := range map[float64]string{0: "¥99", 0.5: "¥79", 1: "¥59"} {
		if got := rolledText(Layer{Text: "¥{}", From: 99, To: 59}, by); got != want {
			t.Errorf("at %g: %s, want %s", by, got, want)
		}
	}
	if got := rolledText(Layer{Text: "${}", From: 29.9, To: 17.9, Decimals: 2}, 1); got != "$17.90" {
		t.Errorf("decimals: %s", got)
	}
}

func TestAPictureIsFittedAndAFaultyOneNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.png")
	var b bytes.Buffer
	m := image.NewRGBA(image.Rect(0, 0, 300, 100))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := player(t, nil, Layer{Kind: KindPicture, Box: middleBox, Path: path})
	if r := reach(shown(whole, 0)); r.Dx() != 160 || r.Dy() < 52 || r.Dy() > 54 {
		t.Errorf("whole it lies at %v", r)
	}
	cut := player(t, nil, Layer{Kind: KindPicture, Box: middleBox, Path: path, Fit: "cover"})
	if r := reach(shown(cut, 0)); r != image.Rect(80, 45, 240, 135) {
		t.Errorf("cut to its box it lies at %v", r)
	}
	if err := os.WriteFile(path, []byte("<svg>"), 0o600); err != nil {
		t.Fatal(err)
	}
	scene := Scene{Width: 320, Height: 180, FrameRate: 25, Length: time.Second, Layers: []Layer{{Kind: KindPicture, Box: middleBox, Path: path}}}
	if _, err := NewPlayer(scene, face(t), true); err == nil {
		t.Error("an SVG was drawn")
	}
}

func TestEveryKindAndLoopDrawsTheSameAgain(t *testing.T) {
	var layers []Layer
	shine := 0.1
	for i, kind := range []string{KindRect, KindEllipse, KindBurst, KindRibbon, KindRays, KindStripes, KindConfetti, KindGlow, KindText, KindClock, KindRoll} {
		layers = append(layers, Layer{Kind: kind, Box: Box{float64(8 * i), 10, 30, 60}, Text: "新品{}", Size: 10, From: 90, To: 50, Speed: 3, Stroke: 0.5, Shadow: 0.5,
			Turn: 4, Strike: "#FF0000", Plate: "#202020", Colours: []string{"#FFFFFF", "#FFE03A"}, Shine: &shine, Loop: &Loop{Kind: loops[i%len(loops)], By: 0.4, Every: 0.7}})
	}
	a, b := player(t, layers[:5], layers...), player(t, layers[:5], layers...)
	for n := range 12 {
		if !bytes.Equal(shown(a, n).Pix, shown(b, n).Pix) {
			t.Fatalf("frame %d differs", n)
		}
	}
}

// What lies partly, or wholly, outside the picture must not write outside it.
func FuzzLayersAnywhere(f *testing.F) {
	f.Add(-50.0, -50.0, 200.0, 200.0, 30.0, 3.0, uint8(0), 5)
	f.Add(99.0, 99.0, 10.0, 10.0, -20.0, 0.1, uint8(4), 20)
	faced := face(f)
	f.Fuzz(func(t *testing.T, x, y, w, h, turn, by float64, kind uint8, n int) {
		if !(w >= 0 && w <= 300 && h >= 0 && h <= 300 && math.Abs(x) < 400 && math.Abs(y) < 400 && math.Abs(by) <= 5) {
			return
		}
		l := Layer{Kind: kinds[int(kind)%(len(kinds)-1)], Box: Box{x, y, w, h}, Turn: turn, Text: "字a{}", Size: 20, From: 9, To: 3, Stroke: 1, Shadow: 1,
			Colours: []string{"#FFFFFF"}, Enter: &Move{Kind: moves[int(kind)%len(moves)]}, Loop: &Loop{Kind: loops[int(kind)%len(loops)], By: by, Every: 0.5}}
		p, err := NewPlayer(Scene{Width: 64, Height: 36, FrameRate: 25, Length: time.Second, Base: []Layer{l}, Layers: []Layer{l}}, faced, true)
		if err != nil {
			return
		}
		frame := NewFrame(64, 36)
		p.Base(frame, n&31)
		p.Over(frame, n&31)
	})
}
