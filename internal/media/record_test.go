package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"liveclip/internal/media"
	mediav1 "liveclip/proto/media/v1"
)

// recorded is everything a recording sent.
type recorded struct {
	parameters []*mediav1.Parameters
	parts      []*mediav1.Part
	pcm        []*mediav1.Pcm
	loudness   []*mediav1.Loudness
	captions   []*mediav1.Captions
	reason     string
	err        error
}

func record(t *testing.T, order *mediav1.RecordOrder) recorded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	next := func() (*mediav1.ToChild, error) { <-ctx.Done(); return nil, io.EOF }
	return recordFrom(ctx, order, next)
}

// recordUntil stops once it is enough.
func recordUntil(t *testing.T, order *mediav1.RecordOrder, enough func(recorded) bool) recorded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return recordFrom(ctx, order, func() (*mediav1.ToChild, error) { <-ctx.Done(); return nil, io.EOF }, func(r recorded) {
		if enough(r) {
			cancel()
		}
	})
}

func recordFrom(ctx context.Context, order *mediav1.RecordOrder, next func() (*mediav1.ToChild, error), each ...func(recorded)) recorded {
	var r recorded
	if order.AllowedSchemes == nil {
		order.AllowedSchemes = []string{"file"}
	}
	r.reason, r.err = media.Record(ctx, order, next, func(m *mediav1.FromChild) error {
		switch m := m.Message.(type) {
		case *mediav1.FromChild_Parameters:
			r.parameters = append(r.parameters, m.Parameters)
		case *mediav1.FromChild_Part:
			m.Part.Data = bytes.Clone(m.Part.Data)
			r.parts = append(r.parts, m.Part)
		case *mediav1.FromChild_Pcm:
			m.Pcm.Samples = bytes.Clone(m.Pcm.Samples)
			r.pcm = append(r.pcm, m.Pcm)
		case *mediav1.FromChild_Loudness:
			r.loudness = append(r.loudness, m.Loudness)
		case *mediav1.FromChild_Captions:
			r.captions = append(r.captions, m.Captions)
		}
		for _, f := range each {
			f(r)
		}
		return nil
	})
	return r
}

// makeMedia has ffmpeg make a file.
func makeMedia(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-y"}, args...), path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return path
}

func corpus(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("LIVECLIP_CORPUS")
	if folder == "" {
		t.Skip("LIVECLIP_CORPUS is not set: it names the folder of outside test files")
	}
	return filepath.Join(folder, name)
}

// times are the presentation times of the frames of a stream, in seconds, sorted by decoding.
func times(t *testing.T, path, stream string) (pts []float64) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	var probed struct {
		Packets []struct {
			PTS string `json:"pts_time"`
		}
	}
	if err := json.Unmarshal(out, &probed); err != nil {
		t.Fatal(err)
	}
	for _, p := range probed.Packets {
		v, err := strconv.ParseFloat(p.PTS, 64)
		if err != nil {
			t.Fatalf("packet without time in %s", path)
		}
		pts = append(pts, v)
	}
	return pts
}

// write writes a run's initialisation segment and parts from number from on as one file.
func (r recorded) write(t *testing.T, run int64, from int) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range r.parameters {
		if p.Run == run {
			b.Write(p.Init)
		}
	}
	for _, p := range r.parts[from:] {
		if p.Run == run {
			b.Write(p.Data)
		}
	}
	path := filepath.Join(t.TempDir(), "run.mp4")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// decodes has ffmpeg decode a file, in the file's own ticks; what it complains of is returned.
func decodes(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-enc_time_base:v", "-1", "-f", "null", "-").CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return string(out)
}

// sameTimes: got is want less its beginning, to within half a millisecond.
func sameTimes(t *testing.T, got, want []float64, shift float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range got {
		if math.Abs(got[i]-(want[i]+shift)) > 0.0005 {
			t.Fatalf("frame %d is at %f, want %f", i, got[i], want[i]+shift)
		}
	}
}

const pictureAndSound = "testsrc2=s=320x180:r=25:d=6,format=yuv420p[out0];sine=f=440:r=48000:d=6[out1]"

var x264 = []string{"-f", "lavfi", "-i", pictureAndSound, "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2", "-c:a", "aac"}

// checkWindows: windows touch or follow one another, and no part is longer than asked.
func (r recorded) checkWindows(t *testing.T, start, longest time.Duration) {
	t.Helper()
	end := int64(start)
	for i, p := range r.parts {
		if p.Start < end || p.End <= p.Start {
			t.Fatalf("part %d is [%v, %v) after %v", i, time.Duration(p.Start), time.Duration(p.End), time.Duration(end))
		}
		if time.Duration(p.End-p.Start) > longest {
			t.Fatalf("part %d is [%v, %v): longer than %v", i, time.Duration(p.Start), time.Duration(p.End), longest)
		}
		end = p.End
	}
}

func TestTheTimesInARecordingAreMediaTime(t *testing.T) {
	for _, name := range []string{"in.mp4", "in.flv", "in.ts"} {
		path := makeMedia(t, name, x264...)
		want := times(t, path, "v:0")
		for _, start := range []time.Duration{0, 90 * time.Minute} {
			t.Run(name+" at "+start.String(), func(t *testing.T) {
				r := record(t, &mediav1.RecordOrder{Url: path, StartAt: int64(start), PartLength: int64(500 * time.Millisecond), Pcm: true})
				if r.err != nil {
					t.Fatal(r.err)
				}
				r.checkWindows(t, start, 600*time.Millisecond) // and the time that pictures are reordered by
				run := r.write(t, 0, 0)
				sameTimes(t, times(t, run, "v:0"), want, start.Seconds()-want[0])
				if said := decodes(t, run); said != "" {
					t.Errorf("the recording decodes with errors: %s", said)
				}
				r.checkKeyframes(t)
			})
		}
	}
}

// checkKeyframes: a part that says so begins with a picture at its window's start.
func (r recorded) checkKeyframes(t *testing.T) {
	t.Helper()
	for i, p := range r.parts {
		if !p.Keyframe {
			continue
		}
		first := times(t, r.write(t, p.Run, i), "v:0")[0]
		if math.Abs(first-time.Duration(p.Start).Seconds()) > 0.0001 {
			t.Errorf("keyframe part at %v begins with a picture at %f s", time.Duration(p.Start), first)
		}
	}
}
