package bustest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// patience is how long a promise may take before the test calls it broken; no promise is about time.
const patience = 2 * time.Minute

// Run holds a broker to everything package bus promises. config gives topics of their own to every test.
func Run(t *testing.T, config func(t testing.TB) bus.Config) {
	if actsAsMember() {
		return
	}
	for _, test := range []struct {
		promise string
		hold    func(t *testing.T, s suite)
	}{
		{"AStreamsEventsArriveInTheOrderPublished", inOrder},
		{"AnEventArrivesAsItWasPublished", whole},
		{"AStreamThatFailsDoesNotHoldUpOthers", parallel},
		{"AFailedEventIsRetriedThenBuried", buried},
		{"APermanentErrorBuriesAtOnce", buriedAtOnce},
		{"AnUndecodableRecordIsBuriedAsItWas", poison},
		{"AHandlersPanicIsBuried", panicking},
		{"WhatIsInHandIsFinishedBeforeConsumeReturns", finished},
		{"NothingDoneIsHandledAgainAfterACleanStop", resumed},
		{"TheMarkStaysBelowWhatIsNotDone", contiguous},
		{"EverythingNotCommittedComesAgainAfterAKill", killed},
		{"TwoMembersShareThePartitions", shared},
		{"AReplayMergesInTheOrderOfLive", replayed},
		{"AMergerGoesOnWhereItsStateWasKept", restored},
		{"AMergerThatFailsIsRestoredAndReadsAgain", reread},
		{"WhatNoMergerCanHandleIsBuriedAndLeftOut", mergeBuries},
		{"MergersMoveWholeBetweenMembers", mergersShare},
		{"ATailIsToldWhenItHasCaughtUp", caughtUp},
		{"ATailFromNowGivesOnlyWhatComes", fromNow},
		{"ATailEndsWithItsHandlersError", tailFails},
		{"AnEventTooLargeIsRefusedForGood", tooLarge},
		{"EnsureIsHarmlessToRepeat", ensured},
	} {
		t.Run(test.promise, func(t *testing.T) {
			t.Parallel()
			c := config(t)
			s := suite{config: c, bus: Open(t, c)}
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			t.Cleanup(cancel)
			s.ctx = ctx
			if err := s.bus.Ensure(ctx); err != nil {
				t.Fatal(err)
			}
			test.hold(t, s)
		})
	}
}

type suite struct {
	ctx    context.Context
	config bus.Config
	bus    *bus.Bus
}

// line is the n-th event of a stream.
func line(stream string, n int) event.Event {
	return event.Event{
		Envelope: event.Envelope{
			ID: fmt.Sprintf("%s-%d", stream, n), Tenant: domain.DefaultTenant, Stream: domain.StreamID(stream),
			Broadcast: "b1", Epoch: 1, Sequence: int64(n), At: time.Duration(n) * time.Second, Wall: time.Unix(1700000000, 0).UTC(),
			Cause: "cause", Lane: domain.LaneLive, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
		Payload: domain.TranscriptLine{ID: fmt.Sprint(n), Final: true, Text: "全场五折"},
	}
}

func (s suite) publish(t *testing.T, events ...event.Event) {
	t.Helper()
	if err := s.bus.Publish(s.ctx, events...); err != nil {
		t.Fatal(err)
	}
}

// consume runs a Consume and gives a stop that waits for its end.
func (s suite) consume(t *testing.T, b *bus.Bus, group string, h bus.Handler) (stop func()) {
	t.Helper()
	return s.start(t, func(ctx context.Context) error {
		return b.Consume(ctx, group, []event.Topic{event.TranscriptLine}, h)
	})
}

func (s suite) start(t *testing.T, run func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(patience):
				t.Error("did not end")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// book is what handlers saw, safe for concurrent use.
type book struct {
	mu      sync.Mutex
	written []string
	changed chan struct{}
}

func newBook() *book { return &book{changed: make(chan struct{}, 1)} }

func (b *book) write(id string) {
	b.mu.Lock()
	b.written = append(b.written, id)
	b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

func (b *book) read() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.written...)
}

// until waits until the book satisfies want.
func (b *book) until(t *testing.T, what string, want func(written []string) bool) {
	t.Helper()
	deadline := time.After(patience)
	for !want(b.read()) {
		select {
		case <-b.changed:
		case <-deadline:
			t.Fatalf("%s: never; seen %v", what, b.read())
		}
	}
}

func (b *book) has(t *testing.T, ids ...string) {
	t.Helper()
	b.until(t, fmt.Sprint("has ", ids), func(written []string) bool { return containsAll(written, ids) })
}

func containsAll(written, ids []string) bool {
	seen := map[string]bool{}
	for _, id := range written {
		seen[id] = true
	}
	for _, id := range ids {
		if !seen[id] {
			return false
		}
	}
	return true
}

func awaited(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: never", what)
	}
}

