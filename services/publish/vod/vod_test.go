package vod

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	"github.com/prometheus/client_golang/prometheus/testutil"

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

const (
	testClip = domain.ClipID("clip1")
	testHash = "hash1"
	testTag  = `"sha-of-720p"`
)

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
	o.put(t, record.File("default", testClip, testHash, "720p.mp4"), content)
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
				{Profile: "720p", Key: record.File("default", testClip, testHash, "720p.mp4"), Bytes: int64(len(o.content)), SHA256: strings.Trim(testTag, `"`), Width: 1280, Height: 720},
				{Profile: "empty", Key: record.File("default", testClip, testHash, "empty.mp4"), SHA256: "sha-of-empty"},
			},
		},
	}
	o.putJSON(t, record.Manifest("default", testClip), m)
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

// answered is a whole response but its Date.
type answered struct {
	status int
	header map[string]string
	body   string
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

func TestEveryKindOfReadIsAnsweredWhole(t *testing.T) {
	ways := map[string]*origin{
		"net/http": newOrigin(t, digits), "outlet": newOrigin(t, digits).direct(t), "blocks": newOrigin(t, digits),
	}
	ways["blocks"].over(objects{ways["blocks"].store})
	whole := want(200, digits, everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "1000"})
	head := want(200, "", everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "1000"})
	part := func(first, last int) answered {
		return want(206, digits[first:last+1], everyFile, map[string]string{
			"Content-Type": "video/mp4", "Content-Length": itoa(last - first + 1), "Content-Range": fmt.Sprintf("bytes %d-%d/1000", first, last),
		})
	}
	beyond := wantProblem(416, "the file has 1000 bytes", everyFile, map[string]string{"Content-Range": "bytes */1000"})
	fresh := want(304, "", everyFile)
	failed := wantProblem(412, "the file is not the one the condition asks for", everyFile)
	for name, c := range map[string]struct {
		method string
		fields []string
		want   answered
	}{
		"whole":                                     {"GET", nil, whole},
		"head":                                      {"HEAD", nil, head},
		"head with a range":                         {"HEAD", []string{"Range: bytes=0-4"}, head},
		"head with a range beyond":                  {"HEAD", []string{"Range: bytes=5000-"}, head},
		"first to last":                             {"GET", []string{"Range: bytes=10-19"}, part(10, 19)},
		"open":                                      {"GET", []string{"Range: bytes=990-"}, part(990, 999)},
		"suffix":                                    {"GET", []string{"Range: bytes=-3"}, part(997, 999)},
		"suffix longer than the file":               {"GET", []string{"Range: bytes=-3000"}, part(0, 999)},
		"clamped":                                   {"GET", []string{"Range: bytes=990-5000"}, part(990, 999)},
		"beyond":                                    {"GET", []string{"Range: bytes=1000-"}, beyond},
		"suffix of nothing":                         {"GET", []string{"Range: bytes=-0"}, beyond},
		"first after last":                          {"GET", []string{"Range: bytes=5-4"}, beyond},
		"broken":                                    {"GET", []string{"Range: bytes=x"}, beyond},
		"another unit":                              {"GET", []string{"Range: lines=1-2"}, whole},
		"two fields":                                {"GET", []string{"Range: bytes=0-1", "Range: bytes=2-3"}, whole},
		"unit in capitals, white space":             {"GET", []string{"Range: Bytes= 10-19 ,"}, part(10, 19)},
		"two that touch":                            {"GET", []string{"Range: bytes=0-9,10-19"}, part(0, 19)},
		"more in sum than there is":                 {"GET", []string{"Range: bytes=0-,0-,0-"}, whole},
		"if-range with our tag":                     {"GET", []string{"Range: bytes=0-9", "If-Range: " + testTag}, part(0, 9)},
		"if-range with another tag":                 {"GET", []string{"Range: bytes=0-9", `If-Range: "other"`}, whole},
		"if-range with a weak tag":                  {"GET", []string{"Range: bytes=0-9", "If-Range: W/" + testTag}, whole},
		"if-range with another tag and beyond":      {"GET", []string{"Range: bytes=5000-", `If-Range: "other"`}, whole},
		"if-range with our date":                    {"GET", []string{"Range: bytes=0-9", "If-Range: " + noonDate}, part(0, 9)},
		"if-range with a later date":                {"GET", []string{"Range: bytes=0-9", "If-Range: " + afterDate}, whole},
		"if-range with nonsense":                    {"GET", []string{"Range: bytes=0-9", "If-Range: yesterday"}, whole},
		"if-range without a range":                  {"GET", []string{`If-Range: "other"`}, whole},
		"if-match with our tag":                     {"GET", []string{`If-Match: "x", ` + testTag}, whole},
		"if-match with any":                         {"GET", []string{"If-Match: *", "Range: bytes=0-9"}, part(0, 9)},
		"if-match with another tag":                 {"GET", []string{`If-Match: "x"`, "Range: bytes=0-9"}, failed},
		"if-match with a weak tag":                  {"GET", []string{"If-Match: W/" + testTag}, failed},
		"if-match outweighs if-unmodified-since":    {"GET", []string{"If-Match: " + testTag, "If-Unmodified-Since: " + beforeDate}, whole},
		"if-unmodified-since before":                {"GET", []string{"If-Unmodified-Since: " + beforeDate}, failed},
		"if-unmodified-since then":                  {"GET", []string{"If-Unmodified-Since: " + noonDate}, whole},
		"if-none-match with our tag":                {"GET", []string{"If-None-Match: " + testTag}, fresh},
		"if-none-match with our tag, head":          {"HEAD", []string{"If-None-Match: " + testTag}, fresh},
		"if-none-match with our weak tag":           {"GET", []string{`If-None-Match: "x", W/` + testTag, "Range: bytes=0-9"}, fresh},
		"if-none-match with any":                    {"GET", []string{"If-None-Match: *"}, fresh},
		"if-none-match with another tag":            {"GET", []string{`If-None-Match: "x"`}, whole},
		"if-none-match outweighs if-modified-since": {"GET", []string{`If-None-Match: "x"`, "If-Modified-Since: " + afterDate}, whole},
		"if-modified-since then":                    {"GET", []string{"If-Modified-Since: " + noonDate}, fresh},
		"if-modified-since before":                  {"GET", []string{"If-Modified-Since: " + beforeDate}, whole},
		"if-modified-since with nonsense":           {"GET", []string{"If-Modified-Since: never"}, whole},
		"a failed condition outweighs a fresh one":  {"GET", []string{`If-Match: "x"`, "If-None-Match: " + testTag}, failed},
		"a fresh one outweighs a range beyond":      {"GET", []string{"If-None-Match: " + testTag, "Range: bytes=5000-"}, fresh},
		"head, a failed condition":                  {"HEAD", []string{`If-Match: "x"`}, answered{412, failed.header, ""}},
	} {
		for way, o := range ways {
			t.Run(name+" over "+way, func(t *testing.T) { compare(t, o.ask(t, c.method, o.path("720p.mp4"), c.fields...), c.want) })
		}
	}
}

