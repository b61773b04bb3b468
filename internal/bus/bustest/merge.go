package bustest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

var mergedTopics = []event.Topic{event.BroadcastChanged, event.StreamProgress, event.TranscriptLine}

// mark and change are events of other topics than line's.
func mark(stream string, n int) event.Event {
	e := line(stream, n)
	e.ID = fmt.Sprintf("%s-%d-mark", stream, n)
	e.Payload = domain.StreamProgress{By: "asr"}
	return e
}

func change(stream string, n int) event.Event {
	e := line(stream, n)
	e.ID = fmt.Sprintf("%s-%d-change", stream, n)
	e.Payload = domain.BroadcastChanged{Change: domain.BroadcastGap}
	return e
}

// shelf keeps what Mergers keep, and survives them.
type shelf struct {
	mu    sync.Mutex
	kept  map[int]keptState
	keeps *book
	seen  *book // of every Handle, "partition ID"
	fail  func(e event.Event) error
}

type keptState struct {
	ids     []string
	offsets bus.Offsets
}

func newShelf() *shelf {
	return &shelf{kept: map[int]keptState{}, keeps: newBook(), seen: newBook(), fail: func(event.Event) error { return nil }}
}

func (s *shelf) open(partition int) bus.Merger { return &scribe{shelf: s, partition: partition} }

// orders gives what each partition's state has seen, as last kept.
func (s *shelf) orders() map[int][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	orders := map[int][]string{}
	for p, k := range s.kept {
		orders[p] = k.ids
	}
	return orders
}

func (s *shelf) holds(n int) bool {
	total := 0
	for _, ids := range s.orders() {
		total += len(ids)
	}
	return total >= n
}

// scribe is a Merger whose state is the order of what it was given.
type scribe struct {
	shelf     *shelf
	partition int
	ids       []string
}

func (m *scribe) Restore(context.Context) (bus.Offsets, error) {
	m.shelf.mu.Lock()
	defer m.shelf.mu.Unlock()
	k := m.shelf.kept[m.partition]
	m.ids = append([]string(nil), k.ids...)
	return k.offsets, nil
}

func (m *scribe) Handle(_ context.Context, e event.Event) error {
	m.shelf.seen.write(fmt.Sprint(m.partition, " ", e.ID))
	if err := m.shelf.fail(e); err != nil {
		return err
	}
	m.ids = append(m.ids, e.ID)
	return nil
}

func (m *scribe) Keep(_ context.Context, next bus.Offsets) error {
	m.shelf.mu.Lock()
	m.shelf.kept[m.partition] = keptState{append([]string(nil), m.ids...), maps.Clone(next)}
	m.shelf.mu.Unlock()
	m.shelf.keeps.write(fmt.Sprint(m.partition))
	return nil
}

func (s suite) merge(t *testing.T, b *bus.Bus, group string, sh *shelf) (stop func()) {
	t.Helper()
	return s.start(t, func(ctx context.Context) error { return b.Merge(ctx, group, mergedTopics, sh.open) })
}

// tell publishes n rounds of events of a few streams over all merged topics, each after the one before was acknowledged,
// and gives how many, and per stream in which order.
func (s suite) tell(t *testing.T, from, rounds int) (count int) {
	t.Helper()
	for n := from; n < from+rounds; n++ {
		for i := range 5 {
			stream := fmt.Sprint("room", i)
			for _, e := range []event.Event{line(stream, n), change(stream, n), mark(stream, n)} {
				s.publish(t, e)
				count++
			}
		}
	}
	return count
}

func (s *shelf) keepsAll(t *testing.T, n int) {
	t.Helper()
	s.keeps.until(t, fmt.Sprint("keeps all ", n), func([]string) bool { return s.holds(n) })
}

