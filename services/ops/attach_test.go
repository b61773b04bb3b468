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

func TestAttachingAPushAnswersWithItsAddressAndKey(t *testing.T) {
	r := newRig(t)
	if early := r.operator("PUT", "/v1/streams/room1", `{"source":"push"}`); early.status != http.StatusServiceUnavailable || early.detail() == "" {
		t.Errorf("without an asr process: %d %s", early.status, early.body)
	}
	r.asr("asr-1", 0)
	got := r.operator("PUT", "/v1/streams/room1", `{"source":"push"}`)
	key := r.s.Keys.PushKey(room)
	equal(t, "push", got.json()["push"], map[string]any{
		"address": "rtmp://127.0.0.1:1935/live/room1", "key": key, "url": "rtmp://127.0.0.1:1935/live/room1?key=" + key,
	})
	if seen := r.call(viewerToken, "GET", "/v1/streams/room1", ""); strings.Contains(seen.body, key) {
		t.Error("a viewer was shown the push key")
	}
}

func TestASourceThatMustNotBePulledIsRefusedAtTheDoor(t *testing.T) {
	r := newRig(t)
	for source, why := range map[string]string{
		"gopher://origin.example/1":                     "not allowed",
		"rtmp://127.0.0.1/live/x":                       "private address",
		"rtmp://[::ffff:10.0.0.1]/live/x":               "private address",
		"rtmp://[fd00::1]/live/x":                       "private address",
		"http://169.254.169.254/latest":                 "private address",
		"http://100.64.1.1/x.flv":                       "private address",
		"http://2130706433/x.flv":                       "usual notation",
		"http://127.1/x.flv":                            "usual notation",
		"http://0x7f.0x1/x.flv":                         "usual notation",
		"http://localhost/x.flv":                        "this machine",
		"http://inside.example/x.flv":                   "10.0.0.7",
		"http:///x.flv":                                 "no host",
		"file:///etc/passwd":                            "batch_root",
		"not a url":                                     "must be",
		"rtmp://a.example/" + strings.Repeat("x", 3000): "longer",
	} {
		got := r.operator("PUT", "/v1/streams/room1", `{"source":"`+source+`"}`)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.detail(), why) {
			t.Errorf("%.60s: %d %q, want 422 that says %q", source, got.status, got.detail(), why)
		}
	}
	if got := r.operator("PUT", "/v1/streams/room1", `{}`); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.detail(), "ops.source_template") {
		t.Errorf("no source and no template: %d %s", got.status, got.body)
	}
	if got := r.operator("GET", "/v1/streams", ""); len(got.json()["streams"].([]any)) != 0 {
		t.Errorf("something was attached: %s", got.body)
	}
}

func TestAStreamWithoutASourceIsFoundByTheTemplate(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SourceTemplate, c.AllowPrivate = "rtmp://127.0.0.1/live/{stream_id}", true })
	if got := r.operator("PUT", "/v1/streams/room1", ""); got.json()["source"] != "rtmp://127.0.0.1/live/room1" {
		t.Errorf("attach: %d %s", got.status, got.body)
	}
}

func TestContextIsMergedFieldByField(t *testing.T) {
	r := newRig(t)
	r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/a","context":{"host":"小美","language":"zh","extra":{"a":"1","b":"2"}}}`)
	got := r.operator("PATCH", "/v1/streams/room1", `{"context":{"products":[{"name":"口红","price":"¥99"}],"extra":{"a":"","c":"3"}}}`)
	equal(t, "context", got.json()["context"], map[string]any{
		"host": "小美", "category": "", "language": "zh", "extra": map[string]any{"b": "2", "c": "3"}, "hotwords": []any{},
		"products": []any{map[string]any{"id": "", "name": "口红", "price": "¥99", "image": "", "was": ""}},
	})
	got = r.operator("PATCH", "/v1/streams/room1", `{"clear":["products"]}`)
	if products := got.json()["context"].(map[string]any)["products"]; len(products.([]any)) != 0 {
		t.Errorf("products after clear: %v", products)
	}
	if got := r.operator("PATCH", "/v1/streams/room9", `{"context":{}}`); got.status != http.StatusNotFound {
		t.Errorf("unknown stream: %d %s", got.status, got.body)
	}
}

func TestDetachingTwiceIsNoError(t *testing.T) {
	r := newRig(t)
	r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/a"}`)
	first := r.operator("DELETE", "/v1/streams/room1", "")
	again := r.operator("DELETE", "/v1/streams/room1", "")
	if first.json()["state"] != "off" || again.body != first.body {
		t.Errorf("first %s, again %s", first.body, again.body)
	}
	if got := r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/b"}`); got.json()["source"] != "rtmp://o.example/b" {
		t.Errorf("attached anew from elsewhere: %d %s", got.status, got.body)
	}
}

func TestAPullWhoseOwnerVanishedIsPlacedAnew(t *testing.T) {
	r := newRig(t)
	gone := r.asr("asr-1", 0)
	r.asr("asr-2", 5)
	if got := r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/a"}`); got.json()["owner"] != "asr-1" {
		t.Fatalf("placed on %v, the least loaded is asr-1", got.json()["owner"])
	}
	gone()
	r.eventually("the pull is on asr-2", func() bool {
		return r.operator("GET", "/v1/streams/room1", "").json()["owner"] == "asr-2"
	})
}

func TestPullsAttachedAtOnceAreSpread(t *testing.T) {
	r := newRig(t)
	r.asr("asr-1", 0)
	r.asr("asr-2", 0)
	owners := map[any]int{}
	for _, id := range []string{"a", "b", "c", "d"} {
		owners[r.operator("PUT", "/v1/streams/"+id, `{"source":"rtmp://o.example/`+id+`"}`).json()["owner"]]++
	}
	equal(t, "pulls by owner", owners, map[any]int{"asr-1": 2, "asr-2": 2})
}
