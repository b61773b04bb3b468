package ops

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

func TestAManualClipIsNamedAtOnceAndAskedForOnce(t *testing.T) {
	r := newRig(t)
	r.onAir(100 * time.Second)
	requests := r.listen(event.ClipRequested)

	first := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":70,"end_s":90.5,"title":"口红五折"}`, "Idempotency-Key", "press-1")
	if first.status != http.StatusAccepted {
		t.Fatalf("%d %s", first.status, first.body)
	}
	e := r.next(requests)
	highlight := e.Payload.(domain.Highlight)
	id := domain.NewRequestID(room, "press-1")
	equal(t, "request", highlight, domain.Highlight{
		ID: id, Kind: "manual", Window: domain.Window{Start: 70 * time.Second, End: 90500 * time.Millisecond}, Score: 1,
		Reasons: []domain.Reason{{Signal: "request", Detail: "asked for by otto", At: 70 * time.Second, Weight: 1}},
		Title:   "口红五折", By: "otto", TriggeredAt: highlight.TriggeredAt,
	})
	equal(t, "envelope", e.Envelope, event.Envelope{
		ID: e.ID, Tenant: room.Tenant, Stream: room.Stream, Broadcast: "b1", Epoch: 7, At: 70 * time.Second, Wall: e.Wall, Lane: domain.LaneManual,
	})
	equal(t, "answer", first.json(), map[string]any{
		"clip_id": string(domain.NewClipID(id, "main")), "stream_id": "room1", "broadcast_id": "b1", "start_s": 70.0, "end_s": 90.5, "note": "", "chinese": "",
	})
	again := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":70,"end_s":90.5,"title":"口红五折"}`, "Idempotency-Key", "press-1")
	if again.status != http.StatusAccepted || again.body != first.body {
		t.Errorf("the same key again: %d %s", again.status, again.body)
	}
	other := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":1,"end_s":9}`, "Idempotency-Key", "press-1")
	if other.status != http.StatusUnprocessableEntity || !strings.Contains(other.detail(), "Idempotency-Key") {
		t.Errorf("the same key for another window: %d %s", other.status, other.body)
	}
	if len(requests) != 0 {
		t.Error("a second request was published")
	}
	clip := r.operator("GET", "/v1/clips/"+first.json()["clip_id"].(string), "").json()
	if clip["state"] != "requested" || clip["by"] != "otto" || clip["title"] != "口红五折" {
		t.Errorf("the clip right after: %v", clip)
	}
}

func TestClipTheLastSecondsIsCountedFromTheLiveHead(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	got := r.operator("POST", "/v1/streams/room1/clips", `{"before_s":30,"after_s":5}`).json()
	head := time.Since(started).Seconds()
	start, end := got["start_s"].(float64), got["end_s"].(float64)
	if end-start != 35 || start < 69 || start > head-29 {
		t.Errorf("window %g to %g with the head at %g", start, end, head)
	}
}

