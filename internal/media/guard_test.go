package media

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// outside is a web server at an address of its own; inside is one that must not be reached.
func serveAt(t *testing.T, address string, handler http.Handler) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func TestNeitherRedirectNorPlaylistLeadsInside(t *testing.T) {
	astiav.SetLogLevel(astiav.LogLevelQuiet)
	folder := t.TempDir()
	clip := filepath.Join(folder, "clip.ts")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "libx264", clip).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	reached := make(chan string, 10)
	inside := serveAt(t, "127.0.0.2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.URL.Path
		http.ServeFile(w, r, clip)
	}))
	outside := serveAt(t, "127.0.0.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/clip.ts":
			http.ServeFile(w, r, clip)
		case "/redirect.ts":
			http.Redirect(w, r, inside+"/redirected.ts", http.StatusFound)
		case "/playlist.m3u8":
			fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s/listed.ts\n#EXT-X-ENDLIST\n", inside)
		}
	}))
	admit := func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
	open := func(url string) error {
		src, err := openURL(t.Context(), place{url: url, schemes: []string{"http"}, admit: admit})
		if err != nil {
			return err
		}
		src.close()
		return nil
	}
	if err := open(outside + "/clip.ts"); err != nil {
		t.Fatalf("what lies outside is not reached: %v", err)
	}
	for _, path := range []string{"/redirect.ts", "/playlist.m3u8"} {
		err := open(outside + path)
		if !domain.IsPermanent(err) || !errors.Is(err, errAddress) || !strings.Contains(err.Error(), "127.0.0.2") {
			t.Errorf("%s: error %v, want a permanent one that names the address", path, err)
		}
	}
	select {
	case path := <-reached:
		t.Errorf("%s was reached inside", path)
	default:
	}
	if os.Getenv("http_proxy") != "" {
		t.Error("the guard stays behind")
	}
}

func TestHostsOfOtherSchemesAreLookedUpFirst(t *testing.T) {
	for _, url := range []string{"rtmp://127.0.0.1/live/room", "srt://localhost:9000", "rtmps://[::1]/live/room"} {
		_, err := openURL(t.Context(), place{url: url, schemes: []string{"rtmp", "rtmps", "srt"}, admit: func(netip.Addr) bool { return false }})
		if !domain.IsPermanent(err) || !errors.Is(err, errAddress) {
			t.Errorf("%s: error %v", url, err)
		}
	}
}