func inOrder(t *testing.T, s suite) {
	const streams, each = 7, 60
	seen := map[domain.StreamID][]int64{}
	var mu sync.Mutex
	all := newBook()
	s.consume(t, s.bus, "order", func(_ context.Context, e event.Event) error {
		mu.Lock()
		seen[e.Stream] = append(seen[e.Stream], e.Sequence)
		mu.Unlock()
		all.write(e.ID)
		return nil
	})
	var publishers sync.WaitGroup
	for i := range streams {
		publishers.Go(func() {
			for n := 0; n < each; n += 3 {
				name := fmt.Sprint("room", i)
				if err := s.bus.Publish(s.ctx, line(name, n), line(name, n+1), line(name, n+2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishers.Wait()
	all.until(t, "all events", func(w []string) bool { return len(w) >= streams*each })
	want := map[domain.StreamID][]int64{}
	for i := range streams {
		for n := range each {
			name := domain.StreamID(fmt.Sprint("room", i))
			want[name] = append(want[name], int64(n))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("handled %v", seen)
	}
}

func whole(t *testing.T, s suite) {
	got := make(chan event.Event, 1)
	s.consume(t, s.bus, "whole", func(_ context.Context, e event.Event) error { got <- e; return nil })
	s.publish(t, line("room", 1))
	if e := <-got; !reflect.DeepEqual(e, line("room", 1)) {
		t.Errorf("published %+v, handled %+v", line("room", 1), e)
	}
}

func parallel(t *testing.T, s suite) {
	// One partition: all streams share it.
	seen, release := newBook(), make(chan struct{})
	s.consume(t, s.bus, "parallel", func(_ context.Context, e event.Event) error {
		if e.Stream == "stuck" {
			<-release
		}
		seen.write(e.ID)
		return nil
	})
	s.publish(t, line("stuck", 1), line("stuck", 2))
	var others []string
	for i := range 12 {
		e := line(fmt.Sprint("free", i), 1)
		others = append(others, e.ID)
		s.publish(t, e)
	}
	seen.has(t, others...)
	if containsAll(seen.read(), []string{"stuck-1"}) {
		t.Error("the stuck stream was not stuck")
	}
	close(release)
	seen.has(t, "stuck-1", "stuck-2")
}

func buried(t *testing.T, s suite) {
	tries := newBook()
	s.consume(t, s.bus, "retry", func(_ context.Context, e event.Event) error {
		tries.write(e.ID)
		if e.ID == "room-1" {
			return errors.New("the store is away")
		}
		return nil
	})
	letters := s.deadLetters(t)
	s.publish(t, line("room", 1), line("room", 2))
	letter := <-letters
	tries.has(t, "room-2")
	if got, want := tries.read(), []string{"room-1", "room-1", "room-1", "room-2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("tried %v, not %v", got, want)
	}
	letter.says(t, "tries", "the store is away", "retry")
}

func buriedAtOnce(t *testing.T, s suite) {
	tries := newBook()
	s.consume(t, s.bus, "permanent", func(_ context.Context, e event.Event) error {
		tries.write(e.ID)
		return domain.Permanent(errors.New("no such template"))
	})
	letters := s.deadLetters(t)
	s.publish(t, line("room", 1))
	letter := <-letters
	letter.says(t, "permanent", "no such template", "permanent")
	if got := tries.read(); len(got) != 1 {
		t.Errorf("a permanent error was tried %d times", len(got))
	}
	value, err := event.Encode(line("room", 1))
	if err != nil {
		t.Fatal(err)
	}
	if string(letter.value) != string(value) || letter.key != line("room", 1).Key() {
		t.Errorf("the dead letter is not the original: key %q, value %q", letter.key, letter.value)
	}
}

func poison(t *testing.T, s suite) {
	seen := newBook()
	s.consume(t, s.bus, "poison", func(_ context.Context, e event.Event) error { seen.write(e.ID); return nil })
	letters := s.deadLetters(t)
	s.write(t, event.TranscriptLine, "default/room", []byte("\xff\xffnot an event"))
	s.publish(t, line("room", 2))
	seen.has(t, "room-2")
	letter := <-letters
	letter.says(t, "undecodable", "", "poison")
	if string(letter.value) != "\xff\xffnot an event" {
		t.Errorf("the dead letter holds %q", letter.value)
	}
}

func panicking(t *testing.T, s suite) {
	seen := newBook()
	s.consume(t, s.bus, "panic", func(_ context.Context, e event.Event) error {
		if e.Sequence == 1 {
			panic("index out of range")
		}
		seen.write(e.ID)
		return nil
	})
	letters := s.deadLetters(t)
	s.publish(t, line("room", 1), line("room", 2))
	letter := <-letters
	letter.says(t, "permanent", "index out of range", "panic")
	seen.has(t, "room-2")
}

func finished(t *testing.T, s suite) {
	begun, goOn, done := make(chan struct{}), make(chan struct{}), newBook()
	stop := s.consume(t, s.bus, "finish", func(ctx context.Context, e event.Event) error {
		close(begun)
		<-goOn
		done.write(e.ID)
		return ctx.Err()
	})
	s.publish(t, line("room", 1))
	awaited(t, "the handler begins", begun)
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) })
	stop()
	if got := done.read(); len(got) != 1 {
		t.Errorf("Consume returned before its handler did: %v", got)
	}
	again := newBook()
	s.consume(t, s.bus, "finish", func(_ context.Context, e event.Event) error { again.write(e.ID); return nil })
	s.publish(t, line("room", 2))
	again.has(t, "room-2")
	if got := again.read(); len(got) != 1 {
		t.Errorf("what was finished came again: %v", got)
	}
}

func resumed(t *testing.T, s suite) {
	first := newBook()
	stop := s.consume(t, s.bus, "resume", func(_ context.Context, e event.Event) error { first.write(e.ID); return nil })
	s.publish(t, line("room", 1), line("other", 1))
	first.has(t, "room-1", "other-1")
	stop()
	s.publish(t, line("room", 2), line("other", 2))
	second := newBook()
	s.consume(t, Open(t, s.config), "resume", func(_ context.Context, e event.Event) error { second.write(e.ID); return nil })
	second.has(t, "room-2", "other-2")
	if got := second.read(); len(got) != 2 {
		t.Errorf("after a clean stop came %v", got)
	}
}

func contiguous(t *testing.T, s suite) {
	// Of one partition: the first event is held, those of other streams behind it are done.
	streams := s.onePartition(t, 3)
	held, seen := make(chan struct{}), newBook()
	begun := make(chan struct{}, 1)
	stop := s.consume(t, s.bus, "mark", func(ctx context.Context, e event.Event) error {
		if string(e.Stream) == streams[0] {
			begun <- struct{}{}
			select {
			case <-held:
			case <-ctx.Done():
			}
			return errors.New("not done")
		}
		seen.write(e.ID)
		return nil
	})
	s.publish(t, line(streams[0], 1))
	awaited(t, "the first is begun", begun)
	s.publish(t, line(streams[1], 1), line(streams[2], 1))
	seen.has(t, streams[1]+"-1", streams[2]+"-1")
	stop() // gives the held one up
	close(held)

	again := newBook()
	s.consume(t, Open(t, s.config), "mark", func(_ context.Context, e event.Event) error { again.write(e.ID); return nil })
	again.has(t, streams[0]+"-1", streams[1]+"-1", streams[2]+"-1")
}

func shared(t *testing.T, s suite) {
	one, two, all := newBook(), newBook(), newBook()
	handler := func(own *book) bus.Handler {
		return func(_ context.Context, e event.Event) error {
			own.write(string(e.Stream))
			all.write(e.ID)
			return nil
		}
	}
	s.consume(t, s.bus, "share", handler(one))
	s.publish(t, line("before", 1))
	one.has(t, "before")
	stopTwo := s.consume(t, Open(t, s.config), "share", handler(two))
	// Streams enough for every partition; both members get some of them once the second has joined.
	n := 0
	for deadline := time.Now().Add(patience); ; n++ {
		var ids []string
		for i := range 16 {
			e := line(fmt.Sprint("room", i), n)
			ids = append(ids, e.ID)
			s.publish(t, e)
		}
		all.has(t, ids...)
		if len(two.read()) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the second member got nothing")
		}
	}
	stopTwo()
	for i := range 16 {
		s.publish(t, line(fmt.Sprint("room", i), n+1))
	}
	for i := range 16 {
		all.has(t, fmt.Sprintf("room%d-%d", i, n+1))
	}
}

func caughtUp(t *testing.T, s suite) {
	empty := make(chan struct{})
	s.start(t, func(ctx context.Context) error {
		return s.bus.Tail(ctx, []event.Topic{event.HighlightFound}, bus.FromStart, nothing, func() { close(empty) })
	})
	awaited(t, "caught up with an empty topic", empty)

	var ids []string
	for i := range 20 {
		e := line(fmt.Sprint("room", i), i)
		ids = append(ids, e.ID)
		s.publish(t, e)
	}
	seen, atTheTime := newBook(), make(chan []string, 1)
	s.start(t, func(ctx context.Context) error {
		return s.bus.Tail(ctx, []event.Topic{event.TranscriptLine, event.HighlightFound}, bus.FromStart,
			func(_ context.Context, e event.Event) error { seen.write(e.ID); return nil },
			func() { atTheTime <- seen.read() })
	})
	if got := <-atTheTime; !containsAll(got, ids) {
		t.Errorf("said to have caught up after %v", got)
	}
	s.publish(t, line("later", 1))
	seen.has(t, "later-1")
}

func fromNow(t *testing.T, s suite) {
	s.publish(t, line("room", 1))
	seen, ready := newBook(), make(chan struct{})
	s.start(t, func(ctx context.Context) error {
		return s.bus.Tail(ctx, []event.Topic{event.TranscriptLine}, bus.FromNow,
			func(_ context.Context, e event.Event) error { seen.write(e.ID); return nil }, func() { close(ready) })
	})
	awaited(t, "begins", ready)
	s.publish(t, line("room", 2))
	seen.has(t, "room-2")
	if got := seen.read(); len(got) != 1 {
		t.Errorf("from now on came %v", got)
	}
}

func tailFails(t *testing.T, s suite) {
	s.publish(t, line("room", 1))
	full := errors.New("view is full")
	err := s.bus.Tail(s.ctx, []event.Topic{event.TranscriptLine}, bus.FromStart,
		func(context.Context, event.Event) error { return full }, nil)
	if !errors.Is(err, full) {
		t.Errorf("ended with %v", err)
	}
}

func tooLarge(t *testing.T, s suite) {
	e := line("room", 1)
	e.Payload = domain.TranscriptLine{Text: string(make([]byte, 3<<20))}
	if err := s.bus.Publish(s.ctx, e); !domain.IsPermanent(err) {
		t.Errorf("publishing 3 MiB: %v", err)
	}
}

func ensured(t *testing.T, s suite) {
	other := Open(t, s.config)
	if err := other.Ensure(s.ctx); err != nil {
		t.Error(err)
	}
	if err := other.Ready(s.ctx); err != nil {
		t.Error(err)
	}
	fewer := s.config
	fewer.Partitions++
	if err := Open(t, fewer).Ensure(s.ctx); !domain.IsPermanent(err) {
		t.Errorf("another number of partitions: %v", err)
	}
}

func nothing(context.Context, event.Event) error { return nil }
