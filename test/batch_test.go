package test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/demo"
)

// batched is what a batch left.
type batched struct {
	Sources []struct {
		Source   string
		Duration float64 `json:"duration_s"`
		Error    string
		Recap    *recapped
		Clips    []struct {
			Start      float64 `json:"start_s"`
			End        float64 `json:"end_s"`
			Renditions []struct {
				Path     string
				Duration float64 `json:"duration_s"`
			}
		}
	}
}

// recapped is a recording's recap.
type recapped struct {
	Chapters []struct {
		Start float64 `json:"start_s"`
		End   float64 `json:"end_s"`
	}
	ChaptersFile string `json:"chapters_file"`
	Renditions   []struct {
		Path     string
		Duration float64 `json:"duration_s"`
	}
}

// runBatch runs the command and gives what it left, its exit code and what it said.
func runBatch(t *testing.T, args ...string) (left batched, out string, code int, said string) {
	t.Helper()
	out = t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(binaries, "liveclip"), append([]string{"batch", "--out", out}, args...)...)
	text, _ := command.CombinedOutput()
	code = command.ProcessState.ExitCode()
	if clips, err := os.ReadFile(filepath.Join(out, "clips.json")); err == nil {
		if err := json.Unmarshal(clips, &left); err != nil {
			t.Fatal(err)
		}
	}
	return left, out, code, string(text)
}

func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if text, err := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, text)
	}
}

func TestABatchFindsTheMomentsOfARecording(t *testing.T) {
	room, movie := makeRoom(t, 11)
	named := filepath.Join(t.TempDir(), "直播 50%#1.mp4") // as people name them
	if err := os.Symlink(movie, named); err != nil {
		t.Fatal(err)
	}
	left, out, code, said := runBatch(t, "--recap", "45s", named)
	if code != 0 || len(left.Sources) != 1 {
		t.Fatalf("exit %d: %s", code, said)
	}
	checkRecap(t, out, left.Sources[0].Recap, 45)
	clips := left.Sources[0].Clips
	moments := room.Moments()
	if len(clips) != len(moments) {
		t.Fatalf("%d clips of %d moments: %+v", len(clips), len(moments), clips)
	}
	for i, m := range moments {
		c := clips[i]
		if c.Start > m.Start.Seconds()+0.3 || c.End < m.End.Seconds()-0.3 {
			t.Errorf("clip %.2f–%.2f s does not hold %q at %s", c.Start, c.End, m.Text, m.Start)
		}
		for _, r := range c.Renditions {
			if err := demo.Decodes(context.Background(), filepath.Join(out, r.Path)); err != nil {
				t.Error(err)
			}
			if off := r.Duration - (c.End - c.Start); off > 0.05 || off < -0.05 {
				t.Errorf("%s is %.3f s long, its window %.3f s", r.Path, r.Duration, c.End-c.Start)
			}
		}
	}
}

// checkRecap holds a recap to what it says of itself: pieces in order, none longer than asked together, as many chapters.
func checkRecap(t *testing.T, out string, recap *recapped, longest float64) {
	t.Helper()
	if recap == nil || len(recap.Chapters) < 2 || len(recap.Renditions) == 0 {
		t.Fatalf("recap %+v", recap)
	}
	var sum, last float64
	for _, c := range recap.Chapters {
		if c.Start < last || c.End <= c.Start {
			t.Errorf("chapters %+v", recap.Chapters)
		}
		sum, last = sum+c.End-c.Start, c.End
	}
	if sum > longest {
		t.Errorf("%.1f s of recap, at most %.1f were asked for", sum, longest)
	}
	for _, r := range recap.Renditions {
		if err := demo.Decodes(context.Background(), filepath.Join(out, r.Path)); err != nil {
			t.Error(err)
		}
		if off := r.Duration - sum; off > 0.25 || off < -0.25 {
			t.Errorf("%s is %.3f s long, its chapters %.3f s", r.Path, r.Duration, sum)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, recap.ChaptersFile))
	if cues := strings.Count(string(text), " --> "); err != nil || cues != len(recap.Chapters) {
		t.Errorf("%d cues of %d chapters: %v\n%s", cues, len(recap.Chapters), err, text)
	}
}

func TestALosslessBatchLeavesTheRecordingsOwnPictures(t *testing.T) {
	room, movie := makeRoom(t, 5)
	left, out, code, said := runBatch(t, "--lossless", movie)
	if code != 0 || len(left.Sources) != 1 || len(left.Sources[0].Clips) != len(room.Moments()) {
		t.Fatalf("exit %d: %s: %+v", code, said, left)
	}
	for _, c := range left.Sources[0].Clips {
		if len(c.Renditions) != 1 || filepath.Base(c.Renditions[0].Path) != "source.mp4" {
			t.Fatalf("renditions %+v", c.Renditions)
		}
		r := c.Renditions[0]
		if err := demo.Decodes(context.Background(), filepath.Join(out, r.Path)); err != nil {
			t.Error(err)
		}
		if off := r.Duration - (c.End - c.Start); off > 0.05 || off < -0.05 {
			t.Errorf("%s is %.3f s long, its window %.3f s", r.Path, r.Duration, c.End-c.Start)
		}
	}
}

func TestABatchNamesWhatItCouldNotReadAndDoesTheRest(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("text.mp4", "this is not a movie\n")
	empty := write("empty.mp4", "")
	silent, dark, unsupported, cut := filepath.Join(folder, "silent.mp4"), filepath.Join(folder, "dark.m4a"), filepath.Join(folder, "vp9.mkv"), filepath.Join(folder, "cut.ts")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3", "-c:v", "libx264", "-preset", "ultrafast", silent)
	ffmpeg(t, "-f", "lavfi", "-i", "sine=d=3", "-c:a", "aac", dark)
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1", "-c:v", "mpeg2video", "-f", "matroska", unsupported)
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3", "-f", "lavfi", "-i", "sine=d=3", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-f", "mpegts", cut)
	whole, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	write("cut.ts", string(whole[:len(whole)*2/3]))

	left, _, code, said := runBatch(t, text, empty, silent, dark, unsupported, cut, filepath.Join(folder, "missing.mp4"))
	if code != 1 {
		t.Errorf("exit %d, want 1: %s", code, said)
	}
	for i, why := range []string{"text.mp4", "empty.mp4", "", "", "mpeg2video", "", "missing.mp4"} {
		if i >= len(left.Sources) {
			t.Fatalf("%d sources: %s", len(left.Sources), said)
		}
		if got := left.Sources[i].Error; (why == "") != (got == "") || !strings.Contains(got, why) {
			t.Errorf("%s: error %q, want one with %q", left.Sources[i].Source, got, why)
		}
		if why != "" && !strings.Contains(said, left.Sources[i].Source) {
			t.Errorf("%s is not named in %q", left.Sources[i].Source, said)
		}
	}
}

func TestEveryDamagedFileEndsInAnErrorOrAShorterResult(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS is not set: damaged files are not tried")
	}
	files, err := filepath.Glob(filepath.Join(corpus, "broken", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		left, _, code, said := runBatch(t, file)
		if code != 0 && code != 1 || len(left.Sources) != 1 || (code == 1) != (left.Sources[0].Error != "") {
			t.Errorf("%s: exit %d: %s", file, code, said)
		}
	}
}
