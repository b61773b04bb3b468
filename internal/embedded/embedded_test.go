package embedded_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"liveclip/internal/embedded"
)

// patience is for what must come, on a machine however busy.
const patience = 2 * time.Minute

var quiet = slog.New(slog.DiscardHandler)

func TestBrokerKeepsItsTopicsAndRecordsOverARestart(t *testing.T) {
	folder := t.TempDir()
	broker := startBroker(t, folder)
	client := newClient(t, broker)
	ctx := within(t, patience)
	createTopic(t, ctx, client, "kept")
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "kept", Value: []byte("said")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	client.Close()
	broker.Close()

	again := newClient(t, startBroker(t, folder), kgo.ConsumeTopics("kept"))
	fetched := again.PollFetches(ctx)
	if err := fetched.Err(); err != nil {
		t.Fatal(err)
	}
	if got := string(fetched.Records()[0].Value); got != "said" {
		t.Errorf("after the restart the topic holds %q", got)
	}
}

func TestBrokerMakesNoTopicOfItsOwnAccord(t *testing.T) {
	client := newClient(t, startBroker(t, t.TempDir()), kgo.AllowAutoTopicCreation(), kgo.RecordRetries(1))
	ctx := within(t, patience)
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "nobody-made-it", Value: []byte("x")}).FirstErr(); err == nil {
		t.Error("a topic that nobody created took a record")
	}
}

func TestBrokerRefusesAFolderInUse(t *testing.T) {
	folder := t.TempDir()
	startBroker(t, folder)
	if _, err := embedded.StartBroker(folder, quiet); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second broker on one folder: %v", err)
	}
}

func TestRedisKeepsItsDataOverARestart(t *testing.T) {
	folder := t.TempDir()
	first := startRedis(t, folder)
	set(t, first.Address(), "key", "value")
	first.Close()
	if got := get(t, startRedis(t, folder).Address(), "key"); got != "value" {
		t.Errorf("after the restart Redis holds %q", got)
	}
}

func TestRedisKeepsItsDataWhenKilled(t *testing.T) {
	folder := t.TempDir()
	first := startRedis(t, folder)
	set(t, first.Address(), "key", "value")
	if err := syscall.Kill(first.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Ended():
	case <-time.After(patience):
		t.Error("nobody is told that it ended")
	}
	// StartRedis itself waits until the killed one has let go of the folder.
	if got := get(t, startRedis(t, folder).Address(), "key"); got != "value" {
		t.Errorf("after kill -9 Redis holds %q", got)
	}
}

func TestRedisMissingSaysHowToInstallIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := embedded.StartRedis(t.Context(), t.TempDir(), quiet)
	if err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("without redis-server: %v", err)
	}
}

// The parent is this test binary run again: it starts Redis and is killed.
func TestRedisEndsWhenItsParentIsKilled(t *testing.T) {
	const role = "LIVECLIP_TEST_REDIS_PARENT"
	if folder := os.Getenv(role); folder != "" {
		r, err := embedded.StartRedis(t.Context(), folder, quiet)
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("pid " + strconv.Itoa(r.PID()) + "\n")
		select {}
	}
	folder := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestRedisEndsWhenItsParentIsKilled$")
	parent.Env = append(os.Environ(), role+"="+folder)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "pid ")))
	if err != nil {
		t.Fatalf("the parent said %q", line[:n])
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	// The next start succeeds only when the orphan has let go of the folder.
	startRedis(t, folder)
	for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil && !zombie(pid); time.Sleep(5 * time.Millisecond) { // it lets go of its files first
		if time.Now().After(deadline) {
			t.Fatalf("redis-server %d outlived its parent", pid)
		}
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func startBroker(t *testing.T, folder string) *embedded.Broker {
	t.Helper()
	broker, err := embedded.StartBroker(folder, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	return broker
}

func startRedis(t *testing.T, folder string) *embedded.Redis {
	t.Helper()
	r, err := embedded.StartRedis(t.Context(), folder, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func newClient(t *testing.T, broker *embedded.Broker, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(broker.Address()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func set(t *testing.T, address, key, value string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if err := client.Set(t.Context(), key, value, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, address, key string) string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	value, err := client.Get(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func createTopic(t *testing.T, ctx context.Context, client *kgo.Client, name string) {
	t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	request.Topics = append(request.Topics, topic)
	if _, err := request.RequestWith(ctx, client); err != nil {
		t.Fatal(err)
	}
}