func TestPartsFarApartComeAsMultipartInTheOrderAsked(t *testing.T) {
	o := newOrigin(t, digits)
	got := o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=500-509, -5, 0-4")
	_, boundary, _ := strings.Cut(got.header["Content-Type"], "boundary=")
	body := "--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 500-509/1000\r\n\r\n0123456789" +
		"\r\n--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 995-999/1000\r\n\r\n56789" +
		"\r\n--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-4/1000\r\n\r\n01234" +
		"\r\n--B--\r\n"
	body = strings.ReplaceAll(body, "B\r", boundary+"\r")
	body = strings.ReplaceAll(body, "B--", boundary+"--")
	compare(t, got, want(206, body, everyFile, map[string]string{
		"Content-Type": "multipart/byteranges; boundary=" + boundary, "Content-Length": itoa(len(body)),
	}))
}

func TestAnEmptyFileIsWholeWhateverIsAsked(t *testing.T) {
	o := newOrigin(t, digits)
	empty := want(200, "", everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "0", "Etag": `"sha-of-empty"`})
	for _, asked := range []string{"bytes=0-", "bytes=-5", "bytes=5-9", "bytes=5-4"} {
		compare(t, o.ask(t, "GET", o.path("empty.mp4"), "Range: "+asked), empty)
	}
}

