package asr

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/lease"
	"liveclip/internal/sign"
)

// patience is for what must come, on a machine however busy.
const patience = 2 * time.Minute

// media is the real liveclip-media, built once.
var media = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("liveclip-media-asr-test-%d", os.Getpid()))
	if out, err := exec.Command("go", "build", "-o", path, "liveclip/cmd/liveclip-media").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build liveclip-media: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := media(); err == nil {
		os.Remove(path)
	}
	os.Exit(code)
}

// ground is what services stand on.
type ground struct {
	t       *testing.T
	bus     *bus.Bus
	redis   redis.UniversalClient
	store   blob.Store
	binary  string
	spool   string
	keys    sign.Keys
	mu      sync.Mutex
	events  []event.Event
	changed chan struct{}
}

func newGround(t *testing.T) *ground {
	t.Helper()
	binary, err := media()
	if err != nil {
		t.Fatal(err)
	}
	g := &ground{t: t, binary: binary, spool: t.TempDir(), redis: embeddedtest.Redis(t), changed: make(chan struct{}),
		keys: sign.Keys{Current: sign.Key{ID: "k", Secret: "a secret of some length"}}}
	g.bus = bus.New(bus.Config{Brokers: []string{embeddedtest.Broker(t)}, Partitions: 2, ReplicationFactor: 1}, embeddedtest.Log(t), prometheus.NewRegistry())
	if err := g.bus.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.store, err = blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	topics := slices.Clone(Gives)
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		if err := g.bus.Tail(ctx, topics, bus.FromStart, g.take, nil); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return g
}

func (g *ground) take(_ context.Context, e event.Event) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
	close(g.changed)
	g.changed = make(chan struct{})
	return nil
}

// await waits until what was published so far satisfies want.
func (g *ground) await(what string, want func(events []event.Event) bool) []event.Event {
	g.t.Helper()
	deadline := time.After(patience)
	for {
		g.mu.Lock()
		events, changed := slices.Clone(g.events), g.changed
		g.mu.Unlock()
		if want(events) {
			return events
		}
		select {
		case <-changed:
		case <-deadline:
			g.t.Fatalf("never came: %s; of %s", what, summary(events))
		}
	}
}

func summary(events []event.Event) string {
	var b strings.Builder
	for _, e := range events {
		switch p := e.Payload.(type) {
		case domain.BroadcastChanged:
			fmt.Fprintf(&b, "\n%s %s %v %q", e.Stream, p.Change, p.At, p.Reason)
		case domain.TranscriptLine:
			fmt.Fprintf(&b, "\n%s line %v-%v final=%v %q", e.Stream, p.Start, p.End, p.Final, p.Text)
		case domain.StreamProgress:
			fmt.Fprintf(&b, "\n%s progress %v %v %v %v", e.Stream, p.RecordedTo, p.HeardTo, p.Health, p.Closed)
		}
	}
	return b.String()
}

