package ops

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

func TestMovedEndsAreANewRevisionOfTheSameClipAndALabel(t *testing.T) {
	r := newRig(t)
	started := r.onAir(300 * time.Second)
	r.story(started, 2)
	requests := r.listen(event.ClipRequested)
	path := "/v1/clips/" + string(clipOne) + "/trim"
	got := r.operator("POST", path, `{"start_s":62,"end_s":75.5}`)
	if got.status != http.StatusOK && got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	e := r.next(requests)
	h := e.Payload.(domain.Highlight)
	window := domain.Window{Start: 62 * time.Second, End: 75500 * time.Millisecond}
	equal(t, "request", h, domain.Highlight{
		ID: "h1", Kind: "flash_sale", Window: window, Score: 0.9, Reasons: found.Reasons, Text: "last three minutes only", By: "otto",
		TriggeredAt: h.TriggeredAt, Opening: domain.OpeningNone, Revision: 1,
	})
	if e.Lane != domain.LaneManual || e.Broadcast != "b1" || e.Epoch != 7 {
		t.Errorf("envelope %+v", e.Envelope)
	}
	if m := got.json(); m["revision"] != 1.0 || m["state"] != "requested" || m["start_s"] != 62.0 || m["end_s"] != 75.5 {
		t.Errorf("answer %v", m)
	}
	var label domain.Label
	if _, err := blob.ReadJSON(t.Context(), r.store, record.Label(room.Tenant, room.Stream, clipOne, e.ID), &label); err != nil {
		t.Fatal(err)
	}
	if !label.Manual || label.Verdict != domain.VerdictApproved || label.Window != window || label.Kind != "flash_sale" {
		t.Errorf("label %+v", label)
	}
	if same := r.operator("POST", path, `{"start_s":60,"end_s":80}`); same.status >= 300 || len(requests) != 0 {
		t.Errorf("the ends it has: %d %s", same.status, same.body)
	}
	for body, want := range map[string]string{
		`{"start_s":80,"end_s":70}`: "before it starts", `{"start_s":-1,"end_s":70}`: "must be 0", `{"start_s":0,"end_s":90000}`: "ahead",
	} {
		if got := r.operator("POST", path, body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.detail(), want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := r.operator("POST", "/v1/clips/nothing/trim", `{"start_s":1,"end_s":2}`); got.status != http.StatusNotFound {
		t.Errorf("no such clip: %d %s", got.status, got.body)
	}
	var problem map[string]any
	r.operator("DELETE", "/v1/clips/"+string(clipOne), "")
	if got := r.operator("POST", path, `{"start_s":62,"end_s":70}`); got.status != http.StatusConflict || json.Unmarshal([]byte(got.body), &problem) != nil {
		t.Errorf("taken down: %d %s", got.status, got.body)
	}
}

func TestMovedEndsChangeNothingElseOfAClip(t *testing.T) {
	window, at := domain.Window{Start: time.Second, End: 9 * time.Second}, time.Unix(1, 0)
	plan := domain.Plan{
		Highlight: "h1", Kind: "manual", Title: "我的片段", Titled: true, Text: "the scarf", Product: "p7", Shortest: 5 * time.Second,
		Shots: []domain.Shot{{Kind: domain.ShotTemplate, Template: "praise"}, {Kind: domain.ShotFootage}}, Profiles: []domain.Profile{{Name: "vertical"}},
	}
	equal(t, "request", trimEvent(event.Envelope{}, plan, window, 1, "ann", at).Payload.(domain.Highlight), domain.Highlight{
		ID: "h1", Kind: "manual", Window: window, Title: "我的片段", Text: "the scarf", By: "ann", TriggeredAt: at, Vertical: true,
		Opening: "praise", Product: "p7", Shortest: 5 * time.Second, Revision: 1,
	})
}
