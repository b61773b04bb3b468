package copycut_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/media/copycut"
	"liveclip/internal/media/finish"
	"liveclip/internal/media/truth"
	mediav1 "liveclip/proto/media/v1"
)

// odd is a source of a second and a half groups whose pictures are encoded in some other way.
func odd(name string, video ...string) truth.Source {
	return truth.Source{Name: name, Rate: "25", Frames: 100, Sound: 48000, Video: video, Audio: aac}
}

func TestEveryKindOfPictureIsCutExactlyOrRefusedByName(t *testing.T) {
	for _, c := range []struct {
		source truth.Source
		why    string // it is refused; empty: it is not
	}{
		{odd("ten bits", x264("-pix_fmt", "yuv420p10le", "-g", "38", "-bf", "2")...), ""},
		{odd("4:2:2", x264("-pix_fmt", "yuv422p", "-g", "38", "-bf", "2")...), ""},
		{odd("4:4:4", x264("-pix_fmt", "yuv444p", "-g", "38")...), ""},
		{odd("full range", x264("-pix_fmt", "yuvj420p", "-g", "38", "-colorspace", "bt709")...), ""},
		{odd("many slices", x264("-g", "38", "-bf", "2", "-slices", "4")...), ""},
		{odd("hevc ten bits", "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params", "keyint=38:log-level=none:pools=1"), ""},
		{odd("interlaced", x264("-g", "38", "-flags", "+ildct+ilme", "-x264-params", "tff=1")...), "interlaced"},
		{odd("mpeg4", "-c:v", "mpeg4", "-g", "38"), "mpeg4 can't be cut without loss"},
		{truth.Source{Name: "flac", Rate: "25", Frames: 100, Sound: 48000, Video: x264("-g", "38"), Audio: []string{"-c:a", "flac"}, Container: "mkv"}, "flac can't be copied"},
		{truth.Source{Name: "mp3", Rate: "25", Frames: 100, Sound: 44100, Video: x264("-g", "38"), Audio: []string{"-c:a", "libmp3lame", "-b:a", "128k"}}, ""},
		{truth.Source{Name: "opus", Rate: "25", Frames: 100, Sound: 48000, Video: x264("-g", "38"), Audio: []string{"-c:a", "libopus", "-b:a", "96k"}, Container: "mkv"}, ""},
		{truth.Source{Name: "no sound", Rate: "25", Frames: 100, Video: x264("-g", "38", "-bf", "2")}, ""},
	} {
		t.Run(c.source.Name, func(t *testing.T) {
			t.Parallel()
			made := truth.Make(t, t.TempDir(), c.source)
			start, end := 1200*time.Millisecond, 3400*time.Millisecond
			got, err := cutFile(t, made.Path, start+made.Begins, end+made.Begins)
			if c.why != "" {
				if err == nil || !domain.IsPermanent(err) || !strings.Contains(err.Error(), c.why) {
					t.Errorf("error %v, want one with %q", err, c.why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Copied < 20 {
				t.Errorf("only %d pictures were copied", got.Copied)
			}
			for _, fault := range made.Check(truth.Read(t, got.Path), made.Frames(start, end)) {
				t.Error(fault)
			}
		})
	}
}

func TestWindowsBeyondTheSourceAreTold(t *testing.T) {
	made := truth.Make(t, t.TempDir(), usual)
	got, err := cutFile(t, made.Path, 9*time.Second, 12*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got.ClippedTo != domain.ClippedToEnd || got.End != 10*time.Second {
		t.Errorf("cut %+v", got)
	}
	if _, err := cutFile(t, made.Path, 20*time.Second, 22*time.Second); err == nil || !domain.IsPermanent(err) || !strings.Contains(err.Error(), "nothing between 20s and 22s") {
		t.Errorf("error %v", err)
	}
}

func TestALostInputIsTemporary(t *testing.T) {
	for name, sent := range map[string][]byte{"nothing": nil, "half a header": {0, 0, 0, 40, 'f', 't', 'y', 'p'}} {
		feed := finish.NewFeed()
		if err := feed.Add(0, sent); err != nil {
			t.Fatal(err)
		}
		feed.Close(errors.New("standard input ended before the source did"))
		_, err := copycut.Cut(t.Context(), &mediav1.CopyOrder{Folder: t.TempDir(), Part: &mediav1.FinishPart{End: 3e9}}, feed, nil)
		if err == nil || domain.IsPermanent(err) || !strings.Contains(err.Error(), "standard input ended") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestOutsideFilesAreCutOrRefused(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS is not set: outside files are not tried")
	}
	for _, pattern := range []string{"video/*", "broken/*"} {
		files, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			got, err := cutFile(t, file, 300*time.Millisecond, 2*time.Second)
			switch {
			case err == nil:
				t.Logf("%s: %d pictures copied, %d encoded %s", filepath.Base(file), got.Copied, got.Encoded, got.ClippedTo)
				truth.FFmpeg(t, "-i", got.Path, "-f", "null", "-")
			case !domain.IsPermanent(err):
				t.Errorf("%s: %v", file, err)
			default:
				t.Logf("%s: %v", filepath.Base(file), err)
			}
		}
	}
}
