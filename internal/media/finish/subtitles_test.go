package finish_test

import (
	"slices"
	"testing"

	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// lettered are the pictures of a grey clip in which something white is drawn in the lower third.
func lettered(t *testing.T, path string, width, height int) (shown []int) {
	t.Helper()
	third := height / 3
	raw := ffmpeg(t, "-i", path, "-vsync", "passthrough", "-vf", "format=yuv420p,extractplanes=y", "-f", "rawvideo", "-")
	for n := 0; (n+1)*width*height <= len(raw); n++ {
		if low := raw[n*width*height+2*third*width : (n+1)*width*height]; slices.Max(low) > 200 {
			shown = append(shown, n)
		}
	}
	return shown
}

func TestWordsAreBurnedOverThePicturesTheyWereSaidWith(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "color=gray:s=640x360:r=25:d=8", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50")
	feed := finish.NewFeed()
	for source := range int64(2) {
		send(t, feed, source, init, parts...)
		feed.End(source, "")
	}
	got, err := clip(t, &mediav1.FinishOrder{
		Parts:    []*mediav1.FinishPart{{Source: 0, Start: 2010e6, End: 4e9}, {Source: 1, Start: 6e9, End: 8e9}},
		Profiles: []*mediav1.FinishProfile{{Name: "words", Width: 640, Height: 360, Subtitles: true}, {Name: "none", Width: 640, Height: 360}},
		Subtitles: []*mediav1.FinishSubtitle{
			{Part: 0, Start: 1e9, End: 2200e6, Text: "从前面开始的一句话"},
			{Part: 0, Start: 2400e6, End: 3e9, Text: "only three minutes left, 最后三分钟，全场五折，买一送一"},
			{Part: 1, Start: 6500e6, End: 7e9, Text: "直降到 ¥59.9"},
			{Part: 1, Start: 7900e6, End: 9e9, Text: "over the end"},
		},
	}, feed)
	if err != nil {
		t.Fatal(err)
	}
	// The first part begins with the picture at 2.00 s and has 50 of them.
	var want []int
	for n := range 100 {
		if n < 5 || n >= 10 && n < 25 || n >= 62 && n < 75 || n >= 97 {
			want = append(want, n)
		}
	}
	if shown := lettered(t, got.Files[0].Path, 640, 360); !slices.Equal(shown, want) {
		t.Errorf("words over pictures %v, want %v", shown, want)
	}
	if shown := lettered(t, got.Files[1].Path, 640, 360); len(shown) > 0 {
		t.Errorf("words over pictures %v of a profile without", shown)
	}
	keep(t, got.Files[0].Path)
}
