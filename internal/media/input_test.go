package media_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// talk is a small room: 2 s, or as long as said.
func talk(seconds float64, more ...string) []string {
	d := fmt.Sprint(seconds)
	return append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=" + d, "-f", "lavfi", "-i", "sine=r=44100:d=" + d,
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-ac", "2"}, more...)
}

// joinFiles puts files behind one another, byte by byte, as a server does that switches sources.
func joinFiles(t *testing.T, name string, paths ...string) string {
	t.Helper()
	var all []byte
	for _, p := range paths {
		all = append(all, readFile(t, p)...)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, all, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r recorded) length() time.Duration {
	if len(r.parts) == 0 {
		return 0
	}
	return time.Duration(r.parts[len(r.parts)-1].End)
}

// runs are the runs' parameters in words.
func (r recorded) runs() (runs []string) {
	for _, p := range r.parameters {
		runs = append(runs, fmt.Sprintf("%s %dx%d %s %d/%d", p.VideoCodec, p.Width, p.Height, p.AudioCodec, p.SampleRate, p.Channels))
	}
	return runs
}

const room180 = "h264 320x180 aac 44100/2"

func TestWhateverTheSourcesClockDoesMediaTimeGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		file   func(t *testing.T) string
		length float64
	}{
		"MPEG-TS whose 33 bits run out":  {func(t *testing.T) string { return makeMedia(t, "a.ts", talk(6, "-output_ts_offset", "95440.7")...) }, 6},
		"the year 2100":                  {func(t *testing.T) string { return makeMedia(t, "a.mkv", talk(3, "-output_ts_offset", "4102444800")...) }, 3},
		"an edit list that begins later": {func(t *testing.T) string { return makeMedia(t, "a.mp4", talk(3, "-bf", "2")...) }, 3},
		"a variable frame rate": {func(t *testing.T) string {
			return makeMedia(t, "a.mkv", talk(3, "-vf", "select='not(mod(n,3))+lt(n,25)'", "-vsync", "vfr")...)
		}, 3},
		"leaps forward, then back": {func(t *testing.T) string {
			return joinFiles(t, "a.ts", makeMedia(t, "a.ts", talk(2)...), makeMedia(t, "b.ts", talk(2, "-output_ts_offset", "3600")...), makeMedia(t, "c.ts", talk(2, "-output_ts_offset", "10")...))
		}, 6},
		"the same again": {func(t *testing.T) string {
			one := makeMedia(t, "a.ts", talk(2)...)
			return joinFiles(t, "a.ts", one, one)
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(t, &mediav1.RecordOrder{Url: c.file(t)})
			if r.err != nil {
				t.Fatal(r.err)
			}
			r.checkWindows(t, 0, time.Second)
			if math.Abs(r.length().Seconds()-c.length) > 0.25 {
				t.Errorf("%s long, want %g s", r.length(), c.length)
			}
			if said := decodes(t, r.write(t, 0, 0)); said != "" && len(r.parameters) == 1 {
				t.Errorf("decodes with errors: %s", said)
			}
		})
	}
}

func TestAnFLVClockThatRunsOutOf32BitsGoesOn(t *testing.T) {
	path := makeMedia(t, "a.flv", talk(6, "-output_ts_offset", "4294964.3")...)
	r := recordFrom(t.Context(), &mediav1.RecordOrder{}, pushed(readFile(t, path), 1<<14))
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.checkWindows(t, 0, time.Second)
	if math.Abs(r.length().Seconds()-6) > 0.25 {
		t.Errorf("%s long, want 6 s", r.length())
	}
}

func TestCodecsAreRecordedOrRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // the run, or what the error says
	}{
		"a.mp4": {talk(1), room180},
		"b.mkv": {talk(1, "-c:v", "libx265", "-x265-params", "log-level=none"), "hevc 320x180 aac 44100/2"},
		"c.ts":  {talk(1, "-c:a", "libmp3lame"), "h264 320x180 mp3 44100/2"},
		"d.mkv": {talk(1, "-c:a", "libopus"), "h264 320x180 opus 48000/2"},
		"e.mkv": {talk(1, "-c:v", "libvpx-vp9", "-deadline", "realtime"), "codec vp9 is not supported"},
		"f.mkv": {talk(1, "-c:v", "mpeg4"), "codec mpeg4 is not supported"},
		"g.ts":  {talk(1, "-c:a", "ac3"), "codec ac3 is not supported"},
		"h.mkv": {talk(1, "-c:a", "flac"), "codec flac is not supported"},
		"i.flv": {talk(1, "-an"), "h264 320x180  0/0"},
		"j.m4a": {talk(1, "-vn"), " 0x0 aac 44100/2"},
		"k.mkv": {talk(1, append(slices.Repeat([]string{"-map", "1:a"}, 200), "-c:a", "libmp3lame")...), "streams"},
		"l.ts":  {talk(1, "-map", "0:v", "-map", "0:v", "-map", "1:a", "-s:v:1", "640x360"), "h264 640x360 aac 44100/2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(t, &mediav1.RecordOrder{Url: makeMedia(t, name, c.args...)})
			if r.err != nil {
				if !domain.IsPermanent(r.err) || !strings.Contains(r.err.Error(), c.want) {
					t.Errorf("%v, want %q", r.err, c.want)
				}
				return
			}
			if got := r.runs(); len(got) != 1 || got[0] != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestSoundOfAnotherRateOrOtherChannelsBeginsARun(t *testing.T) {
	path := joinFiles(t, "pk.ts", makeMedia(t, "a.ts", talk(2)...), makeMedia(t, "b.ts", talk(2, "-ar", "48000", "-ac", "1")...), makeMedia(t, "c.ts", talk(2)...))
	r := record(t, &mediav1.RecordOrder{Url: path, Pcm: true})
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.checkWindows(t, 0, time.Second)
	if got, want := r.runs(), []string{room180, "h264 320x180 aac 48000/1", room180}; !slices.Equal(got, want) {
		t.Errorf("runs %q, want %q", got, want)
	}
	if math.Abs(r.length().Seconds()-6) > 0.3 {
		t.Errorf("%s long", r.length())
	}
	for run := range r.parameters {
		path := r.write(t, int64(run), 0)
		if first, last := times(t, path, "a:0")[0], times(t, path, "a:0"); math.Abs(last[len(last)-1]-first-2) > 0.2 {
			t.Errorf("run %d: sound from %g to %g", run, first, last[len(last)-1])
		}
	}
}

func TestAPictureThatBecomesTooLargeIsLeftOutWhileItIs(t *testing.T) {
	large := makeMedia(t, "8k.ts", "-f", "lavfi", "-i", "color=s=7680x4320:r=5:d=1", "-f", "lavfi", "-i", "sine=r=44100:d=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-c:a", "aac", "-ac", "2")
	small := makeMedia(t, "a.ts", talk(2)...)
	r := record(t, &mediav1.RecordOrder{Url: joinFiles(t, "explode.ts", small, large, small)})
	if r.err != nil {
		t.Fatal(r.err)
	}
	if got, want := r.runs(), []string{room180, " 0x0 aac 44100/2", room180}; !slices.Equal(got, want) {
		t.Errorf("runs %q, want %q", got, want)
	}
	if alone := record(t, &mediav1.RecordOrder{Url: large}); !domain.IsPermanent(alone.err) || !strings.Contains(alone.err.Error(), "pixels") {
		t.Errorf("from the beginning: %v", alone.err)
	}
}

func TestWithoutAKeyframeForAMinutePartsStayShort(t *testing.T) {
	path := makeMedia(t, "long.ts", talk(62, "-g", "100000", "-keyint_min", "100000", "-sc_threshold", "0", "-r", "10")...)
	r := record(t, &mediav1.RecordOrder{Url: path})
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.checkWindows(t, 0, time.Second)
	if math.Abs(r.length().Seconds()-62) > 0.3 {
		t.Errorf("%s long", r.length())
	}
}
