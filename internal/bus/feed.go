package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/await"
	"liveclip/internal/event"
)

const (
	longPoll       = time.Second           // how long a fetch may wait for a record; one that comes ends it at once
	shortPoll      = 20 * time.Millisecond // the same while a partition is left out for want of room
	partitionBytes = 2*maxRecord + 64<<10  // of one partition in one answer: more than the largest record
	answerBytes    = 16 << 20
)

// reading is one partition being read. While a feed runs, only the feed changes it.
type reading struct {
	topic     event.Topic
	partition int
	next      int64 // offset to read next; kafka.FirstOffset or kafka.LastOffset until known
	trouble   trouble
}

// trouble is that a reading could not be read at offset.
type trouble struct {
	offset int64
	tries  int
	pause  time.Duration // after the next try
	until  time.Time     // not to be tried again before
}

// fetched is what one fetch brought of one partition.
type fetched struct {
	records []record
	next    int64 // to read after records
	high    int64 // the end of the partition
	skipped bool  // what lies before next could not be read
	// asOf is a moment of the local clock at which, if next is high, nothing more was there.
	asOf time.Time
}

// feed reads partitions from the brokers that lead them: one long poll at a time per broker, over all its partitions.
type feed struct {
	bus      *Bus
	readings []*reading
	wants    func(*reading) bool     // whether there is room for records; nil: always
	wait     func() time.Duration    // how long the next fetch may wait; nil: longPoll
	take     func(*reading, fetched) // must not block for long; calls for one reading do not overlap
}

