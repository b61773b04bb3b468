package media_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/media"
	mediav1 "liveclip/proto/media/v1"
)

func TestRealFilesAreRecordedWhole(t *testing.T) {
	for name, want := range map[string]struct {
		video, audio  string
		width, height int64
		length        time.Duration
		frames        int // of the picture; of the sound when there is none
	}{
		"video/lpms-test.flv":          {"h264", "aac", 640, 360, 19 * time.Second, 0},
		"video/portrait.ts":            {"h264", "", 720, 1280, time.Second, 0},
		"video/duplicate-audio-dts.ts": {"h264", "aac", 1280, 720, 2 * time.Second, 0},
		"video/h265_video.mp4":         {"hevc", "", 128, 128, time.Second, 0},
		"video/avatar.flv":             {"h264", "aac", 768, 320, 11 * time.Second, 0},
		"video/nasa_13013.mp4":         {"h264", "aac", 480, 270, 13 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := corpus(t, name)
			r := record(t, &mediav1.RecordOrder{Url: path, Pcm: true})
			if r.err != nil {
				t.Fatal(r.err)
			}
			p := r.parameters[0]
			if p.VideoCodec != want.video || p.AudioCodec != want.audio || p.Width != want.width || p.Height != want.height {
				t.Errorf("parameters %s %s %d×%d", p.VideoCodec, p.AudioCodec, p.Width, p.Height)
			}
			end := time.Duration(r.parts[len(r.parts)-1].End)
			if (end - want.length).Abs() > time.Second {
				t.Errorf("recorded %s, want about %s", end, want.length)
			}
			r.checkWindows(t, 0, 700*time.Millisecond)
			run := r.write(t, 0, 0)
			if said := decodes(t, run); said != "" {
				t.Errorf("the recording decodes with errors: %s", said)
			}
			var heard time.Duration
			for _, pcm := range r.pcm {
				heard += time.Duration(len(pcm.Samples)/2) * time.Second / 16000
			}
			if want.audio != "" && (heard-end).Abs() > time.Second {
				t.Errorf("heard %s of %s", heard, end)
			}
			t.Logf("%d parts, %s; %s", len(r.parts), end, r.reason)
		})
	}
}

func TestARealRecordingsSoundAndPictureKeepTheirTimes(t *testing.T) {
	for _, name := range []string{"video/lpms-test.flv", "video/avatar.flv"} {
		path := corpus(t, name)
		r := record(t, &mediav1.RecordOrder{Url: path})
		if r.err != nil {
			t.Fatal(r.err)
		}
		run := r.write(t, 0, 0)
		want := times(t, path, "v:0")
		sameTimes(t, times(t, run, "v:0"), want, -want[0])
		sound, got := times(t, path, "a:0"), times(t, run, "a:0")
		sound = sound[len(sound)-len(got):] // what was before the first picture is not recorded
		for i := range got {
			if math.Abs(got[i]-(sound[i]-want[0])) > 0.032 { // the source's times jitter
				t.Fatalf("%s: sound %d is at %f, want %f", name, i, got[i], sound[i]-want[0])
			}
		}
	}
}

func TestBrokenFilesGiveAnErrorOrAShorterRecording(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus(t, "broken"), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no broken files", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := record(t, &mediav1.RecordOrder{Url: path, Pcm: true})
			if r.err != nil {
				if !domain.IsPermanent(r.err) || !strings.Contains(r.err.Error(), filepath.Base(path)) {
					t.Errorf("error is not permanent or does not name the file: %v", r.err)
				}
				t.Log(r.err)
				return
			}
			if len(r.parts) == 0 {
				t.Fatal("neither an error nor a part")
			}
			if d := probe(t, r.write(t, 0, 0)); d.Parameters == nil {
				t.Error("what was recorded can't be read")
			}
			t.Logf("recorded %s; %s", time.Duration(r.parts[len(r.parts)-1].End), r.reason)
		})
	}
}

func probe(t *testing.T, path string) *mediav1.Probed {
	t.Helper()
	p, err := media.Probe(t.Context(), &mediav1.ProbeOrder{Url: path, AllowedSchemes: []string{"file"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProbeNamesWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	vorbis := makeMedia(t, "vorbis.mkv", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "flac")
	mpeg4 := makeMedia(t, "mpeg4.mp4", "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "mpeg4")
	unnamed := func(codec string, args ...string) string {
		film, err := os.ReadFile(makeMedia(t, "named.mp4", args...))
		if err != nil {
			t.Fatal(err)
		}
		return write(codec+".mp4", strings.ReplaceAll(string(film), codec, "xy_1"))
	}
	cut := makeMedia(t, "cut.mp4", x264...)
	if err := os.Truncate(cut, 20000); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, want string }{
		"text":             {write("text.mp4", strings.Repeat("this is not a film\n", 100)), "damaged beyond reading"},
		"empty":            {write("empty.mp4", ""), "damaged beyond reading"},
		"cut off":          {cut, "damaged beyond reading"},
		"absent":           {filepath.Join(folder, "absent.mp4"), "No such file"},
		"a folder":         {folder, "Is a directory"},
		"other sound":      {vorbis, "codec flac is not supported"},
		"other picture":    {mpeg4, "codec mpeg4 is not supported"},
		"unknown sound":    {unnamed("alac", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "alac"), `sound of codec unknown ("xy_1") is not supported`},
		"unknown picture":  {unnamed("avc1", x264...), `picture of codec unknown ("xy_1") is not supported`},
		"other scheme":     {"gopher://host/x", `scheme "gopher" is not allowed`},
		"pseudo protocol":  {"concat:" + vorbis + "|" + vorbis, `scheme "concat" is not allowed`},
		"no host":          {"http:///x", `scheme "http" is not allowed`},
		"lists of formats": {write("list.txt", "ffconcat version 1.0\nfile '/etc/passwd'\n"), "damaged beyond reading"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := media.Probe(t.Context(), &mediav1.ProbeOrder{Url: c.url, AllowedSchemes: []string{"file"}})
			if !domain.IsPermanent(err) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.url) {
				t.Errorf("error %v, want a permanent one that names the input and says %q", err, c.want)
			}
		})
	}
}

func TestAFileWhoseSoundNamesNoCodecIsRefused(t *testing.T) {
	path := corpus(t, "broken/sample_missing_stsd.mp4")
	if r := record(t, &mediav1.RecordOrder{Url: path}); !domain.IsPermanent(r.err) || !strings.Contains(r.err.Error(), "sound of codec unknown") {
		t.Errorf("recording gives %v, want a permanent error that names the sound", r.err)
	}
}

func TestAProbeTellsWhatAFileIs(t *testing.T) {
	p := probe(t, makeMedia(t, "in.mp4", x264...))
	if p.Format != "mov,mp4,m4a,3gp,3g2,mj2" || math.Abs(time.Duration(p.Duration).Seconds()-6) > 0.05 {
		t.Errorf("format %q, duration %s", p.Format, time.Duration(p.Duration))
	}
	want := &mediav1.Parameters{VideoCodec: "h264", Width: 320, Height: 180, FrameRate: 25, AudioCodec: "aac", SampleRate: 48000, Channels: 1, Duration: p.Duration}
	if p.Parameters.String() != want.String() {
		t.Errorf("parameters %v, want %v", p.Parameters, want)
	}
}
