package asr

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/fileurl"
)

// makeFile makes a recording with speech.
func makeFile(t *testing.T, name string, said ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	arguments := []string{"-v", "error", "-nostdin"}
	graph := ""
	for i, text := range said {
		arguments = append(arguments, "-f", "lavfi", "-i", "flite=text='"+text+"':voice=rms,adelay=600:all=1,apad=pad_dur=0.6")
		graph += "[" + string(rune('0'+i)) + ":a]"
	}
	arguments = append(arguments, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15", "-filter_complex", graph+"concat=n="+string(rune('0'+len(said)))+":v=0:a=1[a]",
		"-map", "[a]", "-map", string(rune('0'+len(said)))+":v", "-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "96k", "-ar", "44100", "-ac", "1", path)
	if out, err := exec.Command("ffmpeg", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v %s", err, out)
	}
	return path
}

func TestAnArchivedRecordingIsHeardInOrderFasterThanItPlaysAndThenDetached(t *testing.T) {
	g := newGround(t)
	words := []string{"last three minutes", "the price drops to nineteen dollars", "free shipping today", "the kitchen at home was quiet"}
	path := makeFile(t, "talk.mp4", words...)
	s := g.start(func(c *Config) { c.Recognisers = 2 })
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: "file://" + path, Owner: "one", Lane: domain.LaneBatch})
	events := g.await("detached", func(events []event.Event) bool {
		return closedOf("file-1")(events) && slices.ContainsFunc(events, func(e event.Event) bool {
			p, ok := e.Payload.(domain.StreamState)
			return ok && !p.Attached
		})
	})
	lines := said(events, "file-1")
	var texts []string
	last := time.Duration(-1)
	for _, l := range lines {
		if l.Start <= last {
			t.Errorf("line %q at %v after one at %v", l.Text, l.Start, last)
		}
		last = l.Start
		texts = append(texts, l.Text)
	}
	written := []string{"Last 3 minutes.", "The price drops to $19.", "Free shipping today.", "The kitchen at home was quiet."}
	if !slices.Equal(texts, written) || lines[0].Heard != words[0] {
		t.Errorf("heard %q", texts)
	}
	holdsPromise(t, events, "file-1")
	for _, e := range events {
		if _, ok := e.Payload.(domain.StreamState); ok {
			continue
		}
		if e.Broadcast != domain.ArchivedBroadcast(ref("file-1")) || e.Lane != domain.LaneBatch {
			t.Errorf("event of broadcast %s in lane %s", e.Broadcast, e.Lane)
			break
		}
	}
}

func TestAnEndedSourceLeavesTheNewestContext(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.Engine, c.AllowPrivate = engineNone, true })
	path, told := makeFile(t, "talk.mp4", "only ten left"), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-told:
			http.ServeFile(w, r, path)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	order := domain.StreamState{Ref: ref("a"), Source: server.URL + "/talk.mp4", Owner: "one", Lane: domain.LaneBatch}
	order.Context.Host = "before"
	s.attach(order)
	order.Attached, order.Context.Host = true, "after"
	s.order(order)
	s.until("the new context is known", func() bool {
		s.service.mu.Lock()
		defer s.service.mu.Unlock()
		return s.service.rooms[order.Ref].newest.Context.Host == "after"
	})
	close(told)
	var last domain.StreamState
	s.await("detached", func(events []event.Event) bool {
		for _, e := range events {
			if p, ok := e.Payload.(domain.StreamState); ok {
				last = p
			}
		}
		return !last.Attached && last.Source != ""
	})
	if last.Context.Host != "after" {
		t.Errorf("left as %+v", last)
	}
}

