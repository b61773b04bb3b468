package finish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/asticode/go-astiav"

	"liveclip/internal/font"
	"liveclip/internal/typeset"
	mediav1 "liveclip/proto/media/v1"
)

var testFont, _ = font.Find()

func testFace(t testing.TB) *typeset.Face {
	t.Helper()
	face, err := typeset.Open(testFont)
	if err != nil {
		t.Fatal(err)
	}
	return face
}

// draw draws lines over black and gives the brightness of the picture.
func draw(t testing.TB, width, height int, lines []line) (pixels []byte, stride int) {
	t.Helper()
	l, err := newLettering(testFont, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	filters, err := l.filters(lines)
	if err != nil {
		t.Fatal(err)
	}
	f := astiav.AllocFrame()
	defer f.Free()
	f.SetWidth(width)
	f.SetHeight(height)
	f.SetPixelFormat(astiav.PixelFormatYuv420P)
	if err := f.AllocBuffer(0); err != nil {
		t.Fatal(err)
	}
	if err := f.ImageFillBlack(); err != nil {
		t.Fatal(err)
	}
	f.SetPts(0)
	g, err := newPictureGraph(picture{width: width, height: height, pixel: astiav.PixelFormatYuv420P, timeBase: astiav.NewRational(1, 25)},
		"[in]"+strings.Join(append(filters, "format=yuv420p"), ",")+"[out]")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.push(f); err != nil {
		t.Fatal(err)
	}
	err = g.pull(func(out *astiav.Frame) error {
		p, s := luma(out)
		pixels, stride = append([]byte(nil), p...), s
		out.Free()
		return nil
	})
	if err != nil || pixels == nil {
		t.Fatalf("no picture: %v", err)
	}
	return pixels, stride
}

// bounds is the rectangle of everything brighter than some grey.
func bounds(pixels []byte, stride, width, height int) (x0, y0, x1, y1 int) {
	x0, y0 = width, height
	for y := range height {
		for x := range width {
			if pixels[y*stride+x] > 100 {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
	}
	return x0, y0, x1, y1
}

func TestTheMeasuredWidthIsTheDrawnOne(t *testing.T) {
	face := testFace(t)
	for _, text := range []string{"最后三分钟！全场五折", "Last three minutes 50% off", "直降 ¥59.9 元"} {
		pixels, stride := draw(t, 1280, 720, []line{{text: text, x: "100", y: "100", size: 60, colour: "white"}})
		x0, _, x1, _ := bounds(pixels, stride, 1280, 720)
		if drawn, measured := x1-x0, face.Width(text, 60); drawn > measured || measured-drawn > 60 {
			t.Errorf("%q is drawn %d wide, measured %d", text, drawn, measured)
		}
	}
}

func TestTheGeneratedLabelIsAsLargeAsTheRuleAsks(t *testing.T) {
	for _, size := range [][2]int{{1280, 720}, {720, 1280}, {640, 360}, {360, 640}} {
		l := layout{order: &mediav1.FinishOrder{GeneratedLabel: true}, face: testFace(t), width: size[0], height: size[1]}
		lines := l.still(false)
		if len(lines) != 1 || lines[0].from != 0 || lines[0].to < 2*time.Second {
			t.Fatalf("lines %+v", lines)
		}
		pixels, stride := draw(t, size[0], size[1], lines)
		x0, y0, x1, y1 := bounds(pixels, stride, size[0], size[1])
		shortest := min(size[0], size[1])
		if y1-y0 < (shortest*5+99)/100 {
			t.Errorf("%v: %d pixels high, less than 5 %% of %d", size, y1-y0, shortest)
		}
		if edge := shortest * 3 / 100; x0 < edge || y0 < edge || x1 > size[0]-edge || y1 > size[1]-edge {
			t.Errorf("%v: at %d,%d to %d,%d: too near to the edge", size, x0, y0, x1, y1)
		}
	}
}

func TestTextsKeepOffEachOtherAndTheEdges(t *testing.T) {
	order := &mediav1.FinishOrder{GeneratedLabel: true, Watermark: "某某直播间官方旗舰店", Title: &mediav1.FinishText{Text: strings.Repeat("最后三分钟全场五折", 6)},
		Subtitles: []*mediav1.FinishSubtitle{{Start: 0, End: 5e9, Text: strings.Repeat("姐妹们看过来", 9)}}}
	for _, size := range [][2]int{{1280, 720}, {720, 1280}, {640, 360}} {
		l := layout{order: order, face: testFace(t), width: size[0], height: size[1]}
		all := append(l.still(true), l.subtitles(0, 0)...)
		if len(all) != 6 {
			t.Fatalf("%d lines", len(all))
		}
		taken := make([]int, size[0]*size[1])
		for i, one := range all {
			one.from, one.to = 0, 0
			pixels, stride := draw(t, size[0], size[1], []line{one})
			x0, y0, x1, y1 := bounds(pixels, stride, size[0], size[1])
			if edge := min(size[0], size[1]) * 3 / 100; x0 >= x1 || x0 < edge || y0 < edge || x1 > size[0]-edge || y1 > size[1]-edge {
				t.Errorf("%v: %q is at %d,%d to %d,%d", size, one.text, x0, y0, x1, y1)
			}
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					if other := taken[y*size[0]+x]; other != 0 && other != i+1 {
						t.Fatalf("%v: %q is drawn over %q", size, one.text, all[other-1].text)
					}
					taken[y*size[0]+x] = i + 1
				}
			}
		}
	}
}

// Nothing in a text is a command: FFmpeg draws every text as it is, and draws nothing else.
func FuzzAnyTextIsDrawn(f *testing.F) {
	for _, text := range []string{"全场五折", `it's "50%" off`, `%{pts} %{eif\:1\:d}`, `a\:b,c;d[e]=f'g`, "\x00\xff", "x:textfile=/etc/passwd", "';[out]movie=/etc/passwd[x]", "🎉", strings.Repeat("长", 3000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		order := &mediav1.FinishOrder{Watermark: text, Title: &mediav1.FinishText{Text: text}, Subtitles: []*mediav1.FinishSubtitle{{End: 1e9, Text: text}}}
		l := layout{order: order, face: testFace(t), width: 320, height: 180}
		lines := append(l.still(true), l.subtitles(0, 0)...)
		for _, line := range lines {
			if !utf8.ValidString(line.text) || strings.ContainsAny(line.text, "\x00\n\r") {
				t.Errorf("line %q", line.text)
			}
		}
		draw(t, 320, 180, lines)
	})
}

// Names of folders and fonts come from a person's configuration, and may hold anything a file name may.
func FuzzAnyPathIsOneOption(f *testing.F) {
	for _, name := range []string{"plain", "a b", "it's", `back\slash`, "colon:", "comma,", "semi;", "[out]", "100%", "中文"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > 100 || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || !utf8.ValidString(name) {
			t.Skip()
		}
		folder := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Skip()
		}
		path := filepath.Join(folder, "font.ttc")
		if err := os.Symlink(testFont, path); err != nil {
			t.Fatal(err)
		}
		l, err := newLettering(path, folder)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		filters, err := l.filters([]line{{text: "全场五折", x: "(w-tw)/2", y: "max(0,10)", size: 20, colour: "white", to: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		g, err := newPictureGraph(picture{width: 64, height: 64, pixel: astiav.PixelFormatYuv420P, timeBase: astiav.NewRational(1, 25)}, "[in]"+filters[0]+"[out]")
		if err != nil {
			t.Fatal(err)
		}
		g.Close()
	})
}
