package download

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"liveclip/internal/models"
)

// server gives one file, as its script says, and keeps what was asked for.
type server struct {
	*httptest.Server
	file   []byte
	tag    string
	breaks []int // after so many bytes of each answer; beyond them it answers wholly
	plain  bool  // knows no ranges
	asked  []string
}

func newServer(t *testing.T, file []byte) *server {
	s := &server{file: file, tag: `"v1"`}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.Header.Get("Range"))
	w.Header().Set("ETag", s.tag)
	if s.plain {
		r.Header.Del("Range")
	}
	if len(s.breaks) == 0 {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.file))
		return
	}
	most := s.breaks[0]
	s.breaks = s.breaks[1:]
	http.ServeContent(&breaking{w, most}, r, "", time.Time{}, bytes.NewReader(s.file))
}

// breaking hangs up after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left < len(p) {
		_, _ = b.ResponseWriter.Write(p[:b.left])
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

func packed(t *testing.T, files map[string]string, links ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	archive := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(archive, files[name])
	}
	for _, name := range links {
		if err := archive.WriteHeader(&tar.Header{Name: name, Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	return b.Bytes()
}

// vad is a model that needs one file only: the smallest that can be verified.
func vad(t *testing.T) map[string]string {
	t.Helper()
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder with a model")
	}
	data, err := os.ReadFile(filepath.Join(corpus, "models", "silero_vad_16k_op15.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"silero/silero_vad.onnx": string(data), "silero/test_wavs/1.wav": "sound", "silero/README.md": "a model"}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func getter(t *testing.T, folder string) Getter {
	return Getter{Folder: folder, Client: http.DefaultClient, Wait: func(context.Context, time.Duration) error { return nil }, Progress: func(int64, int64) {}}
}

func TestADownloadThatBreaksOffGoesOnWhereItWas(t *testing.T) {
	file := packed(t, vad(t))
	for name, c := range map[string]struct {
		set  func(*server)
		want []string // ranges asked for
	}{
		"in one run":          {func(s *server) { s.breaks = []int{5000, 7000} }, []string{"", "bytes=5000-", "bytes=12000-"}},
		"without ranges":      {func(s *server) { s.breaks, s.plain = []int{5000}, true }, []string{"", "bytes=5000-"}},
		"at once":             {func(*server) {}, []string{""}},
		"it begins with none": {func(s *server) { s.breaks = []int{0, 0} }, []string{"", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, file)
			c.set(s)
			folder := t.TempDir()
			m := Model{Name: "silero", URL: s.URL + "/silero.tar.gz"}
			got, err := getter(t, folder).Get(t.Context(), m)
			want := Got{Folder: filepath.Join(folder, "silero"), SHA256: sum(file), Recorded: true}
			if err != nil || got != want {
				t.Fatalf("got %+v, %v", got, err)
			}
			if !slices.Equal(s.asked, c.want) {
				t.Errorf("asked for %q, want %q", s.asked, c.want)
			}
			var left []string
			entries, _ := os.ReadDir(folder)
			for _, e := range entries {
				left = append(left, e.Name())
			}
			inside, _ := os.ReadDir(got.Folder)
			if len(inside) != 2 || !slices.Equal(left, []string{sumsName, "silero"}) {
				t.Errorf("left %q, and %v in the model's folder", left, inside)
			}
			if again, err := getter(t, folder).Get(t.Context(), m); err != nil || !again.Here || len(s.asked) != len(c.want) {
				t.Errorf("again: %+v, %v, asked %q", again, err, s.asked)
			}
		})
	}
}

func TestARunThatWasKilledIsGoneOnWithUnlessTheFileIsAnother(t *testing.T) {
	file := packed(t, vad(t))
	for name, c := range map[string]struct {
		tag  string
		have int
	}{
		"the same file": {`"v1"`, 9000}, "another file by now": {`"v0"`, 9000}, "all but the end of the run": {`"v1"`, len(file)}, "more than there is": {`"v1"`, len(file) + 5},
	} {
		t.Run(name, func(t *testing.T) {
			s, folder := newServer(t, file), t.TempDir()
			part := filepath.Join(folder, ".silero.part")
			left := append([]byte(nil), append(file, 1, 2, 3, 4, 5)[:c.have]...)
			if c.tag == `"v0"` {
				left = make([]byte, c.have)
			}
			if os.WriteFile(part, left, 0o600) != nil || os.WriteFile(tagFile(part), []byte(c.tag), 0o600) != nil {
				t.Fatal("cannot prepare")
			}
			got, err := getter(t, folder).Get(t.Context(), Model{Name: "silero", URL: s.URL + "/silero.tar.gz", SHA256: sum(file)})
			if err != nil || got.Recorded || s.asked[0] != "bytes="+strconv.Itoa(c.have)+"-" {
				t.Errorf("got %+v, %v; asked for %q", got, err, s.asked)
			}
		})
	}
}

func TestWhatIsNotAsRecordedIsNotKept(t *testing.T) {
	files := vad(t)
	first, second := packed(t, files), packed(t, map[string]string{"silero/silero_vad.onnx": files["silero/silero_vad.onnx"]})
	s, folder := newServer(t, first), t.TempDir()
	m := Model{Name: "silero", URL: s.URL + "/silero.tar.gz"}
	if _, err := getter(t, folder).Get(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(folder, "silero")); err != nil {
		t.Fatal(err)
	}
	s.file, s.tag = second, `"v2"`
	_, err := getter(t, folder).Get(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), sum(first)) || !strings.Contains(err.Error(), "not kept") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "silero")); err == nil {
		t.Error("it was kept")
	}
}