// station is a service at work.
type station struct {
	*ground
	service *Service
	stop    func() error
	logged  *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

func (g *ground) start(change func(*Config)) *station {
	g.t.Helper()
	cfg := Defaults()
	cfg.RTMP, cfg.Spool, cfg.Process = "127.0.0.1:0", g.spool, "one"
	cfg.Rejoin, cfg.Recognisers = time.Second, 1
	cfg.Idle, cfg.Behind, cfg.Drain = patience, patience, patience // a machine that stalls skips nothing
	if change != nil {
		change(&cfg)
	}
	if faults := cfg.Faults(); len(faults) > 0 {
		g.t.Fatal(faults)
	}
	logged := new(logBuffer)
	log := slog.New(slog.NewTextHandler(logged, nil))
	starter, err := child.NewStarter(child.Config{Binary: g.binary}, log)
	if err != nil {
		g.t.Fatal(err)
	}
	service, err := New(cfg, Deps{Bus: g.bus, Store: g.store, Media: starter, Leases: lease.New(g.redis, 30*time.Second), Keys: g.keys,
		Log: log, Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	s := &station{ground: g, service: service, logged: logged}
	s.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	g.t.Cleanup(func() {
		if err := s.stop(); err != nil {
			g.t.Error(err)
		}
		if g.t.Failed() {
			g.t.Log(logged.String())
		}
	})
	s.until("ready", func() bool { return service.Ready(g.t.Context()) == nil })
	return s
}

func (s *station) until(what string, want func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !want() {
		if time.Now().After(deadline) {
			s.t.Fatalf("never came: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func ref(id string) domain.Ref {
	return domain.Ref{Tenant: domain.DefaultTenant, Stream: domain.StreamID(id)}
}

func (s *station) order(state domain.StreamState) {
	s.t.Helper()
	state.Changed = time.Now()
	e := event.Event{Envelope: event.Envelope{ID: domain.H("test", state.Changed.String()), Tenant: state.Ref.Tenant, Stream: state.Ref.Stream, Wall: state.Changed}, Payload: state}
	if err := s.bus.Publish(s.t.Context(), e); err != nil {
		s.t.Fatal(err)
	}
}

// attach returns once the service knows of it.
func (s *station) attach(state domain.StreamState) {
	s.t.Helper()
	state.Attached = true
	s.order(state)
	s.until("room opened", func() bool {
		s.service.mu.Lock()
		defer s.service.mu.Unlock()
		return s.service.rooms[state.Ref] != nil
	})
}

func (s *station) url(id, key string) string {
	return fmt.Sprintf("%s/live/%s?key=%s", s.service.state().RTMP, id, key)
}

// free waits until the stream's last publisher is let go, so that the next is let in.
func (s *station) free(id string) {
	s.t.Helper()
	s.until("room free", func() bool {
		s.service.mu.Lock()
		defer s.service.mu.Unlock()
		r := s.service.rooms[ref(id)]
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.publishing
	})
}

// untilKilled is longer than a test may take, in seconds.
const untilKilled = 900

// pusher is a running ffmpeg.
type pusher struct {
	cmd    *exec.Cmd
	stderr *logBuffer
	ended  chan error
}

func (p *pusher) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// push publishes a moving picture and speech at its true pace.
func (s *station) push(url string, seconds int, said string) *pusher {
	s.t.Helper()
	speech := "flite=text='" + said + "':voice=rms,adelay=500:all=1,apad"
	cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15",
		"-f", "lavfi", "-i", speech, "-t", fmt.Sprint(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "96k", "-ar", "44100", "-ac", "1", "-f", "flv", url)
	p := &pusher{cmd: cmd, stderr: new(logBuffer), ended: make(chan error, 1)}
	cmd.Stderr = p.stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.ended <- cmd.Wait(); close(p.ended) }()
	s.t.Cleanup(p.stop)
	return p
}

// refusedWith waits for a publisher to be turned away.
func (p *pusher) refusedWith(t *testing.T, want string) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the publisher was not turned away")
	}
	if !strings.Contains(p.stderr.String(), want) {
		t.Errorf("the publisher was told %q, want %q", p.stderr, want)
	}
}

func closedOf(id string) func([]event.Event) bool {
	return func(events []event.Event) bool {
		return slices.ContainsFunc(events, func(e event.Event) bool {
			p, ok := e.Payload.(domain.StreamProgress)
			return ok && p.Closed && e.Stream == domain.StreamID(id)
		})
	}
}

func recordedTo(id string, least time.Duration) func([]event.Event) bool {
	return func(events []event.Event) bool {
		return slices.ContainsFunc(events, func(e event.Event) bool {
			p, ok := e.Payload.(domain.StreamProgress)
			return ok && p.RecordedTo >= least && e.Stream == domain.StreamID(id)
		})
	}
}

func storedTo(events []event.Event, id string) (to time.Duration) {
	for _, e := range events {
		if p, ok := e.Payload.(domain.SegmentRecorded); ok && e.Stream == domain.StreamID(id) {
			to = max(to, p.Window.End)
		}
	}
	return to
}

func said(events []event.Event, id string) (lines []domain.TranscriptLine) {
	seen := map[string]bool{}
	for _, e := range events {
		if l, ok := e.Payload.(domain.TranscriptLine); ok && l.Final && e.Stream == domain.StreamID(id) && !seen[e.ID] {
			seen[e.ID] = true
			lines = append(lines, l)
		}
	}
	return lines
}

func changes(events []event.Event, id string) (changes []domain.BroadcastChange) {
	for _, e := range events {
		if c, ok := e.Payload.(domain.BroadcastChanged); ok && e.Stream == domain.StreamID(id) {
			changes = append(changes, c.Change)
		}
	}
	return changes
}

// holdsPromise: whatever a mark covers was published before it.
func holdsPromise(t *testing.T, events []event.Event, id string) {
	t.Helper()
	heardTo, soundTo := time.Duration(0), time.Duration(0)
	for _, e := range events {
		if e.Stream != domain.StreamID(id) {
			continue
		}
		switch p := e.Payload.(type) {
		case domain.StreamProgress:
			if p.HeardTo < heardTo || p.HeardTo > p.RecordedTo {
				t.Errorf("mark %v after %v, recorded to %v", p.HeardTo, heardTo, p.RecordedTo)
			}
			heardTo = p.HeardTo
		case domain.SoundMeasured:
			if p.Start < soundTo-10*time.Millisecond {
				t.Errorf("sound of %v came after that of %v", p.Start, soundTo)
			}
			soundTo = p.Start + time.Duration(len(p.Momentary))*p.Step
		}
	}
	// Topics are read side by side here: wall clocks order them.
	for _, sound := range events {
		s, ok := sound.Payload.(domain.SoundMeasured)
		if !ok || sound.Stream != domain.StreamID(id) {
			continue
		}
		for _, mark := range events {
			p, ok := mark.Payload.(domain.StreamProgress)
			if covered := max(p.HeardTo, p.RecordedTo-p.Unmeasured); ok && mark.Stream == sound.Stream && covered >= s.Start+s.Step && mark.Wall.Before(sound.Wall) {
				t.Errorf("sound of %v was told after the mark %v", s.Start, covered)
			}
		}
	}
	for _, line := range events {
		l, ok := line.Payload.(domain.TranscriptLine)
		if !ok || !l.Final || line.Stream != domain.StreamID(id) {
			continue
		}
		for _, mark := range events {
			if p, ok := mark.Payload.(domain.StreamProgress); ok && mark.Stream == line.Stream && p.HeardTo >= l.End && mark.Wall.Before(line.Wall) {
				t.Errorf("line %q ending at %v was told after the mark %v", l.Text, l.End, p.HeardTo)
			}
		}
	}
}

func TestTwoPushesOnOnePortAreRecordedAndHeardEachForItself(t *testing.T) {
	s := newGround(t).start(nil)
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	s.attach(domain.StreamState{Ref: ref("b"), Source: domain.SourcePush})
	s.push(s.url("a", s.keys.PushKey(ref("a"))), 6, "last three minutes")
	s.push(s.url("b", s.keys.PushKey(ref("b"))), 6, "the price drops to nineteen dollars")
	s.await("a closed", closedOf("a"))
	s.await("b closed", closedOf("b"))
	events := s.await("both stored", func(events []event.Event) bool {
		return storedTo(events, "a") > 5*time.Second && storedTo(events, "b") > 5*time.Second
	})
	for id, want := range map[string]string{"a": "Last 3 minutes.", "b": "The price drops to $19."} {
		lines := said(events, id)
		if len(lines) != 1 || lines[0].Text != want {
			t.Errorf("%s: heard %+v", id, lines)
			continue
		}
		l := lines[0]
		if l.Start < 400*time.Millisecond || l.Start > 900*time.Millisecond || l.End > 4*time.Second || len(l.Words) != len(strings.Fields(want)) {
			t.Errorf("%s: line %v to %v with %d words", id, l.Start, l.End, len(l.Words))
		}
		if got := changes(events, id); !slices.Equal(got, []domain.BroadcastChange{domain.BroadcastOpened, domain.BroadcastClosed}) {
			t.Errorf("%s: changes %v", id, got)
		}
		holdsPromise(t, events, id)
		stored := time.Duration(0)
		for _, e := range events {
			if p, ok := e.Payload.(domain.SegmentRecorded); ok && e.Stream == domain.StreamID(id) {
				if _, err := s.store.Stat(t.Context(), p.Key); err != nil || p.Window.Start > stored+20*time.Millisecond {
					t.Errorf("%s: segment %+v after %v: %v", id, p, stored, err)
				}
				stored = p.Window.End
			}
		}
		if stored < 5500*time.Millisecond {
			t.Errorf("%s: stored to %v", id, stored)
		}
	}
}

func TestPublishersThatMayNotAreToldWhyAndNobodyElseSuffers(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine = engineNone })
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	key := s.keys.PushKey(ref("a"))
	good := s.push(s.url("a", key), untilKilled, "today only")
	s.await("a on air", recordedTo("a", time.Second))

	s.push(s.url("a", "wrong"), 5, "x").refusedWith(t, "push key is wrong")
	s.push(s.url("unknown", key), 5, "x").refusedWith(t, "not attached")
	s.push(s.url("a", key), 5, "x").refusedWith(t, "published already")
	s.push(strings.Replace(s.url("a", key), "/live/", "/other/", 1), 5, "x").refusedWith(t, "must be live")
	select {
	case err := <-good.ended:
		t.Errorf("the good publisher suffered: %v %s", err, good.stderr)
	default:
	}
	s.await("a recorded", recordedTo("a", 7*time.Second))
	good.stop()
	events := s.await("a closed", closedOf("a"))
	holdsPromise(t, events, "a")
	want := map[string]domain.Health{domain.SignalSpeech: domain.HealthMissing, domain.SignalPicture: domain.HealthPresent, domain.SignalSound: domain.HealthPresent}
	if !slices.ContainsFunc(events, func(e event.Event) bool {
		p, ok := e.Payload.(domain.StreamProgress)
		return ok && p.RecordedTo > 3*time.Second && maps.Equal(p.Health, want)
	}) {
		t.Errorf("never said to be %v: %s", want, summary(events))
	}
}

func TestARejoinContinuesTheBroadcastWithAGap(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine, c.Rejoin = engineNone, patience })
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	url := s.url("a", s.keys.PushKey(ref("a")))
	first := s.push(url, untilKilled, "x")
	s.await("on air", recordedTo("a", time.Second))
	first.stop()
	s.free("a")
	s.push(url, untilKilled, "x")
	events := s.await("gap told", func(events []event.Event) bool { return slices.Contains(changes(events, "a"), domain.BroadcastGap) })
	if got := changes(events, "a"); !slices.Equal(got, []domain.BroadcastChange{domain.BroadcastOpened, domain.BroadcastGap}) || len(broadcasts(events)) != 1 {
		t.Errorf("changes %v of %v", got, broadcasts(events))
	}
}

