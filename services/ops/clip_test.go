package ops

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

var (
	found = domain.Highlight{
		ID: "h1", Kind: "flash_sale", Window: domain.Window{Start: 60 * time.Second, End: 80 * time.Second}, Score: 0.9,
		Reasons: []domain.Reason{{Signal: "keyword", Detail: `flash_sale: "last three minutes"`, At: 70 * time.Second, Weight: 0.7}},
		Text:    "last three minutes",
	}
	clipOne = domain.NewClipID("h1", "main")
)

// story tells one clip's story up to its publication, a second a step, the first one second after started plus the window.
func (r *rig) story(started time.Time, steps int) time.Time {
	r.t.Helper()
	at := started.Add(found.Window.End + time.Second)
	h := found
	h.TriggeredAt = started.Add(72 * time.Second)
	plan := domain.Plan{
		Clip: clipOne, Highlight: h.ID, Kind: h.Kind, Window: h.Window, Score: h.Score, Reasons: h.Reasons,
		Title: "最后三分钟", Text: "last three minutes only", Triggered: h.TriggeredAt,
	}
	rendered := domain.Rendered{
		Clip: clipOne, Hash: "abc", Cover: "default/clips/x/abc/cover.jpg", Subtitles: "default/clips/x/abc/subtitles.vtt",
		Renditions: []domain.Rendition{{Profile: "720p", Key: "k", Width: 1280, Height: 720, Length: 20 * time.Second, Bytes: 4_000_000_000, Header: 900, Heads: domain.Heads{Frame: 1000, S1: 2000, S2: 3000, S4: 4000}}},
		Window:     h.Window, Title: "最后三分钟", Text: "last three minutes only",
	}
	verdict := domain.Decided{Clip: clipOne, Verdict: domain.VerdictNeedsPerson, By: "rule", Reason: "absolute term", Findings: []domain.Finding{
		{List: "absolute", Term: "最", Where: "title", Severity: "person"},
	}}
	told := []domain.ClipStep{
		{Step: domain.StepFound, Plan: nil}, {Step: domain.StepPlanned, Plan: &plan}, {Step: domain.StepCut},
		{Step: domain.StepRendered, Rendered: &rendered}, {Step: domain.StepDecided, Decided: &verdict},
		{Step: domain.StepPublished, Rendered: &rendered},
		{Step: domain.StepSent, Destination: "folder", Publication: &domain.PublicationChanged{
			Clip: clipOne, Destination: "folder", State: domain.PublicationVisible, RemoteID: "r1",
		}},
	}
	r.publish(said(h, h.TriggeredAt))
	for i, step := range told[:steps] {
		step.Clip, step.At = clipOne, at.Add(time.Duration(i)*time.Second)
		r.publish(said(step, step.At))
	}
	last := "highlight"
	if steps > 0 {
		last = string(told[steps-1].Step)
	}
	r.eventually("the clip's story is shown up to "+last, func() bool {
		got := r.operator("GET", "/v1/clips/"+string(clipOne), "")
		return got.status == http.StatusOK && len(got.json()["steps"].([]any)) == steps
	})
	return at
}

