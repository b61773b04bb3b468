package bus_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"liveclip/internal/bus"
	"liveclip/internal/bus/bustest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const poison = "poisoned"

var spokenAndMarked = []event.Topic{event.TranscriptLine, event.StreamProgress}

// reader is one of the ways to read, into seen, until ctx ends.
type reader func(ctx context.Context, b *bus.Bus, seen *notes)

// readers are all ways to read; each begins where offsets says, if it keeps its offsets itself.
func readers(offsets bus.Offsets) map[string]reader {
	var tape keeper
	tape.offsets = offsets
	return map[string]reader{
		"Consume": func(ctx context.Context, b *bus.Bus, seen *notes) {
			b.Consume(ctx, "consumers", spokenAndMarked, seen.take)
		},
		"Merge": func(ctx context.Context, b *bus.Bus, seen *notes) {
			b.Merge(ctx, "mergers", spokenAndMarked, func(int) bus.Merger { return &keeping{&tape, seen} })
		},
	}
}

func TestABatchThatCannotBeReadIsSkippedAndTold(t *testing.T) {
	all := readers(nil)
	all["Tail"] = func(ctx context.Context, b *bus.Bus, seen *notes) {
		b.Tail(ctx, spokenAndMarked, bus.FromStart, seen.take, func() { seen.take(ctx, event.Event{Envelope: event.Envelope{ID: "caught up"}}) })
	}
	for name, read := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, onePartition)
			h.publish(spoken("room", "first"), spoken("room", poison))
			spoiled := h.open((&damage{mark: poison, times: always}).over)
			seen := newNotes()
			stop := h.run(read, spoiled, seen)
			if name == "Tail" {
				seen.await(t, "first", "caught up")
			} else {
				seen.await(t, "first")
			}
			spoiled.logs.say(t, "level=ERROR", "topic=transcript.line.v1", "partition=0", "offset=1", "checksum")
			if n := spoiled.count(t, "liveclip_bus_unreadable_total"); n != 1 {
				t.Errorf("%v batches counted", n)
			}
			h.publish(spoken("room", "second"), marked("room", "third"), spoken("room", poison))
			seen.await(t, "second", "third")
			if name == "Tail" {
				return
			}
			// What was skipped is done with: the next life, to which it would be readable, does not meet it again.
			group := map[string]string{"Consume": "consumers", "Merge": "mergers"}[name]
			h.awaitCommitted(group, event.TranscriptLine, 4)
			stop()
			again := newNotes()
			h.run(read, h.open(nil), again)
			h.publish(spoken("room", "fourth"))
			again.await(t, "fourth")
			if got := again.read(); !reflect.DeepEqual(got, []string{"fourth"}) {
				t.Errorf("the next life saw %v", got)
			}
		})
	}
}

func TestABatchThatWasOnlyOnceUnreadableIsNotLost(t *testing.T) {
	for name, read := range readers(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, onePartition)
			h.publish(spoken("room", "first"), spoken("room", poison), spoken("room", "second"))
			spoiled := h.open((&damage{mark: poison, times: 2}).over)
			seen := newNotes()
			h.run(read, spoiled, seen)
			seen.await(t, "second")
			if got := seen.read(); !reflect.DeepEqual(got, []string{"first", poison, "second"}) {
				t.Errorf("saw %v", got)
			}
		})
	}
}

func TestAPartitionThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	h := newHarness(t, func(c *bus.Config) { c.Backoff = time.Hour })
	h.publish(spoken("room", poison))
	seen := newNotes()
	h.run(readers(nil)["Consume"], h.open((&damage{mark: poison, times: always}).over), seen)
	ids := []string{}
	place := func(stream string) int {
		return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: []byte("default/" + stream)}, 0, 1, 2, 3)
	}
	for _, stream := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if place(stream) != place("room") {
			h.publish(spoken(stream, stream))
			ids = append(ids, stream)
		}
	}
	seen.await(t, ids...)
}