func TestALateRejoinBeginsAnotherBroadcast(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine = engineNone })
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	url := s.url("a", s.keys.PushKey(ref("a")))
	first := s.push(url, untilKilled, "x")
	s.await("on air", recordedTo("a", time.Second))
	first.stop()
	s.await("a closed", closedOf("a"))
	s.free("a")
	s.push(url, 2, "x")
	events := s.await("second broadcast", func(events []event.Event) bool {
		return len(changes(events, "a")) >= 4 && closedTwice(events)
	})
	want := []domain.BroadcastChange{domain.BroadcastOpened, domain.BroadcastClosed, domain.BroadcastOpened, domain.BroadcastClosed}
	if got := changes(events, "a"); !slices.Equal(got, want) || len(broadcasts(events)) != 2 {
		t.Errorf("changes %v of %v, want %v", got, broadcasts(events), want)
	}
}

func broadcasts(events []event.Event) map[domain.BroadcastID]bool {
	broadcasts := map[domain.BroadcastID]bool{}
	for _, e := range events {
		if e.Broadcast != "" {
			broadcasts[e.Broadcast] = true
		}
	}
	return broadcasts
}

func closedTwice(events []event.Event) bool {
	n := 0
	for _, e := range events {
		if p, ok := e.Payload.(domain.StreamProgress); ok && p.Closed {
			n++
		}
	}
	return n == 2
}

func TestDetachingEndsTheBroadcastAndThePublisher(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine = engineNone })
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	p := s.push(s.url("a", s.keys.PushKey(ref("a"))), untilKilled, "x")
	s.await("on air", recordedTo("a", time.Second))
	s.order(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	events := s.await("closed", closedOf("a"))
	i := slices.IndexFunc(events, func(e event.Event) bool {
		c, ok := e.Payload.(domain.BroadcastChanged)
		return ok && c.Change == domain.BroadcastClosed
	})
	if i < 0 || events[i].Payload.(domain.BroadcastChanged).Reason != errDetached.Error() {
		t.Errorf("events %s", summary(events))
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Error("the publisher is still there")
	}
	s.until("lease given up", func() bool {
		_, ok, err := lease.New(s.redis, time.Second).Find(t.Context(), ref("a"))
		return err == nil && !ok
	})
}
