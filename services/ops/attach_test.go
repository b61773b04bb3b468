package ops

import (
	"net/http"
	"strings"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

func TestAttachIsTheSameAnswerAgainAndAConflictFromElsewhere(t *testing.T) {
	r := newRig(t)
	r.asr("asr-1", 0)
	states := r.listen(event.StreamState)

	first := r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://origin.example/live/room1","context":{"host":"小美"}}`)
	if first.status != http.StatusOK {
		t.Fatalf("attach: %d %s", first.status, first.body)
	}
	state := r.next(states).Payload.(domain.StreamState)
	state.Changed = first.changed(t)
	want := domain.StreamState{
		Ref: room, Attached: true, Source: "rtmp://origin.example/live/room1", Context: domain.Context{Host: "小美"},
		Lane: domain.LaneLive, Owner: "asr-1", Changed: state.Changed,
	}
	equal(t, "published state", state, want)
	if again := r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://origin.example/live/room1"}`); again.body != first.body {
		t.Errorf("the same again answered\n%s, first\n%s", again.body, first.body)
	}
	if again := r.operator("PUT", "/v1/streams/room1", ``); again.body != first.body {
		t.Errorf("without a source it answered\n%s, first\n%s", again.body, first.body)
	}
	other := r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://elsewhere.example/live/room1"}`)
	if other.status != http.StatusConflict || !strings.Contains(other.detail(), "rtmp://origin.example/live/room1") {
		t.Errorf("another source: %d %s", other.status, other.body)
	}
	if len(states) != 0 {
		t.Errorf("%d more states were published", len(states))
	}
}