func TestAPlaceOutsideOfThePartitionIsToldAndNothingLeftOut(t *testing.T) {
	const beyond = 40
	for name, test := range map[string]struct {
		at, oldest int64
		says       string
		sees       []string
	}{
		"beyond its end":    {beyond, 0, "ends before", []string{"first", "second", "third"}},
		"before its oldest": {1, 2, "are gone", []string{"third"}},
	} {
		for way, read := range readers(bus.Offsets{event.TranscriptLine: test.at}) {
			t.Run(way+" "+name, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, onePartition)
				h.publish(spoken("room", "first"), spoken("room", "second"), spoken("room", "third"))
				h.commit("consumers", event.TranscriptLine, test.at)
				h.deleteBefore(event.TranscriptLine, test.oldest)
				healthy := h.open(nil)
				seen := newNotes()
				stop := h.run(read, healthy, seen)
				seen.await(t, test.sees...)
				healthy.logs.say(t, "level=ERROR", test.says, "topic=transcript.line.v1", "partition=0")
				stop()
				again := newNotes()
				h.run(read, h.open(nil), again)
				h.publish(spoken("room", "fourth"))
				again.await(t, "fourth")
				if got := append(seen.read(), again.read()...); !reflect.DeepEqual(got, append(test.sees, "fourth")) {
					t.Errorf("two lives saw %v", got)
				}
			})
		}
	}
}

func spoken(stream, id string) event.Event {
	return event.Event{
		Envelope: event.Envelope{ID: id, Tenant: domain.DefaultTenant, Stream: domain.StreamID(stream), Broadcast: "b"},
		Payload:  domain.TranscriptLine{ID: "line", Text: "全场五折"},
	}
}

func marked(stream, id string) event.Event {
	e := spoken(stream, id)
	e.Payload = domain.StreamProgress{By: "asr"}
	return e
}

// harness is a broker with topics of the test's own.
type harness struct {
	*testing.T
	config bus.Config
	good   *bus.Bus
}

func onePartition(c *bus.Config) { c.Partitions = 1 }

func newHarness(t *testing.T, with func(*bus.Config)) *harness {
	h := &harness{T: t, config: bustest.Config(t)}
	with(&h.config)
	h.good = bustest.Open(t, h.config)
	if err := h.good.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// publish writes each event in a batch of its own.
func (h *harness) publish(events ...event.Event) {
	h.Helper()
	for _, e := range events {
		if err := h.good.Publish(h.Context(), e); err != nil {
			h.Fatal(err)
		}
	}
}

// opened is a bus whose logs and metrics can be looked at.
type opened struct {
	*bus.Bus
	logs    *notes
	metrics *prometheus.Registry
}

func (h *harness) open(through func(net.Conn) net.Conn) *opened {
	o := &opened{logs: newNotes(), metrics: prometheus.NewRegistry()}
	o.Bus = bus.New(h.config, slog.New(slog.NewTextHandler(o.logs, nil)), o.metrics)
	if through != nil {
		o.Through(through)
	}
	h.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		o.Close(ctx)
	})
	return o
}

// count sums the metric of that name.
func (o *opened) count(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := o.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func (h *harness) run(read reader, b *opened, seen *notes) (stop func()) {
	ctx, cancel := context.WithCancel(h.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		read(ctx, b.Bus, seen)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	h.Cleanup(stop)
	return stop
}

func (h *harness) client() *kafka.Client {
	transport := &kafka.Transport{}
	h.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(h.config.Brokers...), Transport: transport}
}

// commit sets where the group goes on.
func (h *harness) commit(group string, topic event.Topic, offset int64) {
	h.Helper()
	client := h.client()
	name := h.config.Prefix + string(topic)
	answer, err := client.OffsetCommit(h.Context(), &kafka.OffsetCommitRequest{
		GroupID: h.config.Prefix + group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{name: {{Partition: 0, Offset: offset}}},
	})
	if err != nil {
		h.Fatal(err)
	}
	if err := answer.Topics[name][0].Error; err != nil {
		h.Fatal(err)
	}
}

// awaitCommitted waits until the group goes on there.
func (h *harness) awaitCommitted(group string, topic event.Topic, offset int64) {
	h.Helper()
	client := h.client()
	name := h.config.Prefix + string(topic)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		answer, err := client.OffsetFetch(h.Context(), &kafka.OffsetFetchRequest{GroupID: h.config.Prefix + group, Topics: map[string][]int{name: {0}}})
		if err != nil {
			h.Fatal(err)
		}
		at := answer.Topics[name][0].CommittedOffset
		if at == offset {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("committed is %d", at)
		}
	}
}

