package vod

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/outlet"
	"liveclip/internal/record"
	"liveclip/internal/sign"
)

func itoa(n int) string { return strconv.Itoa(n) }

var (
	testKeys = sign.Keys{Current: sign.Key{ID: "k1", Secret: "a secret of the tests, long enough"}}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const (
	noonDate   = "Sun, 01 Mar 2026 12:00:00 GMT"
	beforeDate = "Sun, 01 Mar 2026 11:59:59 GMT"
	afterDate  = "Sun, 01 Mar 2026 12:00:01 GMT"
)

const (
	testClip = domain.ClipID("clip1")
	testHash = "hash1"
	testTag  = `"sha-of-720p"`
)

// clock is a wall clock that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(noon.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// origin is a VOD path over a folder, with one clip whose 720p rendition is content.
type origin struct {
	*Handler
	store   blob.Store
	clock   *clock
	server  *httptest.Server // of net/http
	address string           // asked by ask: the server's, or that of a server of our own
	content string

	mu         sync.Mutex
	deliveries []Delivery
	told       chan struct{}
}

var filmKey = record.File("default", testClip, testHash, "720p.mp4")

func newOrigin(t testing.TB, content string) *origin {
	t.Helper()
	store, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{store: store, clock: newClock(), content: content, told: make(chan struct{}, 1000)}
	o.Handler, err = New(Defaults(), Deps{
		Store: store, Keys: testKeys, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Now: o.clock.now,
		Deliver: func(d *Delivery) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.deliveries = append(o.deliveries, *d)
			o.told <- struct{}{}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.put(t, filmKey, content)
	o.put(t, record.File("default", testClip, testHash, "cover.jpg"), "a picture")
	o.put(t, record.File("default", testClip, testHash, "subtitles.vtt"), "WEBVTT\n")
	o.put(t, record.File("default", testClip, testHash, "empty.mp4"), "")
	o.writeManifest(t)
	o.server = httptest.NewServer(o.Handler)
	t.Cleanup(o.server.Close)
	o.address = o.server.Listener.Addr().String()
	o.pacing = Pace{} // its rests are of the system's clock
	return o
}

func (o *origin) writeManifest(t testing.TB) {
	t.Helper()
	m := domain.Manifest{
		Tenant: "default", Stream: "room", Broadcast: "b1", Published: noon,
		Rendered: domain.Rendered{
			Clip: testClip, Revision: 1, Hash: testHash,
			Cover:     record.File("default", testClip, testHash, "cover.jpg"),
			Subtitles: record.File("default", testClip, testHash, "subtitles.vtt"),
			Renditions: []domain.Rendition{
				{Profile: "720p", Key: filmKey, Bytes: int64(len(o.content)), SHA256: strings.Trim(testTag, `"`), Width: 1280, Height: 720},
				{Profile: "empty", Key: record.File("default", testClip, testHash, "empty.mp4"), SHA256: "sha-of-empty"},
			},
		},
	}
	o.putJSON(t, record.Manifest("default", testClip), m)
}

func (o *origin) writeLength(t *testing.T, length time.Duration) {
	t.Helper()
	o.putJSON(t, record.Manifest("default", testClip), domain.Manifest{Tenant: "default", Stream: "room", Published: noon, Rendered: domain.Rendered{
		Clip: testClip, Revision: 1, Hash: testHash,
		Renditions: []domain.Rendition{{
			Profile: "720p", Key: filmKey, Bytes: int64(len(o.content)), SHA256: "x", Length: length,
		}},
	}})
	o.Drop("default", testClip)
}

func (o *origin) put(t testing.TB, key, content string) {
	t.Helper()
	if _, err := o.store.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func (o *origin) putJSON(t testing.TB, key string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	o.put(t, key, string(data))
}

func (o *origin) path(file string) string {
	return testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Session: "s", Expires: noon.Add(time.Hour)}, file)
}

// direct has the clip served, and asked for, through the server that sends files itself.
func (o *origin) direct(t *testing.T) *origin {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cfg := outlet.Config{Handler: o.Handler, Below: "/vod/", Files: o.Handler, Patience: o.patience, Log: slog.New(slog.DiscardHandler)}
	go func() { ended <- outlet.Serve(ctx, listener, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	o.address = listener.Addr().String()
	return o
}

// over has the origin's objects lie in another store.
func (o *origin) over(store blob.Store) *origin {
	o.shelf = newShelf(store, Defaults(), o.clock.now)
	return o
}

// objects is a Store without files, as S3 is.
type objects struct{ blob.Store }

// storedAt is the path of the clip's film.
func storedAt(t *testing.T, o *origin) string {
	t.Helper()
	f, _, err := o.store.(blob.Filer).Open(t.Context(), filmKey)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(path)
}

// openFiles counts descriptors of files: those of connections come and go with other tests.
func openFiles(t *testing.T) (n int) {
	t.Helper()
	own := filepath.Dir(t.TempDir()) // what other tests leave to be closed is none of this one's
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc/self/fd")
	}
	for _, e := range entries {
		if of, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(of, own) {
			n++
		}
	}
	return n
}

// answered is a whole response but its Date.
type answered struct {
	status int
	header map[string]string
	body   string
}

// ask sends the request as it stands, header fields in order, over a connection of its own.
func (o *origin) ask(t *testing.T, method, path string, fields ...string) answered {
	t.Helper()
	conn, err := net.Dial("tcp", o.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", method, path)
	for _, f := range fields {
		fmt.Fprintf(conn, "%s\r\n", f)
	}
	io.WriteString(conn, "\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answered{r.StatusCode, map[string]string{}, string(body)}
	for name, values := range r.Header {
		got.header[name] = strings.Join(values, " | ")
	}
	delete(got.header, "Date")
	delete(got.header, "Connection")
	return got
}

// fetch gets the whole film, or as much of it as comes.
func (o *origin) fetch(t *testing.T) (status int, body string, err error) {
	t.Helper()
	answer, err := http.Get("http://" + o.address + o.path("720p.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all), err
}

var everyAnswer = map[string]string{
	"Access-Control-Allow-Origin":   "*",
	"Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, Date, ETag",
	"X-Content-Type-Options":        "nosniff",
}

var everyFile = map[string]string{
	"Accept-Ranges": "bytes",
	"Cache-Control": "public, max-age=3600, immutable",
	"Etag":          testTag,
	"Last-Modified": noonDate,
}

// want builds a response out of layers of headers; an empty value takes a header away.
func want(status int, body string, layers ...map[string]string) answered {
	a := answered{status, map[string]string{}, body}
	for _, layer := range append([]map[string]string{everyAnswer}, layers...) {
		maps.Copy(a.header, layer)
	}
	maps.DeleteFunc(a.header, func(_, value string) bool { return value == "" })
	return a
}

func wantProblem(status int, detail string, layers ...map[string]string) answered {
	body := fmt.Sprintf(`{"title":%q,"status":%d,"detail":%q}`, http.StatusText(status), status, detail)
	own := map[string]string{"Content-Type": "application/problem+json", "Content-Length": itoa(len(body)), "Cache-Control": "no-store"}
	return want(status, body, append(layers, own)...)
}

func compare(t *testing.T, got, want answered) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %d %v\n%.400q\nwant %d %v\n%.400q", got.status, got.header, got.body, want.status, want.header, want.body)
	}
}

var digits = strings.Repeat("0123456789", 100)

// noise is content of which no two places look alike.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return string(b)
}
