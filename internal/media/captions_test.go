package media_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/caption/cea"
	"liveclip/internal/caption/cea/ceatest"
	mediav1 "liveclip/proto/media/v1"
)

// captionedRoom is a file with captions in its pictures: H.264 with reordered pictures, or HEVC.
func captionedRoom(t *testing.T, name string, c *ceatest.Captions, hevc bool, seconds int, more ...string) string {
	t.Helper()
	codec := []string{"-c:v", "libx264", "-bf", "0", "-x264-params", "aud=1", "-f", "h264"}
	again := []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "30", "-a53cc", "1"}
	if hevc {
		codec = []string{"-c:v", "libx265", "-x265-params", "aud=1:bframes=0:log-level=error", "-f", "hevc"}
		again = []string{"-c:v", "copy"}
	}
	plain := makeMedia(t, "plain", append([]string{"-f", "lavfi", "-i", fmt.Sprintf("color=gray:s=128x96:r=%d:d=%d", ceatest.FrameRate, seconds), "-preset", "ultrafast"}, codec...)...)
	written := filepath.Join(t.TempDir(), "written")
	if err := os.WriteFile(written, c.Inject(hevc, readFile(t, plain)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-framerate", fmt.Sprint(ceatest.FrameRate), "-i", written, "-f", "lavfi", "-i", fmt.Sprintf("sine=r=44100:d=%d", seconds)}, again...)
	return makeMedia(t, name, append(append(args, "-c:a", "aac"), more...)...)
}

// lines are the captions that a recording sent, in words.
func (r recorded) lines() (lines []string) {
	for _, m := range r.captions {
		for _, c := range m.Captions {
			lines = append(lines, fmt.Sprintf("%.1f-%.1f %s %s", time.Duration(c.Start).Seconds(), time.Duration(c.End).Seconds(), c.Channel, c.Text))
		}
	}
	return lines
}

func TestCaptionsInThePicturesAreSentWithTheirMediaTimes(t *testing.T) {
	made := func() *ceatest.Captions {
		c := ceatest.New()
		c.Pop(0, 0, 1*time.Second, 2*time.Second, "LAST THREE", "MINUTES")
		c.Digital(2500*time.Millisecond, slices.Concat(ceatest.Window(0, false, 1, 32), ceatest.P16("全场五折"))...)
		c.Digital(3*time.Second, 0x89, 1)
		c.Digital(4*time.Second, 0x8a, 1)
		c.Pop(0, 0, 5500*time.Millisecond, 0, "to the end")
		return c
	}
	for name, c := range map[string]struct {
		hevc    bool
		channel string
		want    []string
	}{
		"a.ts":  {false, "cc1", []string{"1.0-2.0 cc1 LAST THREE MINUTES", "5.5-6.0 cc1 to the end"}},
		"a.flv": {false, "service1", []string{"3.0-4.0 service1 全场五折"}},
		"a.mp4": {false, cea.Any, []string{"1.0-2.0 cc1 LAST THREE MINUTES", "5.5-6.0 cc1 to the end"}},
		"b.ts":  {true, "service1", []string{"3.0-4.0 service1 全场五折"}},
		"c.ts":  {false, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(t, &mediav1.RecordOrder{Url: captionedRoom(t, name, made(), c.hevc, 6), Captions: c.channel, PartLength: int64(250 * time.Millisecond)})
			if r.err != nil {
				t.Fatal(r.err)
			}
			if got := r.lines(); !slices.Equal(got, c.want) {
				t.Errorf("lines %q, want %q", got, c.want)
			}
			to := int64(0)
			for _, m := range r.captions {
				for _, line := range m.Captions {
					if line.Start < to {
						t.Errorf("%v came after %v", line, to)
					}
				}
				to = m.To
			}
			if c.channel != "" && time.Duration(to) < 5*time.Second {
				t.Errorf("read to %v", time.Duration(to))
			}
		})
	}
}

func TestTracksOfTextAreSent(t *testing.T) {
	srt := filepath.Join(t.TempDir(), "a.srt")
	if err := os.WriteFile(srt, []byte("1\n00:00:00,500 --> 00:00:01,250\n<i>全场</i>\n五折\n\n2\n00:00:02,000 --> 00:00:03,000\nonly {\\b1}ten left\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"0.5-1.2 track 全场五折", "2.0-3.0 track only ten left"}
	for name, codec := range map[string]string{"a.mp4": "mov_text", "a.mkv": "srt", "b.mkv": "webvtt", "c.mkv": "ass"} {
		path := makeMedia(t, name, "-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=4", "-f", "lavfi", "-i", "sine=r=44100:d=4", "-i", srt,
			"-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-c:s", codec)
		r := record(t, &mediav1.RecordOrder{Url: path, Captions: cea.Any, PartLength: int64(time.Second)})
		if got := r.lines(); r.err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: lines %q, %v", name, got, r.err)
		}
	}
}

func TestTheTrackOfAnOutsideFileIsWhatFFmpegReads(t *testing.T) {
	path := corpus(t, "video/nasa_13013.mp4")
	srt, err := os.Open(makeMedia(t, "truth.srt", "-i", path, "-map", "0:s:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer srt.Close()
	cues, _, err := caption.Read(srt)
	if err != nil {
		t.Fatal(err)
	}
	r := record(t, &mediav1.RecordOrder{Url: path, Captions: "track", PartLength: int64(time.Second)})
	if r.err != nil {
		t.Fatal(r.err)
	}
	var got []caption.Cue
	for _, m := range r.captions {
		for _, c := range m.Captions {
			got = append(got, caption.Cue{Start: time.Duration(c.Start).Round(10 * time.Millisecond), End: time.Duration(c.End).Round(10 * time.Millisecond), Text: c.Text})
		}
	}
	for i := range cues {
		cues[i].Start, cues[i].End = cues[i].Start.Round(10*time.Millisecond), cues[i].End.Round(10*time.Millisecond)
	}
	if len(got) < 3 || !slices.Equal(got, cues[:min(len(got), len(cues))]) || len(got) < len(cues)-1 {
		t.Errorf("%d lines of %d\n%v\n%v", len(got), len(cues), got, cues)
	}
}
