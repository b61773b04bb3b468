package bus

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/event"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

// two topics of one partition number.
func twoQueues(kept Offsets) (q *queues, changes, lines *reading) {
	changes = &reading{topic: event.BroadcastChanged}
	lines = &reading{topic: event.TranscriptLine}
	return newQueues([]*reading{changes, lines}, kept), changes, lines
}

// bring puts records stamped so long after noon into a topic, all there was as of a moment.
func bring(q *queues, r *reading, asOf time.Duration, stamps ...time.Duration) {
	got := fetched{next: r.next, asOf: after(asOf)}
	for _, stamp := range stamps {
		got.records = append(got.records, record{topic: r.topic, offset: got.next, time: after(stamp), received: after(asOf)})
		got.next++
	}
	got.high, r.next = got.next, got.next
	q.take(r, got)
}

// released is what comes out at a moment, in order.
func released(q *queues, at time.Duration) (stamps []time.Duration) {
	for {
		rec, ok, _ := q.pop(after(at))
		if !ok {
			return stamps
		}
		stamps = append(stamps, rec.time.Sub(noon))
	}
}

const ms = time.Millisecond

func TestTheOldestRecordOfAllTopicsComesFirst(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.BroadcastChanged: 0, event.TranscriptLine: 0})
	bring(q, lines, 100*ms, 1*ms, 4*ms, 5*ms)
	bring(q, changes, 100*ms, 2*ms, 3*ms, 6*ms)
	want := []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms, 6 * ms}
	if got := released(q, 200*ms); !reflect.DeepEqual(got, want) {
		t.Errorf("came out as %v", got)
	}
}

func TestAtOneTimeTheTopicNamedFirstComesFirst(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.BroadcastChanged: 0, event.TranscriptLine: 0})
	bring(q, lines, 100*ms, 1*ms)
	bring(q, changes, 100*ms, 1*ms)
	if rec, ok, _ := q.pop(after(200 * ms)); !ok || rec.topic != event.BroadcastChanged {
		t.Errorf("first came %v, %v", rec.topic, ok)
	}
}

func TestAnEmptyTopicHoldsOthersUpOnlyUntilItIsKnownToHaveNoneOlder(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.BroadcastChanged: 0, event.TranscriptLine: 0})
	bring(q, lines, 101*ms, 100*ms)
	if got := released(q, time.Second); got != nil {
		t.Errorf("before anything was known of the other topic came %v", got)
	}
	bring(q, changes, 105*ms) // too early: an older one may be on its way
	if got := released(q, time.Second); got != nil {
		t.Errorf("after a look that came too early came %v", got)
	}
	bring(q, changes, 100*ms+mergeSlack)
	if got := released(q, time.Second); !reflect.DeepEqual(got, []time.Duration{100 * ms}) {
		t.Errorf("when it was known came %v", got)
	}
}

func TestARecordIsHeldBackForOlderOnesOnTheirWay(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.BroadcastChanged: 0, event.TranscriptLine: 0})
	bring(q, changes, 200*ms, 150*ms)
	bring(q, lines, 200*ms, 100*ms)
	if got := released(q, 100*ms+mergeSlack-1); got != nil {
		t.Errorf("too early came %v", got)
	}
	if _, _, due := q.pop(after(100 * ms)); due != mergeSlack {
		t.Errorf("to be looked at again in %v", due)
	}
}

func TestAPublishersClockThatIsAheadHoldsNothingUpForLong(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.BroadcastChanged: 0, event.TranscriptLine: 0})
	bring(q, lines, 10*ms, time.Hour)
	bring(q, changes, 10*ms+mergeSlack)
	if got := released(q, 10*ms+mergeSlack); len(got) != 1 {
		t.Errorf("came %v", got)
	}
}

func TestPositionsAreThoseKeptAndWhatWasHandledSince(t *testing.T) {
	q, changes, lines := twoQueues(Offsets{event.TranscriptLine: 7})
	if want := (&reading{topic: event.BroadcastChanged, next: -2}); *changes != *want || lines.next != 7 {
		t.Fatalf("reading begins at %d and %d", changes.next, lines.next)
	}
	changes.next = 0
	bring(q, lines, 100*ms, 1*ms)
	bring(q, changes, 100*ms, 2*ms)
	rec, _, _ := q.pop(after(time.Second))
	q.handled(rec)
	if next, dirty := q.position(); !dirty || !reflect.DeepEqual(next, Offsets{event.TranscriptLine: 8}) {
		t.Errorf("position %v, %v", next, dirty)
	}
}
