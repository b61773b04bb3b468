package bustest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"liveclip/internal/bus"
	"liveclip/internal/event"
)

// A member that can be killed is this test's binary run again, as a process of its own.
const memberVariable = "LIVECLIP_BUSTEST_MEMBER"

type memberOrder struct {
	Config bus.Config
	Group  string
	Hold   string // the stream whose events are begun and never done
}

// actsAsMember makes this process a member, if it was started as one: it prints "began ID" and "did ID".
func actsAsMember() bool {
	order := os.Getenv(memberVariable)
	if order == "" {
		return false
	}
	var m memberOrder
	if err := json.Unmarshal([]byte(order), &m); err != nil {
		panic(err)
	}
	b := bus.New(m.Config, log(), nil)
	err := b.Consume(context.Background(), m.Group, []event.Topic{event.TranscriptLine}, func(ctx context.Context, e event.Event) error {
		fmt.Println("began", e.ID)
		if string(e.Stream) == m.Hold {
			<-ctx.Done()
		}
		fmt.Println("did", e.ID)
		return nil
	})
	fmt.Println("ended", err)
	return true
}

// startMember runs a member; seen is what it prints.
func (s suite) startMember(t *testing.T, group, hold string) (seen *book, kill func()) {
	t.Helper()
	order, err := json.Marshal(memberOrder{s.config, group, hold})
	if err != nil {
		t.Fatal(err)
	}
	top, _, _ := strings.Cut(t.Name(), "/")
	member := exec.CommandContext(s.ctx, os.Args[0], "-test.run=^"+top+"$")
	member.Env = append(os.Environ(), memberVariable+"="+string(order))
	out, err := member.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	seen = newBook()
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			seen.write(lines.Text())
		}
	}()
	kill = func() {
		_ = member.Process.Kill()
		<-read
		_ = member.Wait()
	}
	t.Cleanup(kill)
	return seen, kill
}

func killed(t *testing.T, s suite) {
	streams := s.onePartition(t, 2)
	seen, kill := s.startMember(t, "kill", streams[0])
	s.publish(t, line(streams[0], 1))
	seen.has(t, "began "+line(streams[0], 1).ID)
	s.publish(t, line(streams[1], 1))
	seen.has(t, "did "+line(streams[1], 1).ID)
	kill()

	again := newBook()
	s.consume(t, s.bus, "kill", func(_ context.Context, e event.Event) error { again.write(e.ID); return nil })
	again.has(t, line(streams[0], 1).ID)
}
