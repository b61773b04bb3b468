package fetch

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/small", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("picture")) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/small", http.StatusFound) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestAFileIsFetchedAlsoOverARedirect(t *testing.T) {
	s, g := server(t), New(1<<20, time.Minute, true)
	for _, path := range []string{"/small", "/once"} {
		to := filepath.Join(t.TempDir(), "file")
		if err := g.File(t.Context(), s.URL+path, to); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(to); string(got) != "picture" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestWhatCannotBeFetchedIsNamedWithoutItsAddress(t *testing.T) {
	s := server(t)
	private, public, hasty := New(1<<20, time.Minute, true), New(1<<20, time.Minute, false), New(1<<20, 100*time.Millisecond, true)
	for name, c := range map[string]struct {
		g         *Getter
		from      string
		want      string
		permanent bool
	}{
		"a private address":     {public, s.URL + "/small", "the address is private", true},
		"a link-local address":  {public, "http://169.254.169.254/latest/meta-data", "the address is private", true},
		"a file":                {private, "file:///etc/passwd", `scheme "file"`, true},
		"a redirect to a file":  {private, s.URL + "/away", `scheme "file"`, false},
		"redirects for ever":    {private, s.URL + "/again", "redirected too often", false},
		"a user in the address": {private, "http://user:secret@127.0.0.1/", "must not carry a user", true},
		"no URL":                {private, "http://[::1", "no URL", true},
		"what is not there":     {private, s.URL + "/nowhere", "the server answered 404", true},
		"a busy server":         {private, s.URL + "/busy", "the server answered 503", false},
		"a large file":          {private, s.URL + "/large", "more than 1", true},
		"an endless file":       {private, s.URL + "/endless", "", true},
		"a silent server":       {hasty, s.URL + "/silent", "no answer in time", false},
	} {
		to := filepath.Join(t.TempDir(), "file")
		err := c.g.File(t.Context(), c.from, to)
		if err == nil || !strings.Contains(err.Error(), c.want) || domain.IsPermanent(err) != c.permanent && name != "an endless file" {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), s.URL) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: the error repeats the address: %v", name, err)
		}
	}
}
