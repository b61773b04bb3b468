package asr

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// children gives the process IDs of this process's media children in a mode.
func children(t *testing.T, mode string) (pids []int) {
	t.Helper()
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range found {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "\x00"+mode+"\x00--lifeline") {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func kill(t *testing.T, pid int) {
	t.Helper()
	send(t, pid, syscall.SIGKILL)
}

func send(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// awaitEars waits until an engine has its models.
func (s *station) awaitEars(name string) {
	s.t.Helper()
	p := s.service.engines[name].listener.(*pool)
	p.preload()
	for deadline := time.After(patience); ; {
		p.mu.Lock()
		alive, changed := p.alive, p.changed
		p.mu.Unlock()
		if alive > 0 {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("%s never had its models", name)
		}
	}
}

func TestAKilledRecogniserCostsARetry(t *testing.T) {
	s := newGround(t).start(nil)
	s.awaitEars(kindPocketSphinx)
	p := s.service.engines[kindPocketSphinx].listener.(*pool)
	hears := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.idle < p.load.streams
	}
	s.until("nobody is heard", func() bool { return !hears() })
	recognisers := children(t, "recognise")
	for _, pid := range recognisers { // it may not be done before it is killed
		send(t, pid, syscall.SIGSTOP)
	}
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	s.push(s.url("a", s.keys.PushKey(ref("a"))), 8, "the price drops to nineteen dollars")
	s.until("somebody is heard", hears)
	for _, pid := range recognisers {
		kill(t, pid)
	}
	events := s.await("closed", closedOf("a"))
	if lines := said(events, "a"); len(lines) != 1 || lines[0].Text != "The price drops to $19." {
		t.Errorf("heard %+v", lines)
	}
	if !strings.Contains(s.logged.String(), "utterance is heard again") {
		t.Error("no retry was logged")
	}
	holdsPromise(t, events, "a")
}

func TestAKilledRecorderCostsAReconnect(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine, c.Rejoin = engineNone, patience })
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	url := s.url("a", s.keys.PushKey(ref("a")))
	p := s.push(url, untilKilled, "x")
	s.await("on air", recordedTo("a", time.Second))
	for _, pid := range children(t, "record") {
		kill(t, pid)
	}
	<-p.ended
	s.free("a")
	s.push(url, untilKilled, "x")
	events := s.await("gap", func(events []event.Event) bool { return slices.Contains(changes(events, "a"), domain.BroadcastGap) })
	if got := changes(events, "a"); !slices.Equal(got, []domain.BroadcastChange{domain.BroadcastOpened, domain.BroadcastGap}) {
		t.Errorf("changes %v", got)
	}
}

// copySpool is what a kill -9 leaves: the spool as it was at one instant, with its last record torn.
func copySpool(t *testing.T, from string) string {
	t.Helper()
	var out []byte
	var err error
	for range 20 { // what is stored meanwhile is taken away
		to := filepath.Join(t.TempDir(), "spool")
		if out, err = exec.Command("cp", "-r", from, to).CombinedOutput(); err == nil {
			return to
		}
	}
	t.Fatalf("%v %s", err, out)
	return ""
}

func TestAfterAKillARejoinContinuesTheBroadcastAndNothingRecordedIsLost(t *testing.T) {
	g := newGround(t)
	first := g.start(func(c *Config) { c.Rejoin = patience })
	first.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
	p := first.push(first.url("a", g.keys.PushKey(ref("a"))), untilKilled, "last three minutes")
	before := g.await("a line", func(events []event.Event) bool {
		return len(said(events, "a")) > 0 && recordedTo("a", 3*time.Second)(events)
	})
	left := copySpool(t, g.spool)
	broadcast := before[len(before)-1].Broadcast
	p.stop()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if err := g.redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	g.forget()
	second := g.start(func(c *Config) { c.Spool, c.Rejoin, c.Process = left, patience, "two" })
	second.until("room opened", func() bool {
		second.service.mu.Lock()
		defer second.service.mu.Unlock()
		return len(second.service.rooms) == 1
	})
	second.push(second.url("a", g.keys.PushKey(ref("a"))), 4, "only ten left")
	g.await("gap", func(events []event.Event) bool {
		return slices.ContainsFunc(events, func(e event.Event) bool {
			c, ok := e.Payload.(domain.BroadcastChanged)
			return ok && c.Change == domain.BroadcastGap && e.Broadcast == broadcast
		})
	})
	events := g.await("both lines", func(events []event.Event) bool { return len(said(events, "a")) == 2 })
	lines := said(events, "a")
	slices.SortFunc(lines, func(a, b domain.TranscriptLine) int { return int(a.Start - b.Start) })
	if old := said(before, "a")[0]; lines[0].ID != old.ID || lines[0].Text != old.Text || lines[1].Start < 3*time.Second {
		t.Errorf("lines %+v, before %+v", lines, old)
	}
}

func TestAfterAKillABroadcastThatNobodyRejoinsIsStoredAndClosed(t *testing.T) {
	for name, attached := range map[string]bool{"attached": true, "detached meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			first := g.start(func(c *Config) { c.Engine, c.Rejoin = engineNone, patience })
			first.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
			first.push(first.url("a", g.keys.PushKey(ref("a"))), untilKilled, "x")
			g.await("on air", recordedTo("a", 2*time.Second))
			left := copySpool(t, g.spool)
			if err := first.stop(); err != nil {
				t.Fatal(err)
			}
			if !attached {
				first.order(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush})
			}
			g.forget()
			g.start(func(c *Config) { c.Spool, c.Engine, c.Rejoin, c.Process = left, engineNone, time.Second, "two" })
			events := g.await("closed and stored", func(events []event.Event) bool {
				return closedOf("a")(events) && storedTo(events, "a") >= 2*time.Second
			})
			i := slices.IndexFunc(events, closesBroadcast)
			if c := events[i].Payload.(domain.BroadcastChanged); c.Reason != "its recorder was killed" || c.At < 2*time.Second {
				t.Errorf("closed %+v", c)
			}
			holdsPromise(t, events, "a")
		})
	}
}

func closesBroadcast(e event.Event) bool {
	c, ok := e.Payload.(domain.BroadcastChanged)
	return ok && c.Change == domain.BroadcastClosed
}

// forget drops what was published so far.
func (g *ground) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = nil
}

func TestAfterAKillAnArchivedRecordingIsReadAgainAsTheSameBroadcast(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "talk.mp4", "last three minutes", "only ten left", "free shipping today")
	order := domain.StreamState{Ref: ref("file-1"), Attached: true, Source: "file://" + path, Owner: "one", Lane: domain.LaneBatch}
	first := g.start(nil)
	first.order(order)
	g.await("some of it", recordedTo("file-1", 2*time.Second))
	left := copySpool(t, g.spool)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	g.forget()
	order.Owner = "two" // ops places it anew
	first.order(order)
	second := g.start(func(c *Config) { c.Spool, c.Process = left, "two" })
	events := g.await("closed", closedOf("file-1"))
	if lines := said(events, "file-1"); len(lines) != 3 || lines[0].Text != "Last 3 minutes." {
		t.Errorf("heard %+v", lines)
	}
	for _, e := range events {
		if e.Broadcast != "" && e.Broadcast != domain.ArchivedBroadcast(ref("file-1")) {
			t.Errorf("event of broadcast %s", e.Broadcast)
		}
	}
	second.until("spool empty", func() bool { left, err := os.ReadDir(left); return err == nil && len(left) == 0 })
}
