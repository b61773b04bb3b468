package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/address/addresstest"
	"liveclip/internal/bus"
	"liveclip/internal/demo"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/opsclient"
	"liveclip/internal/telemetry"
)

// deployment is every service in a process of its own, sharing nothing but Kafka, Redis and the object store.
type deployment struct {
	services  map[string]*process
	ops       *opsclient.Client
	published string
	bus       *bus.Bus
	redis     *redis.Client
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	brokers, rdb := os.Getenv("LIVECLIP_TEST_KAFKA"), os.Getenv("LIVECLIP_TEST_REDIS")
	if brokers == "" || rdb == "" {
		t.Skip("LIVECLIP_TEST_KAFKA and LIVECLIP_TEST_REDIS are not set: run make test-kafka")
	}
	shared := t.TempDir()
	d := &deployment{services: map[string]*process{}, published: filepath.Join(shared, "published"), redis: redis.NewClient(&redis.Options{Addr: rdb})}
	t.Cleanup(func() { d.redis.Close() })
	prefix := fmt.Sprintf("test%d.", time.Now().UnixNano())
	ops, vod := addresstest.Free(t), addresstest.Free(t)
	settings := fmt.Sprintf(`
kafka: {brokers: [%s], prefix: "%s", partitions: 4, replication_factor: 1}
redis: {addresses: ["%s"]}
store: {url: "file://%s/store"}
keys: {current: {id: test, secret: "a secret for this test only"}}
log: {level: info}
review: {unheard: note}
publish:
  url: "http://%s"
  destinations:
    - {name: folder, kind: folder, path: "%s", profile: 720p}
ops:
  vod_url: "http://%s"
  tokens: [{token: operator-token-for-tests, name: operator, role: admin, tenant: default}]
`, brokers, prefix, rdb, shared, vod, d.published, vod)
	file := filepath.Join(shared, "liveclip.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	rtmp := addresstest.Free(t)
	for _, name := range []string{"asr", "detect", "prompt", "t2v", "review", "publish", "ops"} {
		http := addresstest.Free(t)
		switch name {
		case "ops":
			http = ops
		case "publish":
			http = vod
		}
		admin := addresstest.Free(t)
		args := []string{"serve", name, "--config", file, "--listen.http=" + http, "--listen.admin=" + admin}
		if name == "asr" {
			args = append(args, "--asr.rtmp="+rtmp, "--asr.spool="+filepath.Join(t.TempDir(), "spool"))
		}
		d.services[name] = newProcess(t, name, admin, args...)
	}
	var starting sync.WaitGroup
	for _, p := range d.services {
		starting.Go(p.start)
	}
	starting.Wait()
	d.ops = opsclient.New("http://"+ops, "operator-token-for-tests")
	log := telemetry.Logger(telemetry.Config{Level: "error", Format: "text"}, t.Output())
	d.bus = bus.New(bus.Config{Brokers: strings.Split(brokers, ","), Prefix: prefix, Partitions: 4, ReplicationFactor: 1}, log, prometheus.NewRegistry())
	return d
}

// edges are the kills: when an event of a topic is seen, the services at its ends are killed with -9 and started again.
var edges = []struct {
	topic  event.Topic
	number int // which event of the topic
	kill   []string
}{
	{event.HighlightFound, 1, []string{"prompt"}},
	{event.PlanMade, 1, []string{"t2v", "detect"}},
	{event.CutReady, 1, []string{"review"}},
	{event.ClipRendered, 1, []string{"publish"}},
	{event.AudienceSignal, 30, []string{"ops"}},
	{event.PublicationChanged, 3, []string{"publish"}},
	{event.CutReady, 2, []string{"prompt", "t2v"}},
	{event.ClipDecided, 2, []string{"review"}},
}

// killAtEdges follows the topics and kills, until ctx ends. highlights are those seen.
func (d *deployment) killAtEdges(ctx context.Context, t *testing.T) (highlights func() map[domain.HighlightID]bool) {
	var mutex sync.Mutex
	found, seen := map[domain.HighlightID]bool{}, map[event.Topic]int{}
	var restarts sync.WaitGroup
	follow := func(_ context.Context, e event.Event) error {
		topic, err := event.TopicOf(e.Payload)
		if err != nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		seen[topic]++
		if h, ok := e.Payload.(domain.Highlight); ok {
			found[h.ID] = true
		}
		for _, edge := range edges {
			if edge.topic == topic && edge.number == seen[topic] {
				for _, name := range edge.kill {
					t.Logf("%s number %d: kill -9 %s", topic, edge.number, name)
					d.services[name].kill()
					restarts.Go(d.services[name].start)
				}
			}
		}
		return nil
	}
	var topics []event.Topic
	for _, edge := range edges {
		topics = append(topics, edge.topic)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.bus.Tail(ctx, unique(topics), bus.FromStart, follow, nil); err != nil {
			t.Errorf("follow the topics: %v", err)
		}
		restarts.Wait()
	}()
	return func() map[domain.HighlightID]bool {
		<-done
		mutex.Lock()
		defer mutex.Unlock()
		return found
	}
}

func unique(topics []event.Topic) []event.Topic {
	known := map[event.Topic]bool{}
	var out []event.Topic
	for _, topic := range topics {
		if !known[topic] {
			out = append(out, topic)
		}
		known[topic] = true
	}
	return out
}

func TestOnRealKafkaEveryHighlightEndsInOnePublishedClipThoughServicesAreKilledAndRedisIsFlushed(t *testing.T) {
	d := deploy(t)
	room, movie := makeRoom(t, 9)
	show := &demo.Show{Room: room, Movie: movie, Stream: "room-1", Ops: d.ops, Out: t.Output(), Broken: true}
	following, stop := context.WithCancel(context.Background())
	defer stop()
	highlights := d.killAtEdges(following, t)
	flushing := time.AfterFunc(room.Length/2, func() {
		t.Log("FLUSHALL")
		if err := d.redis.FlushAll(context.Background()).Err(); err != nil {
			t.Errorf("flush Redis: %v", err)
		}
	})
	defer flushing.Stop()
	killing := time.AfterFunc(quiet(room, room.Length*2/3), func() {
		t.Log("kill -9 asr")
		d.services["asr"].kill()
		d.services["asr"].start()
	})
	defer killing.Stop()
	perform(t, show)
	publishedOnce(t, d.published, show)
	stop()
	if found := highlights(); len(found) != len(show.Clips()) {
		t.Errorf("%d highlights found, %d clips", len(found), len(show.Clips()))
	}
}