func TestAWindowIsCutToWhatCanExistOrRefusedWithTheReason(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	live := view.Stream{Broadcast: view.Broadcast{ID: "b1", StartedAt: now.Add(-time.Minute), RecordedTo: time.Minute, MovedAt: now}}
	closed := live
	closed.Broadcast.Closed = &domain.BroadcastChanged{Change: domain.BroadcastClosed, At: time.Minute}
	long := view.Stream{Broadcast: view.Broadcast{ID: "b1", StartedAt: now.Add(-20 * time.Minute), RecordedTo: 20 * time.Minute, MovedAt: now}}
	s := func(f float64) *float64 { return &f }
	sec := func(a, b float64) domain.Window {
		return domain.Window{Start: time.Duration(a * float64(time.Second)), End: time.Duration(b * float64(time.Second))}
	}
	for name, c := range map[string]struct {
		stream view.Stream
		kept   float64
		req    *opsv1.RequestClipRequest
		want   domain.Window
		note   string // or what the refusal says
	}{
		"around now":               {live, 0, &opsv1.RequestClipRequest{BeforeS: s(20), AfterS: s(5)}, sec(40, 65), ""},
		"only before":              {live, 0, &opsv1.RequestClipRequest{BeforeS: s(20)}, sec(40, 60), ""},
		"media time":               {live, 0, &opsv1.RequestClipRequest{StartS: s(1), EndS: s(2.5)}, sec(1, 2.5), ""},
		"longer than recorded":     {live, 0, &opsv1.RequestClipRequest{BeforeS: s(90)}, sec(0, 60), domain.ClippedToStart},
		"reaches past the end":     {closed, 0, &opsv1.RequestClipRequest{StartS: s(50), EndS: s(70)}, sec(50, 60), domain.ClippedToEnd},
		"last seconds of a closed": {closed, 0, &opsv1.RequestClipRequest{BeforeS: s(10), AfterS: s(0)}, sec(50, 60), ""},
		"0 s":                      {live, 0, &opsv1.RequestClipRequest{BeforeS: s(0), AfterS: s(0)}, domain.Window{}, "0 s long"},
		"0 s of media time":        {live, 0, &opsv1.RequestClipRequest{StartS: s(5), EndS: s(5)}, domain.Window{}, "0 s long"},
		"backwards":                {live, 0, &opsv1.RequestClipRequest{StartS: s(9), EndS: s(5)}, domain.Window{}, "before it starts"},
		"before the recording":     {live, 0, &opsv1.RequestClipRequest{StartS: s(-9), EndS: s(-5)}, domain.Window{}, "must be 0"},
		"after a closed one's end": {closed, 0, &opsv1.RequestClipRequest{StartS: s(61), EndS: s(70)}, domain.Window{}, "ended at 1m0s"},
		"too far ahead":            {live, 0, &opsv1.RequestClipRequest{StartS: s(10), EndS: s(7000)}, domain.Window{}, "ops.clip_ahead"},
		"too long":                 {long, 0, &opsv1.RequestClipRequest{StartS: s(0), EndS: s(660)}, domain.Window{}, "ops.clip_max"},
		"both kinds":               {live, 0, &opsv1.RequestClipRequest{StartS: s(0), AfterS: s(6)}, domain.Window{}, "not both"},
		"half a window":            {live, 0, &opsv1.RequestClipRequest{StartS: s(0)}, domain.Window{}, "none given"},
		"no window":                {live, 0, &opsv1.RequestClipRequest{}, domain.Window{}, "none given"},
		"never on air":             {view.Stream{}, 0, &opsv1.RequestClipRequest{BeforeS: s(3)}, domain.Window{}, "not been on air"},
		"partly not kept":          {live, 30, &opsv1.RequestClipRequest{BeforeS: s(40)}, sec(30, 60), domain.ClippedToKept},
		"not kept":                 {live, 30, &opsv1.RequestClipRequest{StartS: s(10), EndS: s(20)}, domain.Window{}, "kept from 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			got, note, err := requestedWindow(c.req, c.stream, time.Duration(c.kept*float64(time.Second)), now, Defaults())
			if err != nil {
				got, note = domain.Window{}, err.Error()
			}
			if got != c.want || (c.want == domain.Window{} && !strings.Contains(note, c.note)) || (c.want != domain.Window{} && note != c.note) {
				t.Errorf("got %v %q, want %v %q", got, note, c.want, c.note)
			}
		})
	}
}

func FuzzIdempotencyKeyIsVisibleASCIIOrRefused(f *testing.F) {
	for _, seed := range []string{"", "a", " press 1 ", "键", strings.Repeat("x", 256), "a\x00b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		got, err := parseKey(key)
		if err != nil {
			return
		}
		if got == "" || len(got) > 255 || fmt.Sprintf("%+q", got) != fmt.Sprintf("%q", got) {
			t.Errorf("%q was taken as %q", key, got)
		}
	})
}

func TestAVerticalRenditionIsAskedForWithAClipOrForARoom(t *testing.T) {
	r := newRig(t)
	r.onAir(100 * time.Second)
	requests := r.listen(event.ClipRequested)
	const window = `{"start_s":70,"end_s":90`
	if got := r.operator("POST", "/v1/streams/room1/clips", window+`,"vertical":true}`, "Idempotency-Key", "tall"); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if e := r.next(requests); !e.Payload.(domain.Highlight).Vertical {
		t.Error("the request does not ask for it")
	}
	if got := r.operator("POST", "/v1/streams/room1/clips", window+`}`, "Idempotency-Key", "tall"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("the same key without it: %d %s", got.status, got.body)
	}
	for _, given := range []bool{true, false} {
		got := r.operator("PATCH", "/v1/streams/room1", fmt.Sprintf(`{"context":{"vertical":%v}}`, given))
		if kept, _ := got.json()["context"].(map[string]any)["vertical"].(bool); got.status != http.StatusOK || kept != given {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}