// deleteBefore lets retention pass an offset: DeleteRecords (key 21), version 0, which the library does not have.
func (h *harness) deleteBefore(topic event.Topic, offset int64) {
	h.Helper()
	if offset == 0 {
		return
	}
	name := h.config.Prefix + string(topic)
	r := binary.BigEndian.AppendUint16(make([]byte, 4), 21)
	r = append(r, 0, 0, 0, 0, 0, 1, 0xff, 0xff) // version, correlation, no client
	r = binary.BigEndian.AppendUint32(r, 1)
	r = append(binary.BigEndian.AppendUint16(r, uint16(len(name))), name...)
	r = binary.BigEndian.AppendUint32(r, 1)
	r = binary.BigEndian.AppendUint32(r, 0)
	r = binary.BigEndian.AppendUint64(r, uint64(offset))
	r = binary.BigEndian.AppendUint32(r, 10_000)
	binary.BigEndian.PutUint32(r, uint32(len(r)-4))
	c, err := net.Dial("tcp", h.config.Brokers[0])
	if err != nil {
		h.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(r); err != nil {
		h.Fatal(err)
	}
	answer, err := readAnswer(c)
	if err != nil {
		h.Fatal(err)
	}
	if code := answer[len(answer)-2:]; !bytes.Equal(code, []byte{0, 0}) {
		h.Fatalf("delete records: error %x", code)
	}
}

const always = 1 << 30

// damage spoils the answers of a broker in which mark is, so many of them.
type damage struct {
	mark  string
	times int64
	done  atomic.Int64
}

func (d *damage) over(c net.Conn) net.Conn { return &damaged{Conn: c, damage: d} }

type damaged struct {
	net.Conn
	damage *damage
	answer []byte
}

func (d *damaged) Read(p []byte) (int, error) {
	if len(d.answer) == 0 {
		answer, err := readAnswer(d.Conn)
		if err != nil {
			return 0, err
		}
		if at := bytes.Index(answer, []byte(d.damage.mark)); at >= 0 && d.damage.done.Add(1) <= d.damage.times {
			answer[at]++
		}
		d.answer = answer
	}
	n := copy(p, d.answer)
	d.answer = d.answer[n:]
	return n, nil
}

// readAnswer reads a broker's answer, with its length before it.
func readAnswer(c net.Conn) ([]byte, error) {
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil {
		return nil, err
	}
	answer = append(answer, make([]byte, binary.BigEndian.Uint32(answer))...)
	_, err := io.ReadFull(c, answer[4:])
	return answer, err
}

// keeper keeps the offsets of one Merger.
type keeper struct {
	mu      sync.Mutex
	offsets bus.Offsets
}

type keeping struct {
	tape *keeper
	seen *notes
}

func (k *keeping) Restore(context.Context) (bus.Offsets, error) {
	k.tape.mu.Lock()
	defer k.tape.mu.Unlock()
	return maps.Clone(k.tape.offsets), nil
}

func (k *keeping) Handle(ctx context.Context, e event.Event) error { return k.seen.take(ctx, e) }

func (k *keeping) Keep(_ context.Context, next bus.Offsets) error {
	k.tape.mu.Lock()
	defer k.tape.mu.Unlock()
	k.tape.offsets = maps.Clone(next)
	return nil
}

// notes are what was seen or logged, a line each.
type notes struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

func newNotes() *notes { return &notes{changed: make(chan struct{}, 1)} }

func (n *notes) take(_ context.Context, e event.Event) error {
	_, err := n.Write([]byte(e.ID))
	return err
}

func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	n.lines = append(n.lines, string(line))
	n.mu.Unlock()
	select {
	case n.changed <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (n *notes) read() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

// await waits for lines that are those.
func (n *notes) await(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		n.until(t, line, func(one string) bool { return one == line })
	}
}

// say waits for one line that has all the parts.
func (n *notes) say(t *testing.T, parts ...string) {
	t.Helper()
	n.until(t, strings.Join(parts, " … "), func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

func (n *notes) until(t *testing.T, what string, wanted func(line string) bool) {
	t.Helper()
	patience := time.After(2 * time.Minute)
	for !slices.ContainsFunc(n.read(), wanted) {
		select {
		case <-n.changed:
		case <-patience:
			t.Fatalf("%s: never; seen %q", what, n.read())
		}
	}
}
