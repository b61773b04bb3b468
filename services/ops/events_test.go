package ops

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// sse is one server-sent event.
type sse struct {
	id, name string
	data     map[string]any
}

// watch reads /v1/events until the test ends.
func (r *rig) watch(query string, headers ...string) <-chan sse {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/events?access_token="+viewerToken+query, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("%v %v", resp, err)
	}
	events, done := make(chan sse, 1000), make(chan struct{})
	go func() {
		defer close(done)
		defer close(events)
		var e sse
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case field == "id":
				e.id = value
			case field == "event":
				e.name = value
			case field == "data":
				_ = json.Unmarshal([]byte(value), &e.data)
			case lines.Text() == "" && e.name != "":
				events <- e
				e = sse{}
			}
		}
	}()
	r.t.Cleanup(func() { cancel(); resp.Body.Close(); <-done })
	return events
}

func (r *rig) until(events <-chan sse, name string) sse {
	r.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				r.t.Fatalf("the feed ended before %s", name)
			}
			if e.name == name {
				return e
			}
		case <-limit:
			r.t.Fatalf("no event %s came", name)
		}
	}
}

// following waits until the live feed reads from now.
func (r *rig) following() {
	r.t.Helper()
	events := r.watch("&stream_id=probe")
	r.eventually("the live feed follows", func() bool {
		e := said(domain.TranscriptLine{ID: "probe", Text: "probe"}, time.Now())
		e.Stream = "probe"
		r.publish(e)
		select {
		case <-events:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
}

func TestTheLiveFeedTellsLinesHighlightsClipsAndStreams(t *testing.T) {
	r := newRig(t)
	r.following()
	events, elsewhere := r.watch("&stream_id=room1"), r.watch("&stream_id=room2")
	started := r.onAir(100 * time.Second)
	if e := r.until(events, "stream"); e.data["stream_id"] != "room1" {
		t.Errorf("stream %v", e)
	}
	r.publish(said(domain.TranscriptLine{ID: "l1", Revision: 2, Text: "last three minutes", Start: time.Second, End: 2 * time.Second}, time.Now()))
	equal(t, "line", r.until(events, "line").data, map[string]any{
		"stream_id": "room1", "broadcast_id": "b1", "line_id": "l1", "revision": 2.0, "final": false, "start_s": 1.0, "end_s": 2.0,
		"text": "last three minutes",
	})
	r.story(started, 2)
	highlight := r.until(events, "highlight")
	if highlight.data["clip_id"] != string(clipOne) || highlight.data["score"] != 0.9 {
		t.Errorf("highlight %v", highlight)
	}
	if e := r.until(events, "clip"); e.data["step"] != "found" {
		t.Errorf("clip %v", e)
	}

	missed := r.watch("&stream_id=room1", "Last-Event-ID", highlight.id)
	if e := r.until(missed, "clip"); e.data["step"] != "found" {
		t.Errorf("after Last-Event-ID came %v", e)
	}
	r.until(r.watch("", "Last-Event-ID", "long-gone"), "reset")
	recent := r.watch("&stream_id=room1&recent=2")
	if line, moment := r.until(recent, "line"), r.until(recent, "highlight"); line.data["line_id"] != "l1" || moment.id != highlight.id {
		t.Errorf("recent: %v, %v", line, moment)
	}
	if len(elsewhere) != 0 {
		t.Errorf("another stream's reader got %v", <-elsewhere)
	}
}

func TestASlowReaderIsLetGoAndTheOthersAreNot(t *testing.T) {
	f := newFeed(2, newTestMetrics())
	slow, _, _ := f.subscribe("default", "", "", 0)
	quick, _, _ := f.subscribe("default", "", "", 0)
	if _, _, ok := f.subscribe("default", "", "", 0); ok {
		t.Error("a third reader was let in")
	}
	got := 0
	for range subscriberQueue + 1 {
		f.send(feedEvent{id: "x", ref: room})
		<-quick.events
		got++
	}
	held := 0
	for range slow.events {
		held++
	}
	if held != subscriberQueue || got != subscriberQueue+1 {
		t.Errorf("slow held %d and then ended, quick got %d", held, got)
	}
	f.unsubscribe(slow)
	f.unsubscribe(quick)
}
