package finish_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

func opening(folder string) *mediav1.RenderOrder {
	return &mediav1.RenderOrder{
		Base: filepath.Join(folder, "base.mp4"), Out: filepath.Join(folder, "shot.mp4"),
		BaseFilter: "gradients=s=1280x720:r=25:c0=0x7A1023:c1=0x1F2A44:speed=0.02:x0=0:y0=0:x1=1280:y1=720",
		Width:      1280, Height: 720, Length: 3e9, FrameRate: 25, FontFile: font,
		Texts: []*mediav1.RenderText{
			{Text: "超保湿透明质酸面膜（30片装）买一送一，再送同款旅行装一套", Y: "h*0.30-th/2", Size: 96, Colour: "white"},
			{Text: "直降到 ¥59.9", Y: "h*0.55-th/2", Size: 120, BoxWidth: 700, Colour: "yellow", BoxColour: "red@0.8"},
			{Text: "还剩 {countdown}", Y: "h*0.80-th/2", Size: 64, CountdownFrom: 180},
		},
	}
}

func TestAShotIsDrawnOverItsBase(t *testing.T) {
	order := opening(t.TempDir())
	for range 2 { // without a base, and with one
		start := time.Now()
		if err := finish.Shot(context.Background(), order); err != nil {
			t.Fatal(err)
		}
		t.Logf("took %s", time.Since(start))
	}
	p := probe(t, order.Out)
	if len(p.Streams) != 2 || p.Streams[0].Frames != "75" || p.Streams[0].Width != 1280 || p.Streams[1].CodecName != "aac" {
		t.Errorf("shot is %+v", p)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(order.Out), "*")); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	keep(t, order.Out)
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
