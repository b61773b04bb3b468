package media_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liveclip/internal/address/addresstest"
	"liveclip/internal/domain"
	"liveclip/internal/media"
	mediav1 "liveclip/proto/media/v1"
)

func inputOf(data []byte) *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Data: data}}}
}

// pushed gives bytes in pieces as a push would, then the end of the input.
func pushed(data []byte, piece int) func() (*mediav1.ToChild, error) {
	return func() (*mediav1.ToChild, error) {
		if len(data) == 0 {
			return &mediav1.ToChild{Message: &mediav1.ToChild_InputEnd{InputEnd: &mediav1.InputEnd{}}}, nil
		}
		n := min(piece, len(data))
		m := inputOf(data[:n])
		data = data[n:]
		return m, nil
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPushIsRecordedAsItsFileIs(t *testing.T) {
	path := makeMedia(t, "in.flv", x264...)
	r := recordFrom(t.Context(), &mediav1.RecordOrder{Pcm: true}, pushed(readFile(t, path), 700))
	if r.err != nil {
		t.Fatal(r.err)
	}
	want := times(t, path, "v:0")
	sameTimes(t, times(t, r.write(t, 0, 0), "v:0"), want, -want[0])
	if r.reason != "the source ended" {
		t.Errorf("reason %q", r.reason)
	}
}

func TestAPushThatFallsSilentIsGivenUpAndWhatCameIsKept(t *testing.T) {
	data := readFile(t, makeMedia(t, "in.flv", x264...))
	sent := false
	next := func() (*mediav1.ToChild, error) {
		if !sent {
			sent = true
			return inputOf(data[:len(data)/2]), nil
		}
		<-t.Context().Done()
		return nil, io.EOF
	}
	r := recordFrom(t.Context(), &mediav1.RecordOrder{IdleTimeout: int64(4 * time.Second)}, next)
	if r.err == nil || domain.IsPermanent(r.err) || !strings.Contains(r.err.Error(), "nothing was received for 4s") {
		t.Errorf("error %v", r.err)
	}
	if n := len(r.parts); n == 0 || time.Duration(r.parts[n-1].End) < 2*time.Second {
		t.Errorf("%d parts were kept", n)
	}
}

func TestStoppingKeepsWhatCame(t *testing.T) {
	path := makeMedia(t, "in.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=5:d=300", "-c:v", "libx264", "-preset", "ultrafast", "-g", "5") // longer than a machine stalls
	stop := make(chan struct{})
	parts := 0
	order := &mediav1.RecordOrder{Url: path, Paced: true, AllowedSchemes: []string{"file"}}
	reason, err := media.Record(t.Context(), order, func() (*mediav1.ToChild, error) { <-stop; return nil, io.EOF }, func(m *mediav1.FromChild) error {
		if m.GetPart() != nil {
			if parts++; parts == 2 {
				close(stop)
			}
		}
		return nil
	})
	if err != nil || reason != "stopped" || parts < 2 {
		t.Errorf("%d parts, reason %q, error %v", parts, reason, err)
	}
}

func TestRubbishPushedIsRefused(t *testing.T) {
	r := recordFrom(t.Context(), &mediav1.RecordOrder{}, pushed([]byte(strings.Repeat("rubbish", 100000)), 4096))
	if r.err == nil {
		t.Errorf("reason %q", r.reason)
	}
}

func TestChangedParametersBeginARun(t *testing.T) {
	small := makeMedia(t, "a.ts", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
	large := makeMedia(t, "b.ts", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
	both := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(both, append(readFile(t, small), readFile(t, large)...), 0o644); err != nil {
		t.Fatal(err)
	}
	r := record(t, &mediav1.RecordOrder{Url: both, Run: 3})
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.checkWindows(t, 0, 700*time.Millisecond)
	var sizes []string
	for _, p := range r.parameters {
		sizes = append(sizes, fmt.Sprintf("%d: %d×%d", p.Run, p.Width, p.Height))
	}
	if strings.Join(sizes, ", ") != "3: 320×180, 4: 640×360" {
		t.Fatalf("runs %v", sizes)
	}
	for _, run := range []int64{3, 4} {
		path := r.write(t, run, 0)
		if said := decodes(t, path); said != "" {
			t.Errorf("run %d decodes with errors: %s", run, said)
		}
		if n := len(times(t, path, "v:0")); n < 49 { // the seam of the files damages one
			t.Errorf("run %d has %d pictures, want 50", run, n)
		}
	}
	if first := times(t, r.write(t, 4, 0), "v:0")[0]; math.Abs(first-time.Duration(r.parameters[1].At).Seconds()) > 0.001 || math.Abs(first-2) > 0.1 {
		t.Errorf("the second run begins at %f s, said %s", first, time.Duration(r.parameters[1].At))
	}
}

func TestPictureOrSoundAloneIsRecorded(t *testing.T) {
	for name, args := range map[string][]string{
		"sound.m4a":   {"-f", "lavfi", "-i", "sine=d=3", "-c:a", "aac"},
		"sound.mp3":   {"-f", "lavfi", "-i", "sine=d=3", "-c:a", "libmp3lame"},
		"opus.mkv":    {"-f", "lavfi", "-i", "sine=d=3", "-c:a", "libopus"},
		"picture.mp4": {"-f", "lavfi", "-i", "testsrc2=d=3", "-c:v", "libx264"},
		"hevc.ts":     {"-f", "lavfi", "-i", "testsrc2=d=3", "-c:v", "libx265", "-x265-params", "log-level=none"},
	} {
		t.Run(name, func(t *testing.T) {
			path := makeMedia(t, name, args...)
			r := record(t, &mediav1.RecordOrder{Url: path, Pcm: true})
			if r.err != nil {
				t.Fatal(r.err)
			}
			r.checkWindows(t, 0, 800*time.Millisecond)
			if !r.parts[0].Keyframe {
				t.Error("the first part is no random access point")
			}
			run := r.write(t, 0, 0)
			if said := decodes(t, run); said != "" {
				t.Errorf("decodes with errors: %s", said)
			}
			if got := probe(t, run).Parameters; got.VideoCodec != r.parameters[0].VideoCodec || got.AudioCodec != r.parameters[0].AudioCodec {
				t.Errorf("it is %v, said %v", got, r.parameters[0])
			}
			if end := time.Duration(r.parts[len(r.parts)-1].End); (end - 3*time.Second).Abs() > 100*time.Millisecond {
				t.Errorf("recorded %s", end)
			}
		})
	}
}

func TestPCMIsTheSoundByMediaTime(t *testing.T) {
	// Silence, then a tone from 2 s on: the tone must begin at 2 s of media time.
	path := makeMedia(t, "in.flv", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-f", "lavfi", "-i", "aevalsrc='if(gte(t,2),0.5*sin(2*PI*1000*t),0)':s=44100:d=4", "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
	const start = time.Hour
	r := record(t, &mediav1.RecordOrder{Url: path, Pcm: true, StartAt: int64(start)})
	if r.err != nil {
		t.Fatal(r.err)
	}
	next := r.pcm[0].At
	tone := time.Duration(-1)
	for _, p := range r.pcm {
		if d := time.Duration(p.At - next).Abs(); d > 2*time.Millisecond {
			t.Errorf("PCM at %s follows what ended at %s", time.Duration(p.At), time.Duration(next))
		}
		for i := 0; i+1 < len(p.Samples); i += 2 {
			if v := int16(binary.LittleEndian.Uint16(p.Samples[i:])); tone < 0 && (v > 3000 || v < -3000) {
				tone = time.Duration(p.At) + time.Duration(i/2)*time.Second/16000
			}
		}
		next = p.At + int64(time.Duration(len(p.Samples)/2)*time.Second/16000)
	}
	if want := start + 2*time.Second; (tone - want).Abs() > 30*time.Millisecond {
		t.Errorf("the tone begins at %s, want %s", tone, want)
	}
}

func TestLoudnessIsWhatFFmpegMeasures(t *testing.T) {
	path := makeMedia(t, "in.m4a", "-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*440*t)*(0.2+0.8*gte(mod(t,3),1.5))|0.1*sin(2*PI*90*t)':s=48000:d=10", "-c:a", "aac", "-b:a", "192k")
	r := record(t, &mediav1.RecordOrder{Url: path})
	if r.err != nil {
		t.Fatal(r.err)
	}
	var got []float64
	for _, l := range r.loudness {
		if want := int64(len(got)) * l.Step; time.Duration(l.Start-want).Abs() > time.Millisecond {
			t.Errorf("loudness starts at %s, want %s", time.Duration(l.Start), time.Duration(want))
		}
		got = append(got, l.Momentary...)
	}
	out, err := exec.Command("ffmpeg", "-v", "verbose", "-i", path, "-af", "ebur128", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, m := range regexp.MustCompile(`M:\s*(-?[0-9.]+)`).FindAllStringSubmatch(string(out), -1) {
		v, _ := strconv.ParseFloat(m[1], 64)
		want = append(want, v)
	}
	if len(want) < 90 || len(got) < len(want)-2 {
		t.Fatalf("%d values, ffmpeg has %d", len(got), len(want))
	}
	for i := 5; i < min(len(got), len(want)); i++ {
		if math.Abs(got[i]-want[i]) > 0.6 { // ffmpeg's includes priming, 21 ms
			t.Errorf("value %d is %.1f LUFS, ffmpeg says %.1f", i, got[i], want[i])
		}
	}
}

func TestHLSIsRecorded(t *testing.T) {
	folder := t.TempDir()
	path := makeMedia(t, "in.mp4", x264...)
	if out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0", filepath.Join(folder, "index.m3u8")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer server.Close()
	r := record(t, &mediav1.RecordOrder{Url: server.URL + "/index.m3u8", AllowedSchemes: []string{"http"}, Pcm: true})
	if r.err != nil {
		t.Fatal(r.err)
	}
	want := times(t, path, "v:0")
	sameTimes(t, times(t, r.write(t, 0, 0), "v:0"), want, -want[0])
}

func TestOfSeveralQualitiesOnlyTheBestIsFetched(t *testing.T) {
	folder := t.TempDir()
	for i, size := range []string{"320x180", "640x360"} {
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s="+size+":r=25:d=24", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25",
			"-f", "hls", "-hls_time", "1", "-hls_list_size", "0", filepath.Join(folder, fmt.Sprintf("q%d.m3u8", i)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	master := "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=320x180\nq0.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360\nq1.m3u8\n"
	if err := os.WriteFile(filepath.Join(folder, "index.m3u8"), []byte(master), 0o644); err != nil {
		t.Fatal(err)
	}
	var small, large atomic.Int32
	files := http.FileServer(http.Dir(folder))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/q0") && strings.HasSuffix(r.URL.Path, ".ts"):
			small.Add(1)
		case strings.HasPrefix(r.URL.Path, "/q1") && strings.HasSuffix(r.URL.Path, ".ts"):
			large.Add(1)
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	r := record(t, &mediav1.RecordOrder{Url: server.URL + "/index.m3u8", AllowedSchemes: []string{"http"}})
	if r.err != nil {
		t.Fatal(r.err)
	}
	if p := r.parameters[0]; p.Width != 640 || len(r.parameters) != 1 {
		t.Errorf("recorded %d×%d in %d runs", p.Width, p.Height, len(r.parameters))
	}
	if small.Load() > 4 || large.Load() < 24 {
		t.Errorf("fetched %d segments of the lesser quality and %d of the better", small.Load(), large.Load())
	}
}

func TestLiveSourcesAreRecorded(t *testing.T) {
	path := makeMedia(t, "in.mp4", x264...)
	for scheme, serve := range map[string]func(address string) []string{
		"http": func(a string) []string { return []string{"-f", "flv", "-listen", "1", "http://" + a + "/live.flv"} },
		"srt": func(a string) []string { // no packet is given up while the machine is busy
			return []string{"-f", "mpegts", "srt://" + a + "?mode=listener&tlpktdrop=0"}
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			address := addresstest.Free(t)
			args := serve(address)
			server := exec.Command("ffmpeg", append([]string{"-v", "error", "-re", "-stream_loop", "-1", "-i", path, "-c", "copy"}, args...)...)
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = server.Process.Kill()
				_ = server.Wait()
			}()
			url := scheme + "://" + address
			if scheme == "http" {
				url += "/live.flv"
			} else {
				url += "?tlpktdrop=0"
			}
			order := &mediav1.RecordOrder{Url: url, AllowedSchemes: []string{scheme}, Pcm: true, IdleTimeout: int64(time.Minute)}
			enough := func(r recorded) bool {
				return len(r.parts) > 0 && time.Duration(r.parts[len(r.parts)-1].Start) > 3*time.Second
			}
			r := recordUntil(t, order, enough)
			for deadline := time.Now().Add(2 * time.Minute); r.err != nil && len(r.parts) == 0 && time.Now().Before(deadline); { // until the server listens
				time.Sleep(50 * time.Millisecond)
				r = recordUntil(t, order, enough)
			}
			if !enough(r) {
				t.Fatal(r.err)
			}
			r.parts = r.parts[:len(r.parts)-1] // it ends wherever the source was when it was left
			r.checkWindows(t, 0, 700*time.Millisecond)
			if said := decodes(t, r.write(t, 0, 0)); said != "" {
				t.Errorf("decodes with errors: %s", said)
			}
		})
	}
}

func TestALocalFileIsNotReadByAPlaylistFromOutside(t *testing.T) {
	secret := makeMedia(t, "secret.ts", "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "libx264")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://%s\n#EXT-X-ENDLIST\n", secret)
	}))
	defer server.Close()
	r := record(t, &mediav1.RecordOrder{Url: server.URL + "/index.m3u8", AllowedSchemes: []string{"http"}})
	if r.err == nil || len(r.parts) > 0 {
		t.Errorf("%d parts were recorded", len(r.parts))
	}
}

func TestDeadAddressesAreNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	dead := addresstest.Dead(t)
	for address, permanent := range map[string]bool{
		server.URL + "/live.flv":          true,
		"rtmp://" + dead + "/live/room":   false,
		"http://" + dead + "/live.flv":    false,
		"srt://" + dead + "?timeout=1000": false,
	} {
		r := record(t, &mediav1.RecordOrder{Url: address, AllowedSchemes: []string{"http", "rtmp", "srt"}, IdleTimeout: int64(time.Minute)})
		if r.err == nil || domain.IsPermanent(r.err) != permanent || !strings.Contains(r.err.Error(), address) {
			t.Errorf("%s: error %v (permanent: %v)", address, r.err, domain.IsPermanent(r.err))
		}
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := recordFrom(ctx, &mediav1.RecordOrder{Url: "rtmp://" + l.Addr().String() + "/live/room", AllowedSchemes: []string{"rtmp"}, IdleTimeout: int64(500 * time.Millisecond)},
		func() (*mediav1.ToChild, error) { <-ctx.Done(); return nil, io.EOF })
	if r.err == nil || ctx.Err() != nil || !strings.Contains(r.err.Error(), "nothing was received for 500ms") {
		t.Errorf("error %v", errors.Join(r.err, ctx.Err()))
	}
}

func TestAPushWhoseSoundNobodyKnowsIsRecordedWithoutIt(t *testing.T) {
	flv := readFile(t, makeMedia(t, "in.flv", talk(2)...))
	for at := 13; at+15 < len(flv); { // tags: kind, length in three bytes, seven more, data, length again
		if flv[at] == 8 {
			flv[at+11] = 12<<4 | flv[at+11]&15 // no such sound format
		}
		at += 11 + int(flv[at+1])<<16 + int(flv[at+2])<<8 + int(flv[at+3]) + 4
	}
	r := recordFrom(t.Context(), &mediav1.RecordOrder{}, pushed(flv, 4096))
	if r.err != nil || !slices.Equal(r.runs(), []string{"h264 320x180  0/0"}) {
		t.Errorf("%q, %v", r.runs(), r.err)
	}
}
