package ops

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/recording"
)

// planned tells of a clip that was planned, and what was decided on it.
func (r *rig) planned(at time.Time, n int, start, end time.Duration, score float64, text string, verdict domain.Verdict) domain.ClipID {
	clip := domain.ClipID("clip" + string(rune('0'+n)))
	plan := domain.Plan{Clip: clip, Kind: "discount", Window: domain.Window{Start: start, End: end}, Score: score, Title: "title " + string(rune('0'+n)), Text: text,
		Features: map[string]float64{"keyword.discount": 1}}
	wall := at.Add(time.Duration(n) * time.Second)
	r.publish(said(domain.ClipStep{Clip: clip, Step: domain.StepPlanned, At: wall, Plan: &plan}, wall))
	if verdict != "" {
		wall = wall.Add(time.Millisecond)
		r.publish(said(domain.ClipStep{Clip: clip, Step: domain.StepDecided, At: wall, Decided: &domain.Decided{Clip: clip, Verdict: verdict, By: "rule"}}, wall))
	}
	return clip
}

func TestARecapIsTheBestOfABroadcastsClipsInOrder(t *testing.T) {
	r := newRig(t)
	started := r.onAir(1000 * time.Second)
	if got := r.operator("POST", "/v1/streams/room1/recaps", `{}`); got.status != http.StatusConflict {
		t.Errorf("of no clips: %d %s", got.status, got.body)
	}
	s := time.Second
	late := r.planned(started, 1, 800*s, 820*s, 0.9, "only three left", "")
	early := r.planned(started, 2, 100*s, 120*s, 0.8, "half price today", domain.VerdictApproved)
	r.planned(started, 3, 300*s, 320*s, 0.85, "only three left!", "")             // the same again
	r.planned(started, 4, 500*s, 520*s, 0.99, "rejected", domain.VerdictRejected) // not wanted
	r.planned(started, 5, 600*s, 660*s, 0.7, "far too long to be shown", "")      // nothing left for it
	r.eventually("the clips are known", func() bool {
		clips, _ := r.operator("GET", "/v1/clips?stream_id=room1", "").json()["clips"].([]any)
		return len(clips) == 5 && r.operator("GET", "/v1/clips/clip4", "").json()["state"] == "rejected"
	})
	requests := r.listen(event.ClipRequested)
	first := r.operator("POST", "/v1/streams/room1/recaps", `{"length_s":45,"title":"best of"}`, "Idempotency-Key", "k")
	if first.status != http.StatusAccepted && first.status != http.StatusOK {
		t.Fatalf("%d %s", first.status, first.body)
	}
	h := r.next(requests).Payload.(domain.Highlight)
	equal(t, "request", h, domain.Highlight{
		ID: domain.NewRequestID(room, recapKeyPrefix+"k"), Kind: "recap", Window: domain.Window{Start: 100 * s, End: 820 * s}, Score: 1,
		Chapters: []domain.Chapter{{Window: domain.Window{Start: 100 * s, End: 120 * s}, Title: "title 2"}, {Window: domain.Window{Start: 800 * s, End: 820 * s}, Title: "title 1"}},
		Reasons:  []domain.Reason{{Signal: "request", Detail: "asked for by otto: the best of 2 clips", At: 100 * s, Weight: 1}},
		Title:    "best of", By: "otto", TriggeredAt: h.TriggeredAt,
	})
	equal(t, "answer", first.json(), map[string]any{
		"clip_id": string(domain.NewClipID(h.ID, "main")), "stream_id": "room1", "broadcast_id": "b1", "length_s": 40.0,
		"note": "the broadcast is still on air: of what was noticed so far", "chinese": "直播尚未结束：只含目前已发现的高光",
		"chapters": []any{
			map[string]any{"start_s": 100.0, "end_s": 120.0, "title": "title 2", "clip_id": string(early)},
			map[string]any{"start_s": 800.0, "end_s": 820.0, "title": "title 1", "clip_id": string(late)},
		},
	})
	if again := r.operator("POST", "/v1/streams/room1/recaps", `{"length_s":45,"title":"best of"}`, "Idempotency-Key", "k"); again.body != first.body || len(requests) != 0 {
		t.Errorf("the same key again: %s", again.body)
	}
	for body, want := range map[string]string{`{"length_s":1}`: "must be 5 to", `{"length_s":99999}`: "ops.clip_max", `{"length_s":-1}`: "must be 0"} {
		if got := r.operator("POST", "/v1/streams/room1/recaps", body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.detail(), want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if _, err := r.store.Put(t.Context(), recording.Folder(room, "b1")+"kept.json", strings.NewReader(`{"From":200000000000}`)); err != nil {
		t.Fatal(err)
	}
	rest := r.operator("POST", "/v1/streams/room1/recaps", `{"length_s":45}`).json()
	if chapters, _ := rest["chapters"].([]any); len(chapters) == 0 || chapters[0].(map[string]any)["start_s"].(float64) < 200 {
		t.Errorf("of what is still kept: %v", rest)
	}
}

func TestWhatPeopleThinkOfClipsIsKeptAsLabels(t *testing.T) {
	r := newRig(t)
	started := r.onAir(1000 * time.Second)
	clip := r.planned(started, 1, 100*time.Second, 120*time.Second, 0.8, "half price", "")
	r.eventually("the clip is known", func() bool { return r.operator("GET", "/v1/clips/"+string(clip), "").status == http.StatusOK })
	labels := func() map[string]domain.Label {
		found := map[string]domain.Label{}
		for o, err := range r.store.List(t.Context(), "default/labels/room1/", "") {
			if err != nil {
				t.Fatal(err)
			}
			content, _, err := r.store.Get(t.Context(), o.Key, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			var l domain.Label
			if err := json.NewDecoder(content).Decode(&l); err != nil {
				t.Fatal(err)
			}
			content.Close()
			if l.At.IsZero() {
				t.Errorf("label %+v has no time", l)
			}
			l.At = time.Time{}
			found[string(l.Verdict)+" "+string(l.Clip)] = l
		}
		return found
	}
	if got := r.operator("POST", "/v1/clips/"+string(clip)+"/decision", `{"verdict":"rejected"}`); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	manual := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":500,"end_s":520}`).json()["clip_id"].(string)
	want := map[string]domain.Label{
		"rejected clip1": {Clip: "clip1", Stream: "room1", Broadcast: "b1", Kind: "discount", Window: domain.Window{Start: 100 * time.Second, End: 120 * time.Second},
			Verdict: domain.VerdictRejected, Score: 0.8, Features: map[string]float64{"keyword.discount": 1}},
		"approved " + manual: {Clip: domain.ClipID(manual), Stream: "room1", Broadcast: "b1", Kind: "manual", Manual: true,
			Window: domain.Window{Start: 500 * time.Second, End: 520 * time.Second}, Verdict: domain.VerdictApproved},
	}
	equal(t, "labels", labels(), want)
}