func TestWhatCannotBeHadIsSaidPlainly(t *testing.T) {
	good := map[string]string{"a/model.onnx": "text", "a/tokens.txt": "b"}
	for name, c := range map[string]struct {
		file []byte
		url  string
		want string
	}{
		"no such file":       {nil, "/gone", "404"},
		"a page":             {[]byte("<html>log in</html>"), "/a.tar.gz", "unpack"},
		"a broken archive":   {packed(t, good)[:60], "/a.tar.gz", "unpack"},
		"an archive of junk": {packed(t, good), "/a.tar.gz", "no model that can be loaded"},
		"a path outside":     {packed(t, map[string]string{"../../evil": "x"}), "/a.tar.gz", "leads outside"},
		"a link":             {packed(t, nil, "a/link"), "/a.tar.gz", "link"},
		"not packed at all":  {[]byte("text"), "/model.onnx", "no model that can be loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			s, folder := newServer(t, c.file), t.TempDir()
			if c.file == nil {
				s.Config.Handler = http.NotFoundHandler()
			}
			_, err := getter(t, folder).Get(t.Context(), Model{Name: "a", URL: s.URL + c.url})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			entries, _ := os.ReadDir(folder)
			for _, e := range entries {
				if e.IsDir() {
					t.Errorf("left %s", e.Name())
				}
			}
		})
	}
	_, err := getter(t, t.TempDir()).Get(t.Context(), Model{Name: "a", URL: "http://127.0.0.1:1/a.tar.bz2"})
	if err == nil || !strings.Contains(err.Error(), "no network, or 127.0.0.1:1 does not answer") {
		t.Errorf("got %v", err)
	}
}

func TestTheListOfModelsIsReadAndAFaultNamed(t *testing.T) {
	all, err := Known("")
	if err != nil || len(all) < 5 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	path := filepath.Join(t.TempDir(), "list.yaml")
	for list, want := range map[string]string{
		"- {name: ../a, url: 'https://x/a'}": "../a", "- {name: a, url: 'file:///etc/passwd'}": `"a"`, "{": "list.yaml", "- {name: a, url: 'https://x/a', sha256: zz}": `"a"`,
	} {
		if os.WriteFile(path, []byte(list), 0o600) != nil {
			t.Fatal("cannot prepare")
		}
		if _, err := Known(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", list, err)
		}
	}
}

func TestAModelThatIsThereAndDamagedIsNamed(t *testing.T) {
	folder := t.TempDir()
	if os.MkdirAll(filepath.Join(folder, "a"), 0o700) != nil || os.WriteFile(filepath.Join(folder, "a", models.ManifestName), []byte("kind: odd"), 0o600) != nil {
		t.Fatal("cannot prepare")
	}
	if _, err := getter(t, folder).Get(t.Context(), Model{Name: "a", URL: "http://127.0.0.1:1/a"}); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
}

func FuzzArchivesStayWithinTheirFolder(f *testing.F) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	_ = archive.WriteHeader(&tar.Header{Name: "a/../../b", Size: 1, Typeflag: tar.TypeReg})
	_, _ = archive.Write([]byte("x"))
	_ = archive.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		outer := t.TempDir()
		into := filepath.Join(outer, "a", "b")
		if err := os.MkdirAll(into, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = untar(bytes.NewReader(data), into)
		if entries, _ := os.ReadDir(outer); len(entries) != 1 {
			t.Fatalf("wrote outside: %v", entries)
		}
	})
}