func TestWhatIsRefusedSaysWhyAndNoMore(t *testing.T) {
	o := newOrigin(t, digits)
	expired := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Expires: noon}, "720p.mp4")
	grant := func(path string) string {
		return testKeys.URL(sign.Grant{Path: path, Tenant: "default", Expires: noon.Add(time.Hour)}, "720p.mp4")
	}
	other := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "shop", Expires: noon.Add(time.Hour)}, "720p.mp4")
	notAllowed := wantProblem(405, "the VOD path is read with GET or HEAD", map[string]string{"Allow": "GET, HEAD"})
	unsigned := wantProblem(403, "this URL is not signed, or was altered")
	for name, c := range map[string]struct {
		method, path string
		want         answered
	}{
		"post":                    {"POST", o.path("720p.mp4"), notAllowed},
		"delete":                  {"DELETE", o.path("720p.mp4"), notAllowed},
		"options":                 {"OPTIONS", o.path("720p.mp4"), notAllowed},
		"no signature":            {"GET", "/vod/clip1/hash1/720p.mp4", unsigned},
		"another's signature":     {"GET", strings.Replace(o.path("720p.mp4"), "hash1", "hash2", 1), unsigned},
		"altered":                 {"GET", strings.Replace(o.path("720p.mp4"), "session=s", "session=t", 1), unsigned},
		"expired":                 {"GET", expired, wantProblem(403, "this URL has expired")},
		"unknown clip":            {"GET", grant("/vod/none/hash1/"), wantProblem(404, "no such clip")},
		"another tenant's":        {"GET", other, wantProblem(404, "no such clip")},
		"unknown version":         {"GET", grant("/vod/clip1/hash2/"), wantProblem(404, "no such version of this clip")},
		"unknown file":            {"GET", o.path("1080p.mp4"), wantProblem(404, "this clip has no such file")},
		"a file without profile":  {"GET", o.path("manifest.json"), wantProblem(404, "this clip has no such file")},
		"no file":                 {"GET", o.path(""), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"a folder deeper":         {"GET", o.path("x/720p.mp4"), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"a climb":                 {"GET", o.path("..%2f..%2fplan.1.json"), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"not the VOD path at all": {"GET", "/vod", wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
	} {
		t.Run(name, func(t *testing.T) { compare(t, o.ask(t, c.method, c.path), c.want) })
	}
}

func TestABrowserMayAskForARange(t *testing.T) {
	o := newOrigin(t, digits)
	got := o.ask(t, "OPTIONS", o.path("720p.mp4"), "Origin: https://shop.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range")
	compare(t, got, want(204, "", map[string]string{
		"Access-Control-Allow-Methods": "GET, HEAD",
		"Access-Control-Allow-Headers": "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Purpose, X-Request-Id",
		"Access-Control-Max-Age":       "86400",
	}))
}

func TestCoverAndSubtitlesGoTheSameWay(t *testing.T) {
	o := newOrigin(t, digits)
	for file, c := range map[string]struct{ kind, body, tag string }{
		"cover.jpg":     {"image/jpeg", "a picture", `"hash1-cover.jpg-9"`},
		"subtitles.vtt": {"text/vtt; charset=utf-8", "WEBVTT\n", `"hash1-subtitles.vtt-7"`},
	} {
		compare(t, o.ask(t, "GET", o.path(file)), want(200, c.body, everyFile, map[string]string{"Content-Type": c.kind, "Content-Length": itoa(len(c.body)), "Etag": c.tag}))
	}
}

func TestATakenDownClipIsGoneWithinASecondAndAtOnceWhenTold(t *testing.T) {
	o := newOrigin(t, digits)
	gone := wantProblem(410, "this clip was taken down")
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 200 {
		t.Fatalf("before: %d", got.status)
	}
	o.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
	o.clock.advance(catalogAge)
	compare(t, o.ask(t, "GET", o.path("720p.mp4")), gone)

	told := newOrigin(t, digits)
	told.ask(t, "GET", told.path("720p.mp4"))
	told.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
	told.Drop("default", testClip)
	compare(t, told.ask(t, "GET", told.path("720p.mp4")), gone)
}

func TestAnAnswerUnderWayEndsWhenItsClipIsTakenDown(t *testing.T) {
	plain := func(s blob.Store) blob.Store { return s }
	for name, c := range map[string]struct {
		over    func(blob.Store) blob.Store
		direct  bool
		http2   bool
		bounded bool
	}{
		"a range, by sendfile":       {plain, true, false, true},
		"a range, by net/http":       {plain, false, false, true},
		"a range, over HTTP/2":       {plain, true, true, true},
		"a range of an object":       {func(s blob.Store) blob.Store { return objects{s} }, true, false, true},
		"at the speed it plays at":   {plain, true, false, false},
		"so, and of an object store": {func(s blob.Store) blob.Store { return objects{s} }, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, strings.Repeat(digits, 32<<10)) // 32 MB: more than any socket buffer takes
			o.writeLength(t, time.Hour)
			o.over(c.over(o.store))
			o.pacing = Defaults().Pace
			if c.direct {
				o.direct(t)
			}
			client := &http.Transport{Protocols: new(http.Protocols)}
			client.Protocols.SetUnencryptedHTTP2(c.http2)
			client.Protocols.SetHTTP1(!c.http2)
			defer client.CloseIdleConnections()
			r, _ := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
			if c.bounded {
				r.Header.Set("Range", "bytes=0-33000000")
			}
			answer, err := client.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if _, err := io.CopyN(io.Discard, answer.Body, 1000); err != nil {
				t.Fatal(err)
			}
			o.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
			o.Drop("default", testClip)
			select {
			case <-o.told:
			case <-time.After(2 * time.Minute):
				t.Fatal("the answer goes on")
			}
			if d := o.deliveries[0]; d.Status/100 != 2 || d.Sent >= d.Size {
				t.Errorf("told as %+v", d.Delivery)
			}
			if n, err := io.Copy(io.Discard, answer.Body); err == nil {
				t.Errorf("%d bytes look like a whole answer", n)
			}
			if n := testutil.ToFloat64(o.metrics.ended); n != 1 {
				t.Errorf("%g counted", n)
			}
		})
	}
}

func TestABodyThatNeverComesHoldsNoConnection(t *testing.T) {
	o := newOrigin(t, digits)
	o.bodyWithin = 100 * time.Millisecond
	for name, address := range map[string]string{"net/http": o.address, "outlet": o.direct(t).address} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nnot all", o.path("720p.mp4"))
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %.100q, then %v", name, answer, err)
		}
	}
	compare(t, o.ask(t, "GET", o.path("720p.mp4"), "Content-Length: 3\r\nRange: bytes=0-3\r\n\r\nabc"), want(206, "0123", everyFile, map[string]string{
		"Content-Type": "video/mp4", "Content-Length": "4", "Content-Range": "bytes 0-3/1000",
	}))
}

