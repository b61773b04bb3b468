package publish

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"liveclip/internal/delivery"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/services/publish/vod"
)

// told keeps what is published, or refuses all of it.
type told struct {
	refuse error

	mu  sync.Mutex
	all []event.Event
}

func (t *told) Publish(_ context.Context, events ...event.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refuse == nil {
		t.all = append(t.all, events...)
	}
	return t.refuse
}

func dropCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dropped"}, []string{"to"})
}

func sent(n int) *vod.Delivery {
	return &vod.Delivery{
		Envelope: event.Envelope{Tenant: "default", Stream: "room", Broadcast: "b1", Wall: noon},
		Delivery: domain.Delivery{RequestID: "r" + strconv.Itoa(n), Clip: testClip, Hash: testHash, File: "720p.mp4", Status: 206, Sent: int64(n), Started: noon},
	}
}

// runUntilTold adds deliveries while the accounts run, and ends them.
func runUntilTold(a *deliveryLog, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { a.run(ctx); close(ended) }()
	for i := range n {
		a.add(sent(i))
	}
	cancel()
	<-ended
	a.rest()
}

func TestDeliveriesAreToldOnTheBusAndInTheLog(t *testing.T) {
	bus, dropped, path := &told{}, dropCounter(), filepath.Join(t.TempDir(), "deliveries.log")
	const n = deliveriesBatch + 7
	runUntilTold(newDeliveryLog(LogConfig{Path: path, Bytes: 1 << 20, Files: 1}, bus, embeddedtest.Log(t), dropped), n)
	ids := map[string]bool{}
	for i, e := range bus.all {
		ids[e.ID] = true
		if want := sent(i); e.Payload != any(want.Delivery) || e.Stream != "room" {
			t.Fatalf("the %dth is %+v", i, e)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for scan := bufio.NewScanner(f); scan.Scan(); lines++ {
		var got delivery.Line
		want := sent(lines)
		if err := json.Unmarshal(scan.Bytes(), &got); err != nil || !reflect.DeepEqual(got, delivery.LineOf(want.Envelope, want.Delivery)) {
			t.Fatalf("line %d: %v, %s", lines, err, scan.Text())
		}
	}
	if len(bus.all) != n || len(ids) != n || lines != n || testutil.CollectAndCount(dropped) != 2 || testutil.ToFloat64(dropped.WithLabelValues("bus")) != 0 {
		t.Errorf("%d events of %d IDs, %d lines of %d", len(bus.all), len(ids), lines, n)
	}
}

func TestWhatTheBusDoesNotTakeIsCountedAndLoggedAllTheSame(t *testing.T) {
	dropped, path := dropCounter(), filepath.Join(t.TempDir(), "deliveries.log")
	runUntilTold(newDeliveryLog(LogConfig{Path: path, Bytes: 1 << 20, Files: 1}, &told{refuse: errors.New("no broker")}, embeddedtest.Log(t), dropped), 5)
	if n := testutil.ToFloat64(dropped.WithLabelValues("bus")); n != 5 {
		t.Errorf("%g counted", n)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || testutil.ToFloat64(dropped.WithLabelValues("file")) != 0 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAnswersThatEndWhileTheProcessDoesAreToldToo(t *testing.T) {
	bus, dropped := &told{}, dropCounter()
	s := &Service{accounts: newDeliveryLog(LogConfig{}, bus, embeddedtest.Log(t), dropped)}
	runUntilTold(s.accounts, 2)
	for i := range 3 {
		s.accounts.add(sent(2 + i))
	}
	s.Close()
	for i, e := range bus.all {
		if want := sent(i); e.Payload != any(want.Delivery) {
			t.Errorf("the %dth is %+v", i, e)
		}
	}
	if n := testutil.ToFloat64(dropped.WithLabelValues("bus")); len(bus.all) != 5 || n != 0 {
		t.Errorf("%d told, %g dropped", len(bus.all), n)
	}
}

// hanging is a bus whose brokers don't answer until it is let go.
type hanging struct {
	told
	gone atomic.Bool
}

func (h *hanging) Publish(ctx context.Context, events ...event.Event) error {
	if h.gone.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return h.told.Publish(ctx, events...)
}

func TestAProcessThatEndsWaitsForOneBatchAndTellsTheOthersLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, dropped := &hanging{}, dropCounter()
		bus.gone.Store(true)
		a := newDeliveryLog(LogConfig{}, bus, embeddedtest.Log(t), dropped)
		for i := range deliveriesWaiting {
			a.add(sent(i))
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { a.run(ctx); close(ended) }()
		synctest.Wait() // the first batch is on its way
		a.add(sent(deliveriesWaiting))
		began := time.Now()
		cancel()
		<-ended
		if took := time.Since(began); took > deliveriesTimeout {
			t.Errorf("it ended after %s", took)
		}
		bus.gone.Store(false)
		a.rest()
		for i, e := range bus.all {
			if want := sent(deliveriesBatch + i); e.Payload != any(want.Delivery) {
				t.Fatalf("the %dth is %+v", i, e)
			}
		}
		if n := testutil.ToFloat64(dropped.WithLabelValues("bus")); n != deliveriesBatch || len(bus.all) != deliveriesWaiting+1-deliveriesBatch {
			t.Errorf("%d told, %g dropped", len(bus.all), n)
		}
	})
}

func TestAViewerNeverWaitsForTheAccounts(t *testing.T) {
	dropped := dropCounter()
	a := newDeliveryLog(LogConfig{}, &told{}, embeddedtest.Log(t), dropped) // nobody takes them
	began := time.Now()
	for i := range deliveriesWaiting + 3 {
		a.add(sent(i))
	}
	if n := testutil.ToFloat64(dropped.WithLabelValues("bus")); n != 3 {
		t.Errorf("%g counted after %s", n, time.Since(began))
	}
}
