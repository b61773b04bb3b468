package copycut_test

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/media/copycut"
	"liveclip/internal/media/finish"
	"liveclip/internal/media/truth"
	mediav1 "liveclip/proto/media/v1"
)

// x264 as most rooms and recordings have it.
func x264(more ...string) []string {
	return append([]string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "20"}, more...)
}

var aac = []string{"-c:a", "aac", "-b:a", "128k"}

// usual has a keyframe every two seconds, and pictures out of order between.
var usual = truth.Source{Name: "usual", Rate: "25", Frames: 250, Sound: 48000, Video: x264("-g", "50", "-bf", "3", "-sc_threshold", "0"), Audio: aac}

func cutFile(t testing.TB, path string, start, end time.Duration) (copycut.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return copycut.Cut(ctx, &mediav1.CopyOrder{Folder: t.TempDir(), Part: &mediav1.FinishPart{File: path, Start: int64(start), End: int64(end)}}, finish.NewFeed(), nil)
}

func TestAWindowOfAFileIsCutToTheFrame(t *testing.T) {
	made := truth.Make(t, t.TempDir(), usual)
	for _, c := range []struct {
		name       string
		start, end time.Duration
		encoded    int
	}{
		{"both ends on keyframes", 2 * time.Second, 6 * time.Second, 0},
		{"from the beginning", 0, 4 * time.Second, 0},
		{"to the end", 6 * time.Second, 10 * time.Second, 0},
		{"between keyframes", 3080 * time.Millisecond, 7240 * time.Millisecond, 23 + 1},
		{"between frames", 3090 * time.Millisecond, 7250 * time.Millisecond, 23 + 1},
		{"within a group", 4200 * time.Millisecond, 5200 * time.Millisecond, 25},
		{"one frame", 5 * time.Second, 5040 * time.Millisecond, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cutFile(t, made.Path, c.start, c.end)
			if err != nil {
				t.Fatal(err)
			}
			want := made.Frames(c.start, c.end)
			for _, fault := range made.Check(truth.Read(t, got.Path), want) {
				t.Error(fault)
			}
			if got.Encoded > c.encoded || got.Encoded+got.Copied != len(want) {
				t.Errorf("%d pictures encoded, %d copied, of %d; want at most %d encoded", got.Encoded, got.Copied, len(want), c.encoded)
			}
		})
	}
}

func TestWhatIsCopiedIsByteForByteTheSources(t *testing.T) {
	made := truth.Make(t, t.TempDir(), usual)
	got, err := cutFile(t, made.Path, 3080*time.Millisecond, 9*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"v", "a"} {
		source := map[string]bool{}
		for _, sum := range packets(t, made.Path, stream) {
			source[sum] = true
		}
		same, all := 0, packets(t, got.Path, stream)
		for _, sum := range all {
			if source[sum] {
				same++
			}
		}
		if want := got.Copied; stream == "v" && same != want || stream == "a" && same != len(all) {
			t.Errorf("%d of %d packets of %q are the source's, want %d", same, len(all), stream, want)
		}
	}
}

// packets are sums of a stream's packets.
func packets(t testing.TB, path, stream string) []string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=data_hash", "-show_data_hash", "md5", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func TestABrowserPlaysOverBothSeams(t *testing.T) {
	made := truth.Make(t, t.TempDir(), usual)
	start, end := 3080*time.Millisecond, 7240*time.Millisecond
	got, err := cutFile(t, made.Path, start, end)
	if err != nil {
		t.Fatal(err)
	}
	want := made.Frames(start, end)
	var at []time.Duration
	for i := range want {
		at = append(at, time.Duration(i)*made.Every+made.Every/2)
	}
	saw := truth.Browse(t, got.Path, "avc1.64000C,mp4a.40.2", at)
	if saw.Error != "" || saw.MSE != "ok" || !saw.Ended || saw.Length != (end-start).Seconds() {
		t.Errorf("played: %+v", saw)
	}
	if !slices.Equal(saw.Sought, want) {
		t.Errorf("sought %v, want %v", saw.Sought, want)
	}
	// A busy machine may leave pictures out, never show a wrong one or one too early.
	if len(saw.Numbers) < len(want)/4 || !slices.IsSorted(saw.Numbers) || saw.Numbers[0] < want[0] || saw.Numbers[len(saw.Numbers)-1] > want[len(want)-1] {
		t.Errorf("played %v, want %v", saw.Numbers, want)
	}
}