func TestAClipPlaysTheMomentItsManifestIsWritten(t *testing.T) {
	o := newOrigin(t, digits)
	if err := o.store.Delete(t.Context(), record.Manifest("default", testClip)); err != nil {
		t.Fatal(err)
	}
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 404 {
		t.Fatalf("without a manifest: %d", got.status)
	}
	o.writeManifest(t)
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 200 {
		t.Errorf("with it: %d", got.status)
	}
}

func TestAFileThatIsNotWhatTheManifestSaysIsNotServed(t *testing.T) {
	o := newOrigin(t, digits)
	o.put(t, record.File("default", testClip, testHash, "720p.mp4"), digits[:500])
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 500 || strings.Contains(got.body, "default/") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestTheCatalogStaysSmall(t *testing.T) {
	o := newOrigin(t, digits)
	m := domain.Manifest{Rendered: domain.Rendered{Clip: "c"}}
	for i := range catalogSize + 10 {
		o.catalog.clips[clipKey{"t", domain.ClipID(itoa(i))}] = playable{manifest: m, read: noon}
		if i > catalogSize-10 {
			break
		}
	}
	for i := range 30 {
		clip := domain.ClipID("new" + itoa(i))
		o.putJSON(t, record.Manifest("default", clip), m)
		if _, err := o.catalog.find(t.Context(), clipKey{"default", clip}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.catalog.clips); n > catalogSize {
		t.Errorf("%d clips are kept", n)
	}
}

func TestADeliverySaysWhatWasAskedAndSent(t *testing.T) {
	o := newOrigin(t, digits)
	o.ask(t, "GET", o.path("720p.mp4")+"&purpose=preload", "Range: bytes=10-19", "X-Request-Id: r1", "Referer: https://shop.example/a")
	<-o.told
	o.ask(t, "GET", "/vod/clip1/hash1/720p.mp4") // refused: nobody's delivery
	got := o.deliveries[0]
	wantDelivery := domain.Delivery{
		RequestID: "r1", Clip: testClip, Hash: testHash, File: "720p.mp4", Profile: "720p", Method: "GET", Status: 206, Asked: "bytes=10-19",
		Ranges: 1, SentFrom: 10, Sent: 10, Acked: got.Acked, Size: 1000, CacheHit: got.CacheHit, Session: "s", Referer: "https://shop.example/a",
		Purpose: domain.PurposePreload, Started: noon, Origin: domain.OriginSelf,
	}
	if len(o.deliveries) != 1 || got.Delivery != wantDelivery || got.Stream != "room" || got.Broadcast != "b1" {
		t.Errorf("got %+v\nwant %+v", o.deliveries, wantDelivery)
	}
}

func TestAViewerWhoLeavesCostsNothingFurther(t *testing.T) {
	o := newOrigin(t, strings.Repeat(digits, 64<<10)) // 64 MB: more than any socket buffer takes
	open := openFiles(t)
	conn, err := net.Dial("tcp", o.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nRange: bytes=0-\r\n\r\n", o.path("720p.mp4"))
	if _, err := io.CopyN(io.Discard, conn, 100<<10); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer goes on without a reader")
	}
	if d := o.deliveries[0]; d.Status != 206 || d.Sent < 100<<10 || d.Sent >= int64(len(o.content)) {
		t.Errorf("told as %+v", d.Delivery)
	}
	o.server.CloseClientConnections()
	for deadline := time.Now().Add(2 * time.Minute); openFiles(t) > open+1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files were open before, %d now", open, openFiles(t))
		}
	}
	if got := o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=0-3"); got.body != "0123" {
		t.Errorf("the next viewer gets %q", got.body)
	}
}

