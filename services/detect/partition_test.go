package detect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

var wall = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// outbox keeps what is published, or refuses it.
type outbox struct {
	events []event.Event
	err    error
}

func (o *outbox) Publish(_ context.Context, events ...event.Event) error {
	if o.err == nil {
		o.events = append(o.events, events...)
	}
	return o.err
}

func (o *outbox) highlights() []domain.Highlight {
	var out []domain.Highlight
	for _, e := range o.events {
		if h, ok := e.Payload.(domain.Highlight); ok {
			out = append(out, h)
		}
	}
	return out
}

func (o *outbox) health() []domain.Health {
	var out []domain.Health
	for _, e := range o.events {
		if p, ok := e.Payload.(domain.StreamProgress); ok {
			out = append(out, p.Health[domain.SignalComments])
		}
	}
	return out
}

func fileStore(t testing.TB, folder string) blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + folder})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func openPartition(t *testing.T, store blob.Store, out *outbox) (*partition, bus.Offsets) {
	t.Helper()
	deps := Deps{Store: store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return wall }}
	rules := builtIn(t)
	p := newPartition(3, "detect", func(string) *Rules { return rules }, out, deps, newMetrics(nil))
	offsets, err := p.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p, offsets
}

// of makes an event of broadcast b1 with the epoch of its owner.
func of(payload any, epoch int64, at time.Duration) event.Event {
	return event.Event{Payload: payload, Envelope: event.Envelope{
		ID: fmt.Sprintf("%T-%d-%s", payload, epoch, at), Tenant: "t", Stream: "s", Broadcast: broadcast, Epoch: epoch,
		At: at, Wall: wall.Add(at), Lane: domain.LaneLive,
	}}
}

func lineEvent(h finalLine, epoch int64) event.Event {
	e := of(h.Line, epoch, h.Line.End)
	e.ID = h.Source.ID
	return e
}

func markEvent(heard time.Duration, epoch int64) event.Event {
	return of(domain.StreamProgress{HeardTo: heard, RecordedTo: heard + time.Second, By: "asr"}, epoch, heard)
}

