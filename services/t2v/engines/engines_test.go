package engines

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/trust"
)

func box(kind string, body int) []byte {
	b := make([]byte, 8+body)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	copy(b[4:], kind)
	return b
}

// whole is what a file given in pieces counts as.
func whole(data []byte, piece int) string {
	var b boxes
	for part := range slices.Chunk(data, piece) {
		if f := b.take(part); f != nil {
			return f.Error()
		}
	}
	if f := b.end(); f != nil {
		return f.Error()
	}
	return ""
}

func TestAFileThatBreaksOffIsNoVideo(t *testing.T) {
	good := slices.Concat(box("ftyp", 16), box("moov", 100), box("mdat", 5000))
	long := slices.Concat(box("ftyp", 16), box("moov", 8), []byte{0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 0, 0, 0, 0, 20, 1, 2, 3, 4})
	toEnd := slices.Concat(box("ftyp", 16), box("moov", 8), []byte{0, 0, 0, 0, 'm', 'd', 'a', 't', 9, 9})
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"whole", good, ""},
		{"with a 64-bit size", long, ""},
		{"to the end of the file", toEnd, ""},
		{"nothing", nil, "finished without a picture"},
		{"only a beginning", box("ftyp", 16), "finished without a picture"},
		{"cut in a body", good[:len(good)-1], "breaks off"},
		{"cut in a head", good[:len(good)-5004], "breaks off"},
		{"not MP4", []byte("<!doctype html>"), "is no MP4"},
		{"a box of three bytes", append(box("ftyp", 16), 0, 0, 0, 3, 'm', 'o', 'o', 'v'), "is no MP4"},
		{"a size that overflows", append(box("ftyp", 0), 0, 0, 0, 1, 'm', 'd', 'a', 't', 255, 255, 255, 255, 255, 255, 255, 255), "is no MP4"},
	} {
		for _, piece := range []int{1, 7, 4096} {
			if got := whole(c.data, piece); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%s, in pieces of %d: %q, want %q", c.name, piece, got, c.want)
			}
		}
	}
}

func FuzzBoxes(f *testing.F) {
	f.Add(slices.Concat(box("ftyp", 16), box("moov", 10), box("mdat", 20)), 3)
	f.Add([]byte{0, 0, 0, 1, 'f', 't', 'y', 'p'}, 1)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		piece = max(1, piece%1000)
		if a, b := whole(data, piece), whole(data, len(data)+1); a != b {
			t.Errorf("in pieces of %d: %q, at once: %q", piece, a, b)
		}
	})
}

// Answers come from outside; whatever they are, they are sorted, and nothing panics.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"rate_limit","message":"slow down"}}`), 429)
	f.Add([]byte(`{"error":"busy","detail":["x"]}`), 503)
	f.Add([]byte(`{"code":"DataInspectionFailed","message":"no"}`), 400)
	f.Add([]byte(`{"id":"v","status":"failed","error":{"code":7}}`), 200)
	f.Add([]byte(`{"output":{"task_status":"FAILED","code":"InternalError","message":"out of memory"}}`), 200)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		for _, said := range []func(int, []byte) *Fault{videosSaid, dashScopeSaid} {
			if f := said(status, body); f != nil && (f.Kind == "" || f.Err == nil || len(f.Error()) > 2000) {
				t.Errorf("%d %q: %+v", status, body, f)
			}
		}
		var v video
		if readJSON(body, &v) == nil {
			_, _ = v.done()
		}
		var now task
		if readJSON(body, &now) == nil {
			_, _ = now.done()
		}
	})
}

func TestAnEngineGetsWhatItCanMake(t *testing.T) {
	free, fixed := Defaults(), Config{Kind: KindDashScope}.Over(Defaults())
	for _, c := range []struct {
		cfg           Config
		width, height int
		w, h          int
	}{
		{free, 832, 480, 832, 480},
		{free, 1920, 1080, 832, 464}, // no more pixels than it can do
		{free, 1080, 1920, 464, 832},
		{free, 0, -3, 16, 16},
		{fixed, 1920, 1080, 832, 480},
		{fixed, 1080, 1920, 480, 832},
		{fixed, 1000, 1000, 624, 624},
	} {
		if w, h := c.cfg.Shape(c.width, c.height); w != c.w || h != c.h {
			t.Errorf("%s: %dx%d becomes %dx%d, want %dx%d", c.cfg.Kind, c.width, c.height, w, h, c.w, c.h)
		}
	}
	if got := fixed.Nearest(3 * time.Second); got != 5*time.Second {
		t.Errorf("3 s becomes %v", got)
	}
}

func TestAPromptThatNoEngineTakesIsRefusedBeforeItIsSent(t *testing.T) {
	cfg := Defaults()
	for prompt, want := range map[string]string{
		strings.Repeat("杯", 100_000): "the prompt has 100000 characters, at most 2000",
		" \n\t":                      "the prompt is empty",
		"a mug":                      "",
	} {
		if got := cfg.Fits(Order{Prompt: prompt}); got != want {
			t.Errorf("%.10q: %q, want %q", prompt, got, want)
		}
	}
}

func TestFaultsOfSettingsAreNamedAndShowNoSecret(t *testing.T) {
	bad := Config{Name: "A B", Kind: "magic", Address: "ftp://user:secret@host", Sizes: []string{"8x"}, Lengths: []string{"soon"}, TLS: trust.TLS{Enabled: true}}
	got := strings.Join(bad.Faults("t2v.engines[0]"), "\n")
	for _, want := range []string{"name:", "kind:", "address:", "frame_rate:", "slots:", "timeout:", "idle:", "poll:", "max_bytes:", "max_prompt:", "max_pixels:", "cost:", "sizes:", "lengths:", "tls:"} {
		if !strings.Contains(got, "t2v.engines[0]."+want) {
			t.Errorf("lacks %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "secret") {
		t.Error("shows a secret")
	}
	own := Config{TLS: trust.TLS{CA: "ca.pem"}}
	if got := own.Over(Defaults()).Faults("x"); len(got) != 1 || !strings.Contains(got[0], "x.tls.enabled:") {
		t.Errorf("tls without enabled: %q", got)
	}
	for _, good := range []Config{Defaults(), {Kind: KindVideos, Address: "http://gpu:8000/api"}, {Kind: KindDashScope, Key: "k", Model: "wan2.2-t2v-plus"}} {
		if faults := good.Over(Defaults()).Faults("x"); len(faults) > 0 {
			t.Errorf("%+v: %q", good, faults)
		}
	}
}

func TestADownloadFromAPrivateAddressIsRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "10.0.0.1:443", "[::1]:80", "169.254.169.254:80", "nonsense"} {
		if err := publicOnly("tcp", address, nil); KindOf(err) != Wrong {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := publicOnly("tcp", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}

func TestBytesBeyondTheBoundAreNotWritten(t *testing.T) {
	var out bytes.Buffer
	b := &bounded{out: &out, max: 100, alive: func() {}, started: time.Now()}
	if _, err := b.Write(box("ftyp", 80)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(make([]byte, 13)); KindOf(err) != Wrong || out.Len() != 88 {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
}
