package publish

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

// house is the service on a real broker, a real Redis and a folder.
type house struct {
	*desk // its store, with the clip in it
	bus   *bus.Bus
	redis redis.UniversalClient
	seen  chan event.Event
}

func newHouse(t *testing.T, cfg Config) *house {
	t.Helper()
	h := &house{desk: newDesk(t, cfg), redis: embeddedtest.Redis(t), seen: make(chan event.Event, 1000)}
	h.bus = bus.New(bus.Config{Brokers: []string{embeddedtest.Broker(t)}, Partitions: 2, ReplicationFactor: 1}, embeddedtest.Log(t), prometheus.NewRegistry())
	if err := h.bus.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ended <- h.bus.Tail(ctx, Gives, bus.FromStart, func(_ context.Context, e event.Event) error { h.seen <- e; return nil }, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		closing, done := context.WithTimeout(context.Background(), 2*time.Minute)
		defer done()
		h.bus.Close(closing)
	})
	return h
}

// open starts a service of its own; the returned function ends it.
func (h *house) open(t *testing.T, cfg Config) (*Service, func()) {
	t.Helper()
	s, err := New(cfg, Deps{Bus: h.bus, Store: h.store, Redis: h.redis, Keys: testKeys, Log: embeddedtest.Log(t), Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.sweepAge, s.sweepPeriod = 0, 50*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(2 * time.Minute):
			t.Error("the service does not end")
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func (h *house) say(t *testing.T, events ...event.Event) {
	t.Helper()
	if err := h.bus.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// await waits for a publication to come to the state.
func (h *house) await(t *testing.T, state domain.PublicationState) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case e := <-h.seen:
			if p, ok := e.Payload.(domain.PublicationChanged); ok && p.State == state {
				return
			}
		case <-deadline:
			t.Fatalf("no publication came to be %s", state)
		}
	}
}

func TestAVerdictOnTheBusEndsInTheFolderAndATakeDownEmptiesIt(t *testing.T) {
	cfg, path := folderConfig(t)
	h := newHouse(t, cfg)
	s, stop := h.open(t, cfg)
	h.say(t, approval)
	h.await(t, domain.PublicationVisible)
	if got := contents(t, path); len(got) != 4 {
		t.Errorf("there lies %q", got)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	h.putJSON(t, record.TakeDown("default", testClip), takeDown.Payload)
	h.say(t, takeDown)
	h.await(t, domain.PublicationWithdrawn)
	if got := contents(t, path); len(got) != 0 {
		t.Errorf("there lies %q", got)
	}
	stop()
}

func TestAPublicationSurvivesTheLossOfItsQueue(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	far := newHook(t, func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	cfg := hookConfig(far.URL)
	cfg.Attempts = 50
	h := newHouse(t, cfg)
	_, stop := h.open(t, cfg)
	h.say(t, approval)
	for deadline := time.Now().Add(2 * time.Minute); far.calls.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody called")
		}
	}
	stop()
	if err := h.redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	broken.Store(false)
	h.open(t, cfg)
	h.await(t, domain.PublicationAccepted)
}

func TestDeliveriesReachTheBus(t *testing.T) {
	h := newHouse(t, Defaults())
	s, stop := h.open(t, Defaults())
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	link := links{base: server.URL, keys: testKeys, ttl: time.Hour, now: time.Now}
	var m message
	p := publication{entryKey: entryKey{"default", testClip, 1, "d"}, hash: testHash, rendition: domain.Rendition{Profile: "720p"}}
	if _, err := blob.ReadJSON(t.Context(), h.store, record.Manifest("default", testClip), &p.manifest); err != nil {
		t.Fatal(err)
	}
	if err := link.fill(&m, p); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer, err := http.Get(m.Video.URL)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		answer.Body.Close()
	}
	deadline := time.After(2 * time.Minute)
	for range 3 {
		select {
		case e := <-h.seen:
			if d, ok := e.Payload.(domain.Delivery); !ok || d.Clip != testClip || d.Sent != int64(len(video)) || e.Stream != "room" {
				t.Errorf("told %+v", e)
			}
		case <-deadline:
			t.Fatal("no delivery is told of")
		}
	}
	stop()
}

func TestAWrongConfigurationIsToldWhole(t *testing.T) {
	cfg := Defaults()
	cfg.Workers, cfg.Attempts = 0, 0
	_, err := New(cfg, Deps{Metrics: prometheus.NewRegistry()})
	if want := "publish: [publish.workers: must be at least 1, is 0 publish.attempts: must be 1 to 50, is 0 keys.current.secret: must have at least 16 bytes, has 0 keys.current.id: must have 1 to 64 bytes, has 0]"; err == nil || err.Error() != want || !domain.IsPermanent(err) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestWhatAPersonAskedForAgainSurvivesTheLossOfItsQueue(t *testing.T) {
	hook := newHook(t, answerWith(200, ""))
	d := newDesk(t, hookConfig(hook.URL))
	d.decide(t, approval)
	d.work(t)
	e, tag, err := d.ledger.read(t.Context(), entryKey{"default", testClip, 1, "hook"})
	if err != nil {
		t.Fatal(err)
	}
	e.Value.State = domain.PublicationUnknown
	if _, err := d.ledger.write(t.Context(), e, tag); err != nil {
		t.Fatal(err)
	}
	again := approval
	again.ID = "asked-1"
	again.Payload = domain.Decided{Clip: testClip, Revision: 1, Verdict: domain.VerdictApproved, By: "ann", Hash: testHash, Destination: "hook"}
	d.decide(t, again)
	d.jobs = nil // the queue is lost
	if err := d.sweepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationAccepted || hook.calls.Load() != 2 {
		t.Errorf("after %d calls the ledger says %+v", hook.calls.Load(), got)
	}
	if err := d.sweepOnce(t.Context()); err != nil || len(d.open(t)) != 0 || len(d.jobs) != 0 {
		t.Errorf("still open: %v, queued: %v, %v", d.open(t), d.jobs, err)
	}
}