func TestAClipIsShownWithItsWholeStory(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	r.story(started, 7)

	got := r.operator("GET", "/v1/clips/"+string(clipOne), "").json()
	steps := got["steps"].([]any)
	var names []any
	for _, step := range steps {
		names = append(names, step.(map[string]any)["step"])
	}
	equal(t, "steps", names, []any{"found", "planned", "cut", "rendered", "decided", "published", "sent"})
	if since := steps[5].(map[string]any)["since_trigger_s"]; since != 14.0 {
		t.Errorf("published %v s after the trigger, want 14", since)
	}
	for field, want := range map[string]any{
		"state": "published", "title": "最后三分钟", "text": "last three minutes only", "start_s": 60.0, "end_s": 80.0, "score": 0.9,
		"playable": true, "playable_after_s": 6.0, "kind": "flash_sale", "stream_id": "room1", "broadcast_id": "b1",
		"preview": "/preview/" + string(clipOne) + "/index.m3u8",
	} {
		if got[field] != want {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
	rendition := got["renditions"].([]any)[0].(map[string]any)
	if rendition["bytes"] != 4e9 || rendition["duration_s"] != 20.0 {
		t.Errorf("rendition %v", rendition)
	}
	if want := map[string]any{"header": 900.0, "frame": 1000.0, "s1": 2000.0, "s2": 3000.0, "s4": 4000.0}; !reflect.DeepEqual(rendition["heads"], want) {
		t.Errorf("heads %v", rendition["heads"])
	}
	cdn := got["cdn"].([]any)[0].(map[string]any)
	through, err := url.Parse(cdn["renditions"].([]any)[0].(map[string]any)["url"].(string))
	if err != nil || cdn["name"] != "qq" || through.Host != "qq.example" {
		t.Errorf("through the CDN: %v", cdn)
	} else if _, err := r.s.CDNs[0].Check(through, time.Now()); err != nil {
		t.Errorf("through the CDN: %v", err)
	}
	for name, signed := range map[string]any{
		"720p.mp4": rendition["url"], "cover.jpg": got["cover"], "subtitles.vtt": got["subtitles"], "index.m3u8": got["hls"],
		"720p.json": rendition["index"], "index.json": got["listing"],
	} {
		u, err := url.Parse(signed.(string))
		if err != nil || u.Path != "/vod/"+string(clipOne)+"/abc/"+name {
			t.Errorf("%s: %v", name, signed)
			continue
		}
		if _, err := r.s.Keys.Check(u, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	publications := r.operator("GET", "/v1/clips/"+string(clipOne)+"/publications", "").json()["publications"].([]any)
	if len(publications) != 1 || publications[0].(map[string]any)["state"] != "visible" {
		t.Errorf("publications %v", publications)
	}
	for path, want := range map[string]int{
		"/v1/clips": 1, "/v1/clips?state=published": 1, "/v1/clips?state=failed": 0, "/v1/clips?stream_id=room1": 1, "/v1/clips?stream_id=room2": 0,
	} {
		if clips := r.operator("GET", path, "").json()["clips"].([]any); len(clips) != want {
			t.Errorf("%s gives %d clips, want %d", path, len(clips), want)
		}
	}
	if clips := r.call(otherToken, "GET", "/v1/clips", "").json()["clips"].([]any); len(clips) != 0 {
		t.Error("another tenant sees the clip")
	}
}

func TestAHighlightIsAClipBeforeItsFirstStep(t *testing.T) {
	r := newRig(t)
	r.story(r.onAir(100*time.Second), 0)
	got := r.operator("GET", "/v1/clips/"+string(clipOne), "").json()
	if got["state"] != "found" || got["score"] != 0.9 || got["playable"] != false {
		t.Errorf("clip %v", got)
	}
}

func TestAPersonsVerdictIsToldAndShownAtOnce(t *testing.T) {
	r := newRig(t)
	r.story(r.onAir(100*time.Second), 5)
	if state := r.operator("GET", "/v1/clips/"+string(clipOne), "").json()["state"]; state != "needs_person" {
		t.Fatalf("before the verdict the clip is %v", state)
	}
	decisions := r.listen(event.ClipDecided)
	got := r.operator("POST", "/v1/clips/"+string(clipOne)+"/decision", `{"verdict":"approved","reason":"fine here"}`)
	equal(t, "decision", r.next(decisions).Payload, domain.Decided{
		Clip: clipOne, Verdict: domain.VerdictApproved, By: "otto", Reason: "fine here",
	})
	if got.json()["state"] != "approved" || got.json()["verdict"].(map[string]any)["by"] != "otto" {
		t.Errorf("after the verdict: %s", got.body)
	}
}

func TestAClipThatCouldNotBeMadeCannotBeApproved(t *testing.T) {
	r := newRig(t)
	at := r.story(r.onAir(100*time.Second), 3)
	r.publish(said(domain.ClipStep{Clip: clipOne, Step: domain.StepFailed, At: at.Add(time.Minute), Note: "no cut"}, at.Add(time.Minute)))
	r.eventually("the clip failed", func() bool {
		return r.operator("GET", "/v1/clips/"+string(clipOne), "").json()["state"] == "failed"
	})
	got := r.operator("POST", "/v1/clips/"+string(clipOne)+"/decision", `{"verdict":"approved"}`)
	if got.status != http.StatusConflict || !strings.Contains(got.body, "nothing to approve") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestATakeDownIsWrittenBeforeItIsTold(t *testing.T) {
	r := newRig(t)
	r.story(r.onAir(100*time.Second), 6)
	events := r.listen(event.ClipDecided, event.ClipState)

	got := r.operator("DELETE", "/v1/clips/"+string(clipOne)+"?reason=wrong+price", "")
	if got.json()["state"] != "taken_down" || got.json()["playable"] != false || len(got.json()["renditions"].([]any)) != 0 {
		t.Errorf("after the take-down: %s", got.body)
	}
	want := domain.Decided{Clip: clipOne, Verdict: domain.VerdictRejected, By: "otto", Reason: "wrong price", TakeDown: true}
	var kept record.Of[domain.Decided]
	if _, err := blob.ReadJSON(t.Context(), r.store, record.TakeDown(room.Tenant, clipOne), &kept); err != nil {
		t.Fatal(err)
	}
	equal(t, "record", kept.Value, want)
	for range 2 {
		switch p := r.next(events).Payload.(type) {
		case domain.Decided:
			equal(t, "decision", p, want)
		case domain.ClipStep:
			equal(t, "step", p, domain.ClipStep{Clip: clipOne, Step: domain.StepTakenDown, At: p.At, Note: "by otto: wrong price", Decided: &want})
		}
	}
	if again := r.operator("DELETE", "/v1/clips/"+string(clipOne), ""); again.body != got.body {
		t.Errorf("again: %s\nfirst: %s", again.body, got.body)
	}
	if late := r.operator("POST", "/v1/clips/"+string(clipOne)+"/decision", `{"verdict":"approved"}`); late.status != http.StatusConflict {
		t.Errorf("a verdict after the take-down: %d", late.status)
	}
}

func TestAPlayerReportsWithTheURLItPlayed(t *testing.T) {
	r := newRig(t)
	r.story(r.onAir(100*time.Second), 6)
	reports := r.listen(event.PlaybackReported)
	clip := r.operator("GET", "/v1/clips/"+string(clipOne), "").json()
	signed := clip["renditions"].([]any)[0].(map[string]any)["url"].(string)

	body := `{"clip_id":"` + string(clipOne) + `","fetched_bytes":1000,"played_s":12.5,"wasted_bytes":200,"startup_s":0.3,"stalls":1,"url":"` + signed + `"}`
	if got := r.call("", "POST", "/v1/playback", body); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	u, _ := url.Parse(signed)
	equal(t, "report", r.next(reports).Payload, domain.PlaybackReport{
		Clip: clipOne, Session: u.Query().Get("session"), Fetched: 1000, Played: 12500 * time.Millisecond, Wasted: 200,
		Startup: 300 * time.Millisecond, Stalls: 1,
	})
	for says, bad := range map[string]string{
		"wasted_bytes":  strings.Replace(body, `"wasted_bytes":200`, `"wasted_bytes":2000`, 1),
		"fetched_bytes": strings.Replace(body, `"fetched_bytes":1000`, `"fetched_bytes":"NaN"`, 1),
		"played_s":      strings.Replace(body, `12.5`, `1e9`, 1),
		"is not of":     strings.Replace(body, string(clipOne), "another", 1),
	} {
		if got := r.call("", "POST", "/v1/playback", bad); !strings.Contains(got.detail(), says) {
			t.Errorf("%s: %d %s", says, got.status, got.body)
		}
	}
}

func TestAPlayableClipMayBeAskedToGoToADestination(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	r.story(started, 5)
	path := "/v1/clips/" + string(clipOne) + "/publications"
	if got := r.operator("POST", path, `{"destination":"folder"}`); got.status != http.StatusConflict || !strings.Contains(got.detail(), "playable") {
		t.Errorf("before it is playable: %d %s", got.status, got.body)
	}
	r.story(started, 7)
	decisions := r.listen(event.ClipDecided)
	if got := r.operator("POST", path, `{"destination":"folder"}`); got.status != http.StatusOK || len(decisions) != 0 {
		t.Errorf("where it is visible already: %d %s", got.status, got.body)
	}
	r.s.Destinations = []string{"webhook"}
	if got := r.call(viewerToken, "GET", "/v1/destinations", ""); got.status != http.StatusOK || !reflect.DeepEqual(got.json()["manual"], []any{"webhook"}) {
		t.Errorf("destinations: %d %s", got.status, got.body)
	}
	if got := r.operator("POST", path, `{"destination":"../x"}`); got.status != http.StatusUnprocessableEntity {
		t.Errorf("odd name: %d %s", got.status, got.body)
	}
	if got := r.operator("POST", path, `{"destination":"webhook"}`); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	equal(t, "request", r.next(decisions).Payload, domain.Decided{
		Clip: clipOne, Verdict: domain.VerdictApproved, By: "otto", Hash: "abc", Destination: "webhook",
	})
}

func TestADestinationIsShownByItsNewestRevisionAndWhatIsLeftOfOlderOnes(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	at := r.story(started, 7)
	publication := func(destination string, revision int, s domain.PublicationState, reason string, after time.Duration) {
		p := domain.PublicationChanged{Clip: clipOne, Revision: revision, Destination: destination, State: s, Reason: reason}
		r.publish(said(p, at.Add(after)))
	}
	publication("folder", 1, domain.PublicationVisible, "", 20*time.Second)
	publication("folder", 0, domain.PublicationWithdrawn, "replaced by revision 1", 22*time.Second)
	publication("front", 0, domain.PublicationAccepted, "", 10*time.Second)
	publication("front", 1, domain.PublicationRejected, "the destination answered 422", 20*time.Second)
	publication("shop", 1, domain.PublicationAccepted, "", 20*time.Second)
	publication("shop", 0, domain.PublicationUnknown, "the destination did not take the withdrawal: it is shut", 22*time.Second)
	want := []any{
		map[string]any{"destination": "folder", "state": "visible", "reason": "", "chinese": ""},
		map[string]any{
			"destination": "front", "state": "rejected", "reason": "the destination answered 422; a revision before this one is still there",
			"chinese": "目的地返回 422；此前的版本仍在该目的地",
		},
		map[string]any{
			"destination": "shop", "state": "accepted",
			"reason":  "a revision before this one may still be there: the destination did not take the withdrawal: it is shut",
			"chinese": "此前的版本可能仍在该目的地：目的地没有接受下架，请到平台上手动处理：it is shut",
		},
	}
	var got []any
	r.eventually("all of it is shown", func() bool {
		got = nil
		for _, p := range r.operator("GET", "/v1/clips/"+string(clipOne)+"/publications", "").json()["publications"].([]any) {
			p := p.(map[string]any)
			got = append(got, map[string]any{"destination": p["destination"], "state": p["state"], "reason": p["reason"], "chinese": p["chinese"]})
		}
		return reflect.DeepEqual(got, want)
	})
	equal(t, "publications", got, want)
}