// run reads until ctx ends. Trouble with the brokers is waited out.
func (f *feed) run(ctx context.Context) {
	pause := 50 * time.Millisecond
	for {
		started := time.Now()
		err := f.readAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > 5*time.Second {
			pause = 50 * time.Millisecond
		}
		f.bus.log.Warn("reading from kafka interrupted", "error", err, "again_in", pause)
		if !sleep(ctx, jitter(pause)) {
			return
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// readAll reads until something fails; then the partitions' leaders are looked up anew.
func (f *feed) readAll(ctx context.Context) error {
	if err := f.bus.locate(ctx, f.readings); err != nil {
		return err
	}
	leaders, err := f.bus.leaders(ctx, f.readings)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, led := range leaders {
		group.Go(func() error { return f.readFrom(ctx, led, len(leaders) > 1) })
	}
	return group.Wait()
}

// readFrom reads the partitions led by one broker.
func (f *feed) readFrom(ctx context.Context, led []*reading, others bool) error {
	for first := 0; ctx.Err() == nil; first++ {
		wanted := make([]*reading, 0, len(led))
		for i := range led {
			// An answer has a bound: every partition gets its turn to be the first in it.
			r := led[(first+i)%len(led)]
			if (f.wants == nil || f.wants(r)) && !time.Now().Before(r.trouble.until) {
				wanted = append(wanted, r)
			}
		}
		if len(wanted) == 0 {
			sleep(ctx, 5*time.Millisecond)
			continue
		}
		wait := longPoll
		if f.wait != nil {
			if wait = f.wait(); others {
				wait = min(wait, shortPoll)
			}
		}
		if len(wanted) < len(led) {
			wait = min(wait, shortPoll)
		}
		if err := f.fetch(ctx, wanted, wait); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fetch reads once. Trouble with one partition costs no other what was read of it.
func (f *feed) fetch(ctx context.Context, wanted []*reading, wait time.Duration) error {
	issued := time.Now()
	within, cancel := context.WithTimeout(ctx, wait+10*time.Second)
	defer cancel()
	answer, err := f.bus.transport.RoundTrip(within, f.bus.client.Addr, f.bus.fetchCall(wanted, wait))
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	response := answer.(*fetchAnswer)
	if response.ErrorCode != 0 {
		return fmt.Errorf("fetch: %w", kafka.Error(response.ErrorCode))
	}

	byPlace := make(map[place]*reading, len(wanted))
	for _, r := range wanted {
		byPlace[place{f.bus.topicName(r.topic), r.partition}] = r
	}
	var failed error
	var outside []*reading
	brought := 0
	results := make(map[*reading]fetched, len(wanted))
	for _, t := range response.Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			r := byPlace[place{t.Topic, int(p.Partition)}]
			if r == nil {
				continue
			}
			got, err := r.decode(p, r == wanted[0])
			var damaged *unreadable
			switch {
			case errors.As(err, &damaged):
				if !f.givesUp(r, damaged) {
					continue
				}
				got = fetched{next: damaged.after, high: p.HighWatermark, skipped: true}
			case errors.Is(err, kafka.OffsetOutOfRange):
				outside = append(outside, r)
				continue
			case err != nil:
				failed = fmt.Errorf("fetch %s/%d at %d: %w", r.topic, r.partition, r.next, err)
				continue
			}
			brought += len(got.records)
			results[r] = got
		}
	}
	asOf := issued
	if brought == 0 && time.Since(issued) >= wait {
		asOf = issued.Add(wait) // the broker looked once more before it gave up
	}
	for r, got := range results {
		got.asOf = asOf
		r.next = got.next
		f.take(r, got)
	}
	return errors.Join(failed, f.reenter(ctx, outside))
}

// givesUp reports whether what is damaged at r.next was tried often enough to be skipped; else it is tried again later.
func (f *feed) givesUp(r *reading, damaged *unreadable) bool {
	t := &r.trouble
	if t.offset != r.next || t.tries == 0 {
		*t = trouble{offset: r.next, pause: f.bus.config.Backoff}
	}
	t.tries++
	log := f.bus.log.With("topic", r.topic, "partition", r.partition, "offset", r.next, "to", damaged.after-1, "error", damaged.cause)
	if t.tries < f.bus.config.Tries {
		log.Warn("records can't be read, trying again", "try", t.tries, "again_in", t.pause)
		t.until = time.Now().Add(jitter(t.pause))
		t.pause = min(3*t.pause, 30*time.Second)
		return false
	}
	f.bus.metrics.unreadable.WithLabelValues(string(r.topic)).Inc()
	log.Error("records can't be read and are skipped", "tries", t.tries)
	return true
}

// reenter finds a place for readings whose offset the broker does not have. On either side that is the oldest record: a
// topic that ends before the offset was made anew, or lost its newest records, and what it has now may never have been read.
func (f *feed) reenter(ctx context.Context, outside []*reading) error {
	if len(outside) == 0 {
		return nil
	}
	ends, err := f.bus.ends(ctx, outside)
	if err != nil {
		return err
	}
	for _, r := range outside {
		held := ends[r]
		log := f.bus.log.With("topic", r.topic, "partition", r.partition, "offset", r.next, "oldest", held.first, "end", held.last)
		switch {
		case r.next < held.first:
			log.Error("records are gone before they were read: going on with the oldest kept")
		case r.next > held.last:
			log.Error("the partition ends before what is to be read next: it is read from the oldest on")
		default:
			err = fmt.Errorf("fetch %s/%d at %d: %w", r.topic, r.partition, r.next, kafka.OffsetOutOfRange)
			continue // the broker had not caught up with its own log
		}
		r.next = held.first
	}
	return err
}

type place struct {
	topic     string
	partition int
}

// locate turns first and last into offsets.
func (b *Bus) locate(ctx context.Context, readings []*reading) error {
	var unknown []*reading
	for _, r := range readings {
		if r.next < 0 {
			unknown = append(unknown, r)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	ends, err := b.ends(ctx, unknown)
	if err != nil {
		return err
	}
	for _, r := range unknown {
		if r.next == kafka.LastOffset {
			r.next = ends[r].last
		} else {
			r.next = ends[r].first
		}
	}
	return nil
}

// extent is what a partition holds: from first up to, not including, last.
type extent struct{ first, last int64 }

func (b *Bus) ends(ctx context.Context, readings []*reading) (map[*reading]extent, error) {
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for _, r := range readings {
		name := b.topicName(r.topic)
		request.Topics[name] = append(request.Topics[name], kafka.FirstOffsetOf(r.partition), kafka.LastOffsetOf(r.partition))
	}
	answer, err := b.client.ListOffsets(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	found := map[place]extent{}
	for name, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", name, p.Partition, p.Error)
			}
			found[place{name, p.Partition}] = extent{p.FirstOffset, p.LastOffset}
		}
	}
	ends := make(map[*reading]extent, len(readings))
	for _, r := range readings {
		e, ok := found[place{b.topicName(r.topic), r.partition}]
		if !ok || e.first < 0 || e.last < 0 {
			return nil, fmt.Errorf("list offsets of %s/%d: no answer", r.topic, r.partition)
		}
		ends[r] = e
	}
	return ends, nil
}

// leaders groups the readings by the broker that leads them.
func (b *Bus) leaders(ctx context.Context, readings []*reading) (map[int][]*reading, error) {
	var names []string
	seen := map[event.Topic]bool{}
	for _, r := range readings {
		if !seen[r.topic] {
			seen[r.topic] = true
			names = append(names, b.topicName(r.topic))
		}
	}
	answer, err := b.client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, fmt.Errorf("look up leaders: %w", err)
	}
	leader := map[place]int{}
	for _, t := range answer.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("look up leaders of %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			leader[place{t.Name, p.ID}] = p.Leader.ID
		}
	}
	led := map[int][]*reading{}
	for _, r := range readings {
		id, ok := leader[place{b.topicName(r.topic), r.partition}]
		if !ok {
			return nil, fmt.Errorf("look up the leader of %s/%d: no such partition", r.topic, r.partition)
		}
		led[id] = append(led[id], r)
	}
	return led, nil
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool { return await.For(ctx, d) == nil }

// jitter is between half of d and all of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
