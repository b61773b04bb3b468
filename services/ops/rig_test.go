package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
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
	"liveclip/internal/lease"
	"liveclip/internal/recording"
	"liveclip/internal/sign"
)

const (
	viewerToken   = "viewer-token-0123456789"
	operatorToken = "operator-token-0123456789"
	hookToken     = "hook-token-0123456789"
	otherToken    = "other-tenant-token-0123456789"
)

// rig is a service on a real broker, a real Redis and a file store.
type rig struct {
	t      testing.TB
	s      *Service
	bus    *bus.Bus
	redis  redis.UniversalClient
	store  blob.Store
	leases *lease.Leases
	url    string
	ahead  *atomic.Int64 // nanoseconds, of the service's clock
}

// wait lets time pass for the service.
func (r *rig) wait(d time.Duration) { r.ahead.Add(int64(d)) }

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	return newRigOn(t, embeddedtest.Broker(t), change...)
}

func newRigOn(t testing.TB, broker string, change ...func(*Config)) *rig {
	t.Helper()
	log := embeddedtest.Log(t)
	rdb := embeddedtest.Redis(t)
	b := bus.New(bus.Config{Brokers: []string{broker}, Partitions: 2, ReplicationFactor: 1}, log, prometheus.NewRegistry())
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	leases := lease.New(rdb, 5*time.Second)
	cfg := Defaults()
	cfg.Tokens = []Token{
		{Token: viewerToken, Name: "vera", Role: "viewer"},
		{Token: operatorToken, Name: "otto", Role: "operator"},
		{Token: hookToken, Name: "srs", Role: "hook"},
		{Token: otherToken, Name: "olga", Role: "admin", Tenant: "other"},
	}
	for _, f := range change {
		f(&cfg)
	}
	ahead := new(atomic.Int64)
	s, err := New(cfg, Deps{
		Bus: b, Store: store, Redis: rdb, Leases: leases, Recording: recording.NewReader(store, leases, log),
		Keys: sign.Keys{Current: sign.Key{ID: "k1", Secret: "a-secret-of-the-test"}},
		CDNs: []sign.CDN{{Name: "qq", Form: sign.TencentD, Host: "https://qq.example", Keys: sign.Keys{Current: sign.Key{Secret: "a key of the CDN"}}}},
		Log:  log, Metrics: prometheus.NewRegistry(), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "inside.example" {
			return []netip.Addr{netip.MustParseAddr("10.0.0.7")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
		closing, done := context.WithTimeout(context.Background(), 2*time.Minute)
		defer done()
		b.Close(closing)
	})
	r := &rig{t: t, s: s, bus: b, redis: rdb, store: store, leases: leases, url: server.URL, ahead: ahead}
	r.eventually("the service is ready", func() bool { return s.Ready(ctx) == nil })
	return r
}

// eventually waits for a condition.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// asr lists an asr process until the test ends.
func (r *rig) asr(id string, streams int) (gone func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.leases.Announce(ctx, func() lease.Process {
			return lease.Process{ID: id, Address: "127.0.0.1:1", RTMP: "rtmp://127.0.0.1:1935", Streams: streams}
		})
	}()
	gone = func() { cancel(); <-done }
	r.t.Cleanup(gone)
	r.eventually("asr process "+id+" is listed", func() bool {
		processes, err := r.leases.Processes(ctx)
		for _, p := range processes {
			if p.ID == id {
				return true
			}
		}
		return err != nil
	})
	return gone
}

// answer of a call.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a reply) json() map[string]any {
	var m map[string]any
	_ = json.Unmarshal([]byte(a.body), &m)
	return m
}

// detail is the detail of a problem document, empty when it is none.
func (a reply) detail() string {
	if a.header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	detail, _ := a.json()["detail"].(string)
	return detail
}

func (r *rig) call(token, method, path, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var content bytes.Buffer
	if _, err := io.Copy(&content, resp.Body); err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, content.String()}
}

func (r *rig) operator(method, path, body string, headers ...string) reply {
	r.t.Helper()
	return r.call(operatorToken, method, path, body, headers...)
}

// publish tells events as the other services would.
func (r *rig) publish(events ...event.Event) {
	r.t.Helper()
	if err := r.bus.Publish(r.t.Context(), events...); err != nil {
		r.t.Fatal(err)
	}
}

var room = domain.Ref{Tenant: domain.DefaultTenant, Stream: "room1"}

// said makes an event of room1's broadcast b1.
func said(payload any, wall time.Time) event.Event {
	topic, _ := event.TopicOf(payload)
	return event.Event{Envelope: event.Envelope{
		ID: domain.H(string(topic), wall.String()), Tenant: room.Tenant, Stream: room.Stream, Broadcast: "b1", Epoch: 7,
		Wall: wall, Lane: domain.LaneLive,
	}, Payload: payload}
}

// onAir opens room1's broadcast, recorded up to now, and waits until it is shown live.
func (r *rig) onAir(recorded time.Duration) (started time.Time) {
	r.t.Helper()
	now := time.Now()
	started = now.Add(-recorded)
	r.publish(
		said(domain.BroadcastChanged{Change: domain.BroadcastOpened, StartedAt: started, Source: "push", Parameters: domain.MediaParameters{
			VideoCodec: "h264", Width: 1280, Height: 720, FrameRate: 25, AudioCodec: "aac", SampleRate: 44100, Channels: 2,
		}}, started),
		said(domain.StreamProgress{RecordedTo: recorded, HeardTo: recorded - time.Second, By: "asr", Health: map[string]domain.Health{
			domain.SignalPicture: domain.HealthPresent, domain.SignalSpeech: domain.HealthPresent,
		}}, now),
	)
	r.eventually("room1 is on air", func() bool {
		room := r.operator("GET", "/v1/streams/room1", "").json()
		return room["broadcast_id"] == "b1" && room["recorded_to_s"] == recorded.Seconds() // both events came
	})
	return started
}

// listen collects the events of a topic from now on.
func (r *rig) listen(topics ...event.Topic) <-chan event.Event {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	got, ready, done := make(chan event.Event, 1000), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = r.bus.Tail(ctx, topics, bus.FromStart, func(_ context.Context, e event.Event) error { got <- e; return nil }, func() { close(ready) })
	}()
	r.t.Cleanup(func() { cancel(); <-done })
	<-ready
	for len(got) > 0 {
		<-got
	}
	return got
}

func (r *rig) next(events <-chan event.Event) event.Event {
	r.t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(2 * time.Minute):
		r.t.Fatal("no event came")
		return event.Event{}
	}
}