func replayed(t *testing.T, s suite) {
	live := newShelf()
	s.merge(t, s.bus, "live", live)
	count := s.tell(t, 0, 12)
	live.keepsAll(t, count)

	replay := newShelf()
	s.merge(t, Open(t, s.config), "replay", replay)
	replay.keepsAll(t, count)
	if !reflect.DeepEqual(live.orders(), replay.orders()) {
		t.Errorf("live gave %v\nreplay gave %v", live.orders(), replay.orders())
	}
}

func restored(t *testing.T, s suite) {
	// One life keeps, is stopped, and another goes on: together they saw every event once, in one life's order.
	sh := newShelf()
	stop := s.merge(t, s.bus, "restore", sh)
	first := s.tell(t, 0, 3)
	sh.keepsAll(t, first)
	stop()
	second := s.tell(t, 3, 3)
	s.merge(t, Open(t, s.config), "restore", sh)
	sh.keepsAll(t, first+second)

	whole := newShelf()
	s.merge(t, Open(t, s.config), "whole", whole)
	whole.keepsAll(t, first+second)
	if !reflect.DeepEqual(sh.orders(), whole.orders()) {
		t.Errorf("two lives gave %v\none gives %v", sh.orders(), whole.orders())
	}
}

func reread(t *testing.T, s suite) {
	// The state lost an event half-way: it is restored as kept, and everything since is read again.
	sh := newShelf()
	var once sync.Once
	sh.fail = func(e event.Event) (err error) {
		if e.ID == "room1-2" {
			once.Do(func() { err = errors.New("the store is away") })
		}
		return err
	}
	s.merge(t, s.bus, "reread", sh)
	count := s.tell(t, 0, 4)
	sh.keepsAll(t, count)
	if seen := sh.seen.read(); !twice(seen, "room1-2") {
		t.Errorf("the failed event did not come again: %v", seen)
	}
	for _, ids := range sh.orders() {
		if n := len(ids); n != len(distinct(ids)) {
			t.Errorf("an event is in the state twice: %v", ids)
		}
	}
}

func mergeBuries(t *testing.T, s suite) {
	sh := newShelf()
	sh.fail = func(e event.Event) error {
		if e.ID == "room1-1" {
			return domain.Permanent(errors.New("impossible line"))
		}
		return nil
	}
	letters := s.deadLetters(t)
	s.merge(t, s.bus, "bury", sh)
	s.write(t, event.TranscriptLine, "default/room1", []byte("\xff\xffnot an event"))
	count := s.tell(t, 0, 3)
	sh.keepsAll(t, count-1)
	reasons := map[string]bool{}
	for len(reasons) < 2 {
		letter := <-letters
		reasons[letter.headers[bus.DeadReason]] = true
	}
	if want := map[string]bool{"undecodable": true, "permanent": true}; !reflect.DeepEqual(reasons, want) {
		t.Errorf("buried for %v", reasons)
	}
}

func mergersShare(t *testing.T, s suite) {
	// A second member takes over partition numbers whole, with their state; nothing is lost or handled into the state twice.
	sh := newShelf()
	s.merge(t, s.bus, "mergers", sh)
	count := s.tell(t, 0, 2)
	sh.keepsAll(t, count)
	stopTwo := s.merge(t, Open(t, s.config), "mergers", sh)
	count += s.tell(t, 2, 4)
	sh.keepsAll(t, count)
	stopTwo()
	count += s.tell(t, 6, 2)
	sh.keepsAll(t, count)

	whole := newShelf()
	s.merge(t, Open(t, s.config), "alone", whole)
	whole.keepsAll(t, count)
	if !reflect.DeepEqual(sh.orders(), whole.orders()) {
		t.Errorf("members gave %v\none alone gives %v", sh.orders(), whole.orders())
	}
}

func twice(seen []string, id string) bool {
	n := 0
	for _, s := range seen {
		if strings.HasSuffix(s, " "+id) {
			n++
		}
	}
	return n >= 2
}

func distinct(ids []string) map[string]bool {
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}