func handle(t *testing.T, p *partition, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if err := p.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHighlightFollowsFromItsLine(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	sale := said(20, 23, "flash sale")
	handle(t, p, lineEvent(sale, 1), markEvent(seconds(24), 1))
	got := out.events[0]
	want := lineEvent(sale, 1).Follow(got.Payload, wall, string(out.highlights()[0].ID))
	want.At = seconds(20)
	if !reflect.DeepEqual(got, want) || out.highlights()[0].TriggeredAt != wall {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := testutil.ToFloat64(p.metrics.decisions.WithLabelValues("fired")); n != 1 {
		t.Errorf("counted %v", n)
	}
}

func TestALineThatItsMarkOvertookIsTakenUpAtOnce(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	handle(t, p, markEvent(seconds(24), 1), lineEvent(said(20, 23, "flash sale"), 1))
	if got := out.highlights(); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestARestartForgetsNothingAndFindsTheSame(t *testing.T) {
	feed := func(p *partition, from, to int) {
		for s := from; s < to; s++ {
			if s%15 == 0 {
				handle(t, p, lineEvent(said(float64(s), float64(s)+3, "these are the last three"), 1))
				handle(t, p, lineEvent(said(float64(s)+3.5, float64(s)+6, "minutes everyone"), 1))
			}
			handle(t, p, of(level(s, -24), 1, seconds(float64(s))), markEvent(seconds(float64(s)), 1))
		}
	}
	once := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), once)
	feed(p, 0, 120)

	folder := t.TempDir()
	twice := &outbox{}
	first, _ := openPartition(t, fileStore(t, folder), twice)
	feed(first, 0, 65)
	kept := bus.Offsets{event.TranscriptLine: 9, event.StreamProgress: 65}
	if err := first.Keep(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	feed(first, 65, 70) // lost with the process, and read again
	twice.events = twice.events[:len(twice.events)-1]
	second, offsets := openPartition(t, fileStore(t, folder), twice)
	if !reflect.DeepEqual(offsets, kept) {
		t.Errorf("got offsets %v, want %v", offsets, kept)
	}
	feed(second, 65, 120)
	if got, want := twice.highlights(), once.highlights(); len(want) != 8 || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOfTwoOwnersOnlyOneGoesOn(t *testing.T) {
	folder := t.TempDir()
	a, _ := openPartition(t, fileStore(t, folder), &outbox{})
	b, _ := openPartition(t, fileStore(t, folder), &outbox{})
	if err := b.Keep(t.Context(), bus.Offsets{event.TranscriptLine: 1}); err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(t.Context(), bus.Offsets{event.TranscriptLine: 1}); !errors.Is(err, blob.ErrExists) {
		t.Errorf("before anything was kept: got %v", err)
	}
	if _, err := a.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(t.Context(), bus.Offsets{event.TranscriptLine: 2}); err != nil {
		t.Errorf("after it was restored: got %v", err)
	}
	if err := b.Keep(t.Context(), bus.Offsets{event.TranscriptLine: 3}); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("afterwards: got %v", err)
	}
}

// deafStore does what it is told, and says that it failed.
type deafStore struct {
	blob.Store
	deaf bool
}

var errNoAnswer = errors.New("no answer")

func (d *deafStore) PutNew(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	return d.answer(d.Store.PutNew(ctx, key, r))
}

func (d *deafStore) PutIf(ctx context.Context, key string, r io.Reader, etag string) (blob.Info, error) {
	return d.answer(d.Store.PutIf(ctx, key, r, etag))
}

func (d *deafStore) answer(info blob.Info, err error) (blob.Info, error) {
	if d.deaf {
		return blob.Info{}, errNoAnswer
	}
	return info, err
}

func TestAStateThatWasKeptWithoutAnAnswerIsOnesOwn(t *testing.T) {
	store := &deafStore{Store: fileStore(t, t.TempDir())}
	p, _ := openPartition(t, store, &outbox{})
	for turn := range 2 { // of a state that is new, and of one that replaces another
		store.deaf = true
		if err := p.Keep(t.Context(), bus.Offsets{event.StreamState: int64(10 * turn)}); !errors.Is(err, errNoAnswer) {
			t.Fatalf("kept: %v", err)
		}
		store.deaf = false
		if err := p.Keep(t.Context(), bus.Offsets{event.StreamState: int64(10*turn + 1)}); err != nil {
			t.Errorf("kept after an answer was lost: %v", err)
		}
	}
	if _, offsets := openPartition(t, store, &outbox{}); offsets[event.StreamState] != 11 {
		t.Errorf("restored at %v", offsets)
	}
}

func TestEventsOfAReplacedOwnerAreIgnored(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	handle(t, p,
		markEvent(seconds(10), 2),
		lineEvent(said(20, 23, "flash sale"), 1),
		markEvent(seconds(30), 1),
		markEvent(seconds(30), 2),
	)
	if got := out.highlights(); got != nil {
		t.Errorf("got %+v", got)
	}
	if n := testutil.ToFloat64(p.metrics.ignored.WithLabelValues("stale")); n != 2 {
		t.Errorf("counted %v", n)
	}
}

func TestABroadcastThatEndedIsTakenUpToItsEndAndThenClosed(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	sale := said(20, 23, "flash sale")
	closed := of(domain.StreamProgress{HeardTo: seconds(21), RecordedTo: seconds(24), Closed: true, By: "asr"}, 1, seconds(24))
	handle(t, p, lineEvent(sale, 1), closed, lineEvent(said(40, 43, "flash sale"), 1), markEvent(seconds(50), 1))
	if got := out.highlights(); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	if n := testutil.ToFloat64(p.metrics.ignored.WithLabelValues("ended")); n != 2 {
		t.Errorf("counted %v", n)
	}
}

func TestTwoBroadcastsOfAStreamHaveRoomsOfTheirOwn(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	second := func(e event.Event) event.Event { e.Broadcast = "b2"; return e }
	handle(t, p,
		lineEvent(said(20, 23, "flash sale"), 1),
		second(lineEvent(said(20, 23, "flash sale"), 1)),
		markEvent(seconds(30), 1),
		second(markEvent(seconds(30), 1)),
	)
	if got := out.highlights(); len(got) != 2 || got[0].ID == got[1].ID {
		t.Errorf("got %+v", got)
	}
}

func TestARoomThatOnlyTheAudienceSpokeInSoFarIsKept(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	handle(t, p, of(domain.AudienceSignal{ID: "c", Kind: domain.SignalComment, User: "u", At: seconds(5)}, 0, seconds(5)))
	if err := p.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	handle(t, p, lineEvent(said(20, 23, "flash sale"), 1), markEvent(seconds(24), 1))
	if got := out.highlights(); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestAMissingCommentFeedIsToldFromAQuietOne(t *testing.T) {
	out := &outbox{}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	viewers := of(domain.AudienceSignal{ID: "v", Kind: domain.SignalViewers, At: seconds(2), Count: 9}, 0, seconds(2))
	handle(t, p,
		markEvent(seconds(1), 1), // missing
		markEvent(seconds(2), 1),
		viewers,
		markEvent(seconds(3), 1), // quiet
		of(comment(4, "a"), 0, seconds(4)),
		markEvent(seconds(4), 1),   // present
		markEvent(seconds(6), 1),   // the same, too soon
		markEvent(seconds(9), 1),   // the same
		markEvent(seconds(50), 1),  // quiet
		markEvent(seconds(200), 1), // missing
	)
	want := []domain.Health{"missing", "quiet", "present", "present", "quiet", "missing"}
	if got := out.health(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	handle(t, p, out.events[0]) // detect's own progress comes back, and changes nothing
	if got := out.health(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAHighlightThatCouldNotBePublishedStopsThePartition(t *testing.T) {
	out := &outbox{err: errors.New("no broker")}
	p, _ := openPartition(t, fileStore(t, t.TempDir()), out)
	handle(t, p, lineEvent(said(20, 23, "flash sale"), 1))
	if err := p.Handle(t.Context(), markEvent(seconds(24), 1)); !errors.Is(err, out.err) {
		t.Errorf("got %v", err)
	}
}

func TestRoomsThatEndedWithoutAWordAreLetGo(t *testing.T) {
	p, _ := openPartition(t, fileStore(t, t.TempDir()), &outbox{})
	handle(t, p, markEvent(seconds(1), 1), of(domain.StreamState{Attached: false}, 0, seconds(2)))
	later := markEvent(seconds(1), 1)
	later.Stream, later.Wall = "other", wall.Add(time.Hour)
	handle(t, p, later)
	if err := p.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	if n := len(p.streams["t/s"].Rooms); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
	later.Wall = wall.Add(30 * 24 * time.Hour)
	handle(t, p, later)
	if err := p.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	if p.streams["t/s"] != nil || p.streams["t/other"] == nil {
		t.Errorf("streams are %v", p.streams)
	}
}