func TestAnArchiveThatCannotBeReadIsClosedWithTheReason(t *testing.T) {
	g := newGround(t)
	text := filepath.Join(t.TempDir(), "text.mp4")
	if err := os.WriteFile(text, []byte(strings.Repeat("no recording at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := g.start(func(c *Config) { c.Engine = engineNone })
	for id, source := range map[string]string{"text": "file://" + text, "absent": "file:///nowhere.mp4", "scheme": "gopher://example.com/x"} {
		s.order(domain.StreamState{Ref: ref(id), Attached: true, Source: source, Owner: "one", Lane: domain.LaneBatch})
		events := g.await(id+" closed", closedOf(id))
		i := slices.IndexFunc(events, func(e event.Event) bool { return closesBroadcast(e) && e.Stream == domain.StreamID(id) })
		if i < 0 || events[i].Payload.(domain.BroadcastChanged).Reason == "" {
			t.Errorf("%s: %s", id, summary(events))
		}
	}
}

func TestALiveSourceThatCannotBeReachedSaysWhy(t *testing.T) {
	g := newGround(t)
	s := g.start(func(c *Config) { c.Engine = engineNone })
	for id, source := range map[string]string{
		"private": "rtmp://127.0.0.1/live/x", "file": "file:///etc/passwd", "no host": "http:///x", "no url": "::",
	} {
		id = strings.ReplaceAll(id, " ", "-")
		s.attach(domain.StreamState{Ref: ref(id), Source: source, Owner: "one"})
		events := g.await(id+" unreachable", func(events []event.Event) bool {
			return slices.Contains(changes(events, id), domain.BroadcastUnreachable)
		})
		for _, e := range events {
			if c, ok := e.Payload.(domain.BroadcastChanged); ok && e.Stream == domain.StreamID(id) && c.Reason == "" {
				t.Errorf("%s: no reason", id)
			}
		}
	}
}

// origin serves a live HTTP-FLV stream that breaks after a few seconds, each time it is asked.
func origin(t *testing.T) (url string) {
	t.Helper()
	path := makeFile(t, "talk.flv", "only ten left")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/x-flv")
		cmd := exec.CommandContext(r.Context(), "ffmpeg", "-v", "error", "-nostdin", "-re", "-i", path, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", "-")
		cmd.Stdout = w
		_ = cmd.Run()
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/live.flv"
}

func TestAPulledStreamIsRecordedByItsOwnerAndAgainWhenItsSourceComesBack(t *testing.T) {
	s := newGround(t).start(func(c *Config) { c.AllowPrivate, c.Rejoin = true, patience })
	url := origin(t)
	s.order(domain.StreamState{Ref: ref("others"), Attached: true, Source: url, Owner: "somebody else"})
	s.attach(domain.StreamState{Ref: ref("mine"), Source: url, Owner: "one"})
	events := s.await("a line and a gap", func(events []event.Event) bool {
		return slices.Contains(changes(events, "mine"), domain.BroadcastGap) && len(said(events, "mine")) > 0
	})
	got := changes(events, "mine")
	if slices.Contains(got[1:], domain.BroadcastOpened) || slices.Contains(got, domain.BroadcastClosed) {
		t.Errorf("changes %v", got)
	}
	if lines := said(events, "mine"); lines[0].Text != "Only 10 left." {
		t.Errorf("heard %+v", lines)
	}
	if got := changes(events, "others"); got != nil {
		t.Errorf("another's stream: %v", got)
	}
	holdsPromise(t, events, "mine")
}

type fakeResolver map[string][]netip.Addr

func (f fakeResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if a, ok := f[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func TestOnlyPublicSourcesAreLetThrough(t *testing.T) {
	names := fakeResolver{
		"good.example": {netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("2606:2800:220:1::1")},
		"evil.example": {netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")},
	}
	for _, test := range []struct {
		source    string
		gate      sourcePolicy
		lane      domain.Lane
		ok        bool
		permanent bool
	}{
		{source: "rtmp://good.example/live/x", ok: true},
		{source: "https://good.example/live.m3u8", ok: true},
		{source: "srt://good.example:9000", ok: true},
		{source: "rtmp://evil.example/live/x", permanent: true},
		{source: "rtmp://evil.example/live/x", gate: sourcePolicy{allowPrivate: true}, ok: true},
		{source: "rtmp://missing.example/x"},
		{source: "http://127.0.0.1/", permanent: true},
		{source: "http://[::1]/", permanent: true},
		{source: "http://[::ffff:10.0.0.1]/", permanent: true},
		{source: "http://169.254.169.254/latest", permanent: true},
		{source: "http://100.64.1.1/", permanent: true},
		{source: "http://[fd00::1]/", permanent: true},
		{source: "http://[64:ff9b::a00:1]/", permanent: true},
		{source: "http://0.0.0.0/", permanent: true},
		{source: "file:///etc/passwd", permanent: true},
		{source: "file:///a.mp4", gate: sourcePolicy{allowFiles: true}, ok: true},
		{source: "file:///a.mp4", lane: domain.LaneBatch, ok: true},
		{source: "concat:a|b", permanent: true},
		{source: "rtmp:///x", permanent: true},
		{source: "relative", permanent: true},
		{source: "http://%zz", permanent: true},
	} {
		t.Run(test.source, func(t *testing.T) {
			test.gate.resolver = names
			schemes, err := test.gate.check(t.Context(), test.source, test.lane)
			if (err == nil) != test.ok || domain.IsPermanent(err) != test.permanent {
				t.Errorf("got %v, %v", schemes, err)
			}
		})
	}
}

func TestArchivedRecordingsBeyondTheBoundWaitTheirTurnAndAreAllTakenIn(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "talk.mp4", "the kitchen at home was quiet")
	s := g.start(func(c *Config) { c.Archives, c.Streams, c.Engine = 1, 1, engineNone })
	names := []string{"file-1", "file-2", "file-3", "file-4"}
	for _, name := range names {
		s.order(domain.StreamState{Ref: ref(name), Attached: true, Source: fileurl.Of(path), Owner: "one", Lane: domain.LaneBatch})
	}
	g.await("all closed", func(events []event.Event) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !closedOf(name)(events) })
	})
}