func TestAViewerWhoStallsIsLetGo(t *testing.T) {
	for name, over := range map[string]func(blob.Store) blob.Store{
		"files":   func(s blob.Store) blob.Store { return s },
		"outlet":  func(s blob.Store) blob.Store { return s },
		"objects": func(s blob.Store) blob.Store { return objects{s} },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, strings.Repeat(digits, 64<<10)) // 64 MB: more than any socket buffer takes
			o.patience = 100 * time.Millisecond
			o.over(over(o.store))
			if name == "outlet" {
				o.direct(t)
			}
			conn, err := net.Dial("tcp", o.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", o.path("720p.mp4"))
			select {
			case <-o.told:
			case <-time.After(2 * time.Minute):
				t.Fatal("the answer waits for a reader that takes nothing")
			}
			if d := o.deliveries[0]; d.Status != 200 || d.Sent >= int64(len(o.content)) {
				t.Errorf("told as %+v", d.Delivery)
			}
		})
	}
}

func TestADeadlineEndsWithItsAnswer(t *testing.T) {
	o := newOrigin(t, digits)
	o.patience = time.Second
	passed := make(chan struct{})
	o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/other" {
			o.ServeHTTP(w, r)
			return
		}
		<-passed
		io.WriteString(w, "another's answer")
	})
	conn, err := net.Dial("tcp", o.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, c := range []struct{ path, body string }{{o.path("720p.mp4"), digits}, {"/other", "another's answer"}} {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", c.path)
		if c.path == "/other" {
			time.AfterFunc(2*o.patience, func() { close(passed) })
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != c.body {
			t.Errorf("%s: %d bytes, %v", c.path, len(body), err)
		}
	}
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

func TestManyRangesOfOneFileAtOnceDoNotMix(t *testing.T) {
	var content bytes.Buffer
	for i := range 1 << 18 {
		fmt.Fprintf(&content, "%07d ", i)
	}
	o := newOrigin(t, content.String())
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 20 {
				first := (worker*31 + i*7919) % (1 << 17) * 8
				last := first + 80_000
				r, _ := http.NewRequest(http.MethodGet, o.server.URL+o.path("720p.mp4"), nil)
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, last))
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil || string(body) != o.content[first:last+1] {
					t.Errorf("bytes %d-%d: %d bytes, %v", first, last, len(body), err)
				}
			}
		})
	}
	all.Wait()
}

// objects is a Store without files, as S3 is.
type objects struct{ blob.Store }

func TestAStoreWithoutFilesGivesTheSameBytes(t *testing.T) {
	o := newOrigin(t, digits)
	o.over(objects{o.store})
	part := want(206, digits[10:20], everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "10", "Content-Range": "bytes 10-19/1000"})
	compare(t, o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=10-19"), part)
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.body != digits {
		t.Errorf("whole: %d bytes", len(got.body))
	}
}

func FuzzNoTagListBreaksTheComparison(f *testing.F) {
	f.Add(`"a", W/"b"`)
	f.Add(`*`)
	f.Add(`W/`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, list string) {
		if matches([]string{list}, testTag, true) && !strings.Contains(list, testTag) && !strings.Contains(list, "*") {
			t.Fatalf("%q holds our tag", list)
		}
	})
}
