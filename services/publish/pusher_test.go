package publish

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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

	"liveclip/internal/address/addresstest"
	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/record"
	"liveclip/internal/sign"
	"liveclip/services/publish/vod"
)

var (
	testKeys = sign.Keys{Current: sign.Key{ID: "k1", Secret: "a secret of the tests, long enough"}}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const (
	testClip = domain.ClipID("clip1")
	testHash = "hash1"
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

// desk is the publishing side over a folder, its queue worked off by hand.
type desk struct {
	*Service
	store  blob.Store
	clock  *clock
	jobs   []job.Job
	paused []time.Duration
	told   []event.Event
	tell   error // what Publish answers
}

func (d *desk) Enqueue(_ context.Context, j job.Job) error {
	for _, other := range d.jobs {
		if other.ID == j.ID {
			return nil
		}
	}
	d.jobs = append(d.jobs, j)
	return nil
}

func (d *desk) Publish(_ context.Context, events ...event.Event) error {
	d.told = append(d.told, events...)
	return d.tell
}

const video = "the bytes of a video"

func newDesk(t *testing.T, cfg Config) *desk {
	t.Helper()
	store, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: store, clock: newClock()}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	deps := Deps{Store: store, Keys: testKeys, Now: d.clock.now, Log: slog.New(slog.DiscardHandler)}
	if faults := cfg.Faults(); faults != nil {
		t.Fatal(faults)
	}
	path, err := vod.New(vod.Defaults(), vod.Deps{Store: store, Keys: testKeys, Log: deps.Log, Metrics: prometheus.NewRegistry(), Now: d.clock.now, Deliver: func(*vod.Delivery) {}})
	if err != nil {
		t.Fatal(err)
	}
	d.Service = &Service{cfg: cfg, deps: deps, vod: path, ledger: &ledger{store, d, d.clock.now}}
	d.pusher = &pusher{store, d.ledger, d, connectors(cfg, deps), cfg.Timeout, cfg.Attempts, d.clock.now, deps.Log, m.settled}
	for name, content := range map[string]string{"720p.mp4": video, "cover.jpg": "a picture", "subtitles.vtt": "WEBVTT\n"} {
		d.put(t, record.File("default", testClip, testHash, name), content)
	}
	sum := sha256.Sum256([]byte(video))
	d.putJSON(t, record.Manifest("default", testClip), domain.Manifest{
		Tenant: "default", Stream: "room", Broadcast: "b1", Published: noon,
		Rendered: domain.Rendered{
			Clip: testClip, Revision: 1, Hash: testHash, Title: "Half price", Text: "fifty percent off", Generated: true,
			Window: domain.Window{Start: 10 * time.Second, End: 22500 * time.Millisecond},
			Renditions: []domain.Rendition{{
				Profile: "720p", Key: record.File("default", testClip, testHash, "720p.mp4"), Width: 1280, Height: 720,
				Length: 12500 * time.Millisecond, Bytes: int64(len(video)), SHA256: hex.EncodeToString(sum[:]),
			}},
			Cover:     record.File("default", testClip, testHash, "cover.jpg"),
			Subtitles: record.File("default", testClip, testHash, "subtitles.vtt"),
		},
	})
	return d
}

func (d *desk) put(t *testing.T, key, content string) {
	t.Helper()
	if _, err := d.store.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) putJSON(t *testing.T, key string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d.put(t, key, string(data))
}

var (
	cause    = event.Envelope{ID: "decided-1", Tenant: "default", Stream: "room", Broadcast: "b1", Lane: domain.LaneLive}
	approval = event.Event{Envelope: cause, Payload: domain.Decided{Clip: testClip, Revision: 1, Verdict: domain.VerdictApproved, By: "rule", Hash: testHash}}
	takeDown = event.Event{Envelope: event.Envelope{ID: "down-1", Tenant: "default", Stream: "room"}, Payload: domain.Decided{Clip: testClip, Revision: 1, TakeDown: true, By: "ann"}}
)

func (d *desk) decide(t *testing.T, e event.Event) {
	t.Helper()
	if e.Payload.(domain.Decided).TakeDown {
		d.putJSON(t, record.TakeDown("default", testClip), e.Payload)
	}
	if err := d.decided(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// work does the queued jobs, waiting their pauses out on the clock, until none is left.
func (d *desk) work(t *testing.T) {
	t.Helper()
	for len(d.jobs) > 0 {
		next := d.jobs[0]
		d.jobs = d.jobs[1:]
		if next.Delay > 0 {
			d.paused = append(d.paused, next.Delay)
			d.clock.advance(next.Delay)
		}
		if err := d.do(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *desk) do(ctx context.Context, j job.Job) error {
	if j.Kind == kindWithdraw {
		return d.pusher.withdraw(ctx, j)
	}
	return d.pusher.push(ctx, j)
}

func (d *desk) stands(t *testing.T, destination string) domain.PublicationChanged {
	t.Helper()
	var r record.Of[domain.PublicationChanged] // as others read it
	if _, err := blob.ReadJSON(t.Context(), d.store, record.Publication("default", testClip, 1, destination), &r); err != nil {
		t.Fatal(err)
	}
	return r.Value
}

func publicationFact(destination string, s domain.PublicationState, remoteID, url, reason string) domain.PublicationChanged {
	return domain.PublicationChanged{Clip: testClip, Revision: 1, Destination: destination, State: s, RemoteID: remoteID, URL: url, Reason: reason}
}

func folderConfig(t *testing.T) (Config, string) {
	cfg := Defaults()
	path := filepath.Join(t.TempDir(), "out")
	cfg.Destinations = []Destination{{Name: "shelf", Kind: kindFolder, Path: path, Profile: "720p"}}
	return cfg, path
}

const hookSecret = "a secret of the webhook"

func hookConfig(url string) Config {
	cfg := Defaults()
	cfg.URL = "https://vod.example"
	cfg.AllowPrivate = true
	cfg.Timeout = time.Second
	cfg.Attempts = 3
	cfg.Destinations = []Destination{{Name: "hook", Kind: kindWebhook, URL: url, Secret: hookSecret}}
	return cfg
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnApprovedClipLiesInTheFolderWithAllThatBelongsToIt(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	got := contents(t, path)
	var told message
	if err := json.Unmarshal([]byte(got["default/room/clip1.r1.json"]), &told); err != nil {
		t.Fatal(err)
	}
	delete(got, "default/room/clip1.r1.json")
	if want := map[string]string{"default/room/clip1.r1.mp4": video, "default/room/clip1.r1.jpg": "a picture", "default/room/clip1.r1.vtt": "WEBVTT\n"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	sum := sha256.Sum256([]byte(video))
	if want := (message{
		Event: "clip.published", ClipID: "clip1", Revision: 1, Tenant: "default", StreamID: "room", BroadcastID: "b1", Destination: "shelf",
		Title: "Half price", Text: "fifty percent off", Generated: true, StartS: 10, EndS: 22.5, PublishedAt: noon, Hash: testHash,
		Video: &videoFile{"clip1.r1.mp4", "720p", 1280, 720, 12.5, int64(len(video)), hex.EncodeToString(sum[:]), nil},
		Cover: "clip1.r1.jpg", Subtitles: "clip1.r1.vtt",
	}); !reflect.DeepEqual(told, want) {
		t.Errorf("got  %+v\nwant %+v", told, want)
	}
	if got, want := d.stands(t, "shelf"), publicationFact("shelf", domain.PublicationVisible, "default/room/clip1.r1.mp4", "", ""); got != want {
		t.Errorf("the ledger says %+v", got)
	}
}

func TestEveryChangeIsTold(t *testing.T) {
	cfg, _ := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	visible := publicationFact("shelf", domain.PublicationVisible, "default/room/clip1.r1.mp4", "", "")
	want := []any{
		publicationFact("shelf", domain.PublicationIntended, "", "", ""),
		visible,
		domain.ClipStep{Clip: testClip, Revision: 1, Step: domain.StepSent, Destination: "shelf", At: noon, Publication: &visible},
	}
	var got []any
	for _, e := range d.told {
		got = append(got, e.Payload)
		if e.Cause != cause.ID || e.Stream != "room" {
			t.Errorf("%+v does not follow from the verdict", e.Envelope)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestTheSameVerdictAgainPublishesNothingAgain(t *testing.T) {
	hook := newHook(t, func(w http.ResponseWriter, _ *http.Request) {})
	d := newDesk(t, hookConfig(hook.URL))
	for range 3 {
		d.decide(t, approval)
		d.work(t)
	}
	if n := hook.calls.Load(); n != 1 {
		t.Errorf("called %d times", n)
	}
}

func TestAVerdictThatIsNotPlayableIsPublishedNowhere(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	for _, v := range []domain.Decided{
		{Clip: testClip, Revision: 1, Verdict: domain.VerdictApproved},
		{Clip: testClip, Revision: 1, Verdict: domain.VerdictRejected, Hash: testHash},
		{Clip: testClip, Revision: 1, Verdict: domain.VerdictNeedsPerson, Hash: testHash},
	} {
		d.decide(t, event.Event{Envelope: cause, Payload: v})
	}
	d.work(t)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) || len(d.told) > 0 {
		t.Errorf("told %+v, folder: %v", d.told, err)
	}
}

func TestATornObjectDoesNotReachTheFolder(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.put(t, record.File("default", testClip, testHash, "720p.mp4"), video[:5])
	d.decide(t, approval)
	d.work(t)
	if got := contents(t, path); len(got) > 0 {
		t.Errorf("there lies %q", got)
	}
	if got := d.stands(t, "shelf"); got.State != domain.PublicationFailed || !strings.Contains(got.Reason, "hash") {
		t.Errorf("the ledger says %+v", got)
	}
}

// hook is a webhook's far end.
type hook struct {
	*httptest.Server
	calls atomic.Int32

	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
}

func newHook(t *testing.T, answer http.HandlerFunc) *hook {
	h := new(hook)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.requests, h.bodies = append(h.requests, r), append(h.bodies, body)
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func TestAWebhookIsToldWithASignatureAndLinksThatOpen(t *testing.T) {
	far := newHook(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"state":"visible","id":"v77","url":"https://shop.example/v77"}`)
	})
	d := newDesk(t, hookConfig(far.URL+"/clips?token=t"))
	d.decide(t, approval)
	d.work(t)
	if got, want := d.stands(t, "hook"), publicationFact("hook", domain.PublicationVisible, "v77", "https://shop.example/v77", ""); got != want {
		t.Fatalf("the ledger says %+v", got)
	}
	r, body := far.requests[0], far.bodies[0]
	timestamp := r.Header.Get("X-Liveclip-Timestamp")
	if timestamp != strconv.FormatInt(noon.Unix(), 10) || r.Header.Get("X-Liveclip-Signature") != signature(hookSecret, timestamp, body) ||
		r.Header.Get("Idempotency-Key") != "clip1/1/hook" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %v", r.Method, r.Header)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	for want, link := range map[string]string{"720p.mp4": m.Video.URL, "index.m3u8": m.HLS, "cover.jpg": m.Cover, "subtitles.vtt": m.Subtitles} {
		u, err := url.Parse(link)
		if err != nil || u.Host != "vod.example" || u.Path != "/vod/clip1/hash1/"+want {
			t.Errorf("link %s, %v", link, err)
			continue
		}
		if g, err := testKeys.Check(u, noon); err != nil || g != (sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Session: "hook", Expires: noon.Add(Defaults().LinkTTL)}) {
			t.Errorf("link %s opens %+v, %v", link, g, err)
		}
	}
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// hijacked answers with these bytes and closes the connection.
func hijacked(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, raw)
			conn.Close()
		}
	}
}

// inTurn gives each call its own answer, the last one also to all further calls.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(n.Add(1)), len(answers))-1](w, r)
	}
}

func TestWhatAWebhookAnswersDecidesTheState(t *testing.T) {
	silent := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	busy := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	const unanswered = "call hook: the request was sent and no answer came"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   domain.PublicationChanged
		calls  int32
	}{
		"nothing but 200":           {answerWith(200, ""), publicationFact("hook", domain.PublicationAccepted, "", "", ""), 1},
		"accepted with an ID":       {answerWith(202, `{"id":"a1","state":"accepted"}`), publicationFact("hook", domain.PublicationAccepted, "a1", "", ""), 1},
		"words that are no JSON":    {answerWith(200, "thank\nyou"), publicationFact("hook", domain.PublicationAccepted, "", "", "thank you"), 1},
		"a rejection in its words":  {answerWith(200, `{"state":"rejected","detail":"too loud"}`), publicationFact("hook", domain.PublicationRejected, "", "", "too loud"), 1},
		"a rejection":               {answerWith(422, `{"detail":"no title"}`), publicationFact("hook", domain.PublicationRejected, "", "", "the destination answered 422: no title"), 1},
		"a redirect":                {redirect, publicationFact("hook", domain.PublicationRejected, "", "", "the destination answered 307: redirects are not followed"), 1},
		"busy and then accepted":    {inTurn(busy("7"), answerWith(200, "")), publicationFact("hook", domain.PublicationAccepted, "", "", ""), 2},
		"broken and then accepted":  {inTurn(answerWith(503, ""), answerWith(502, ""), answerWith(200, "")), publicationFact("hook", domain.PublicationAccepted, "", "", ""), 3},
		"broken for good":           {answerWith(500, "oops"), publicationFact("hook", domain.PublicationFailed, "", "", "gave up after 3 calls: the destination answered 500: the other server failed: oops"), 3},
		"no answer":                 {silent, publicationFact("hook", domain.PublicationUnknown, "", "", unanswered), 1},
		"a connection that breaks":  {hijacked(""), publicationFact("hook", domain.PublicationUnknown, "", "", unanswered), 1},
		"half an answer":            {hijacked("HTTP/1.1 200 O"), publicationFact("hook", domain.PublicationUnknown, "", "", unanswered), 1},
		"an answer that is no HTTP": {hijacked("hello\r\n\r\n"), publicationFact("hook", domain.PublicationUnknown, "", "", unanswered), 1},
		"accepted, its words lost":  {hijacked("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), publicationFact("hook", domain.PublicationAccepted, "", "", ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			far := newHook(t, c.answer)
			d := newDesk(t, hookConfig(far.URL))
			d.decide(t, approval)
			d.work(t)
			if got := d.stands(t, "hook"); got != c.want || far.calls.Load() != c.calls {
				t.Errorf("after %d calls the ledger says %+v\nwant %d and %+v", far.calls.Load(), got, c.calls, c.want)
			}
		})
	}
}

func TestADestinationThatAsksForPatienceIsGivenIt(t *testing.T) {
	for after, want := range map[string]time.Duration{"7": 7 * time.Second, noon.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, "999999": askedPause} {
		far := newHook(t, inTurn(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
		}, answerWith(200, "")))
		d := newDesk(t, hookConfig(far.URL))
		d.decide(t, approval)
		d.work(t)
		if !reflect.DeepEqual(d.paused, []time.Duration{want}) {
			t.Errorf("Retry-After %s: waited %v", after, d.paused)
		}
	}
}

func TestACallThatNeverBeganIsMadeAgain(t *testing.T) {
	d := newDesk(t, hookConfig("http://"+addresstest.Dead(t)))
	d.decide(t, approval)
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationFailed || got.Reason != "gave up after 3 calls: call hook: nothing listens at that address [connection refused]" {
		t.Errorf("the ledger says %+v", got)
	}
	if len(d.paused) != 2 || d.paused[0] < firstPause || d.paused[1] < 2*firstPause {
		t.Errorf("waited %v", d.paused)
	}
}

func TestAPrivateAddressIsRefusedAtTheDial(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	cfg := hookConfig(strings.Replace(far.URL, "127.0.0.1", "localhost", 1))
	cfg.AllowPrivate = false
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationFailed || !strings.Contains(got.Reason, "private") || far.calls.Load() != 0 {
		t.Errorf("after %d calls the ledger says %+v", far.calls.Load(), got)
	}
}

func TestAKeptConnectionIsNeverUsedForASecondCall(t *testing.T) {
	// net/http would repeat a request with an Idempotency-Key by itself when a kept connection turns out to be dead.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var requests atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					if requests.Add(1) > 1 {
						return // dies with the second request in hand
					}
					io.WriteString(conn, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	d := newDesk(t, hookConfig("http://"+listener.Addr().String()))
	d.decide(t, approval)
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationUnknown || requests.Load() != 2 {
		t.Errorf("after %d requests the ledger says %+v", requests.Load(), got)
	}
}

// crash leaves the ledger as one who died in the middle of a call does, and gives the job that is taken up again.
func (d *desk) crash(t *testing.T, destination string) job.Job {
	t.Helper()
	d.decide(t, approval)
	again := d.jobs[0]
	d.jobs = nil
	e, tag, err := d.ledger.read(t.Context(), entryKey{"default", testClip, 1, destination})
	if err != nil {
		t.Fatal(err)
	}
	e.Calls, e.Calling = 1, d.clock.now()
	if _, err := d.ledger.write(t.Context(), e, tag); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestWhoDiedInTheMiddleOfACallLeavesTheWebhookUncalledAgain(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, hookConfig(far.URL))
	again := d.crash(t, "hook")
	if err := d.do(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := d.stands(t, "hook"); got.State != domain.PublicationUnknown || far.calls.Load() != 0 {
		t.Errorf("after %d calls the ledger says %+v", far.calls.Load(), got)
	}
}

func TestWhoDiedInTheMiddleOfAWriteIsFinishedByTheNext(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	again := d.crash(t, "shelf")
	if err := d.do(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := d.stands(t, "shelf"); got.State != domain.PublicationVisible || len(contents(t, path)) != 4 {
		t.Errorf("the ledger says %+v", got)
	}
}

func TestACallUnderWayIsNotJoinedByASecond(t *testing.T) {
	d := newDesk(t, hookConfig("http://127.0.0.1:1"))
	running := d.crash(t, "hook") // to the sweeper, a call under way looks the same
	e, _, err := d.ledger.read(t.Context(), entryKey{"default", testClip, 1, "hook"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.pusher.enqueue(t.Context(), e); err != nil || d.jobs[0].ID != running.ID {
		t.Errorf("queued %q beside %q, %v", d.jobs[0].ID, running.ID, err)
	}
}

func TestWhatWasSettledButNotToldIsToldByTheNext(t *testing.T) {
	cfg, _ := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	again := d.jobs[0]
	d.jobs, d.told, d.tell = nil, nil, errors.New("no broker")
	if err := d.do(t.Context(), again); err == nil {
		t.Fatal("the job ended well though nobody was told")
	}
	before := d.told
	d.told, d.tell = nil, nil
	if err := d.do(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.told, before) || len(before) != 2 {
		t.Errorf("first  %+v\nsecond %+v", before, d.told)
	}
}

func TestATakeDownEmptiesTheFolder(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	d.decide(t, takeDown)
	d.work(t)
	if got := contents(t, path); len(got) > 0 {
		t.Errorf("there lies %q", got)
	}
	if got := d.stands(t, "shelf"); got.State != domain.PublicationWithdrawn {
		t.Errorf("the ledger says %+v", got)
	}
}

func TestATakeDownTellsTheWebhookOnce(t *testing.T) {
	far := newHook(t, inTurn(answerWith(200, `{"id":"v77"}`), answerWith(503, ""), answerWith(204, "")))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.work(t)
	for range 2 {
		d.decide(t, takeDown)
		d.work(t)
	}
	var m message
	if err := json.Unmarshal(far.bodies[2], &m); err != nil {
		t.Fatal(err)
	}
	if far.calls.Load() != 3 || m.Event != "clip.withdrawn" || m.RemoteID != "v77" || m.Video != nil {
		t.Errorf("after %d calls the last said %+v", far.calls.Load(), m)
	}
	if got, want := d.stands(t, "hook"), publicationFact("hook", domain.PublicationWithdrawn, "v77", "", "taken down"); got != want {
		t.Errorf("the ledger says %+v", got)
	}
}

func TestAJobThatComesBeforeItsTimeIsPutOffAndThatIsNoTry(t *testing.T) {
	far := newHook(t, inTurn(answerWith(503, ""), answerWith(200, ""), answerWith(204, "")))
	d := newDesk(t, hookConfig(far.URL))
	early := func(calls int32) {
		t.Helper()
		var later job.Later
		if err := d.do(t.Context(), d.jobs[0]); !errors.As(err, &later) || later.After != d.jobs[0].Delay || far.calls.Load() != calls {
			t.Errorf("%v, to come back after %s, want %s; %d calls", err, later.After, d.jobs[0].Delay, far.calls.Load())
		}
	}
	d.decide(t, approval)
	first := d.jobs[0]
	d.jobs = nil
	if err := d.do(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	early(1)
	d.work(t)
	d.decide(t, takeDown)
	early(2)
}

func TestWhatIsTakenDownBeforeItWasSentIsNotSent(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.decide(t, takeDown)
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationWithdrawn || far.calls.Load() != 0 {
		t.Errorf("after %d calls the ledger says %+v", far.calls.Load(), got)
	}
}

func TestAClipThatHasANewerRevisionIsNotSent(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.putJSON(t, record.Manifest("default", testClip), domain.Manifest{Tenant: "default", Rendered: domain.Rendered{Clip: testClip, Revision: 2, Hash: "hash2"}})
	d.work(t)
	if got, want := d.stands(t, "hook"), publicationFact("hook", domain.PublicationWithdrawn, "", "", "replaced by revision 2 before it was sent"); got != want || far.calls.Load() != 0 {
		t.Errorf("after %d calls the ledger says %+v", far.calls.Load(), got)
	}
}

func TestEveryFaultOfTheConfigurationIsToldAtOnce(t *testing.T) {
	cfg := Config{VOD: vod.Defaults(), URL: "ftp://x", LinkTTL: time.Second, Timeout: time.Millisecond, Destinations: []Destination{
		{Name: "Bad Name", Kind: "folder", Path: "relative"},
		{Name: "a", Kind: "webhook", URL: "file:///etc/passwd", Secret: hookSecret},
		{Name: "a", Kind: "webhook", URL: "https://shop.example", Secret: "short"},
		{Name: "b", Kind: "pigeon"},
	}}
	want := []string{
		`publish.url: must be an http or https URL, is "ftp://x"`,
		`publish.link_ttl: must be at least 1m, is 1s`,
		`publish.workers: must be at least 1, is 0`,
		`publish.timeout: must be 1s to 10m, is 1ms`,
		`publish.attempts: must be 1 to 50, is 0`,
		`publish.destinations[0].name: must be 1 to 40 lower-case letters, digits, '_' or '-', is "Bad Name"`,
		`publish.destinations[0].path: must be an absolute path, is "relative"`,
		`publish.destinations[1].url: must be an http or https URL`,
		`publish.destinations[2].name: "a" is taken already`,
		`publish.destinations[2].secret: must have at least 16 bytes, has 5`,
		`publish.destinations[3].kind: must be "folder", "webhook" or "cdn", is "pigeon"`,
	}
	if got := cfg.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %s", strings.Join(got, "\n    "))
	}
	if got := Defaults().Faults(); got != nil {
		t.Errorf("the defaults: %q", got)
	}
}

func TestASessionLimitIsRefusedBesideACDNThatSignsNoSession(t *testing.T) {
	for form, limits := range map[sign.Form]bool{sign.AliyunA: false, sign.AliyunC: false, sign.TencentD: false, sign.CloudFront: true} {
		cfg := Defaults()
		cfg.CDN = []sign.CDN{{Name: "far", Form: form}}
		others := len(cfg.Faults())
		cfg.VOD.Limits.Session = vod.Limit{Rate: 1, Burst: 1}
		if refused := len(cfg.Faults()) > others; refused == limits {
			t.Errorf("%s: %q", form, cfg.Faults())
		}
	}
}

// open lists what the ledger has left to do.
func (d *desk) open(t *testing.T) []entryKey {
	t.Helper()
	open, err := d.ledger.openKeys(t.Context(), d.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return open
}
