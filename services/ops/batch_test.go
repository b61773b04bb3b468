package ops

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

func TestABatchFollowsEachSourceToItsEnd(t *testing.T) {
	root := t.TempDir()
	archive := filepath.Join(root, "a.mp4")
	if err := os.WriteFile(archive, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "out.mp4")); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.BatchRoot = root })
	r.asr("asr-1", 0)
	for _, bad := range []string{"/etc/passwd", root + "/../etc/passwd", root + "/out.mp4", root + "/missing.mp4", root} {
		got := r.operator("POST", "/v1/batches", `{"sources":["file://`+bad+`"]}`)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.detail(), "sources[0]") {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	first := r.operator("POST", "/v1/batches", `{"sources":["file://`+archive+`"]}`)
	if first.status != http.StatusOK || first.json()["state"] != "running" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	if again := r.operator("POST", "/v1/batches", `{"sources":["file://`+archive+`","file://`+archive+`"]}`); again.body != first.body {
		t.Errorf("the same again: %s\nfirst: %s", again.body, first.body)
	}
	source := first.json()["sources"].([]any)[0].(map[string]any)
	id := source["stream_id"].(string)
	stream := r.operator("GET", "/v1/streams/"+id, "").json()
	if stream["lane"] != "batch" || stream["owner"] != "asr-1" || !strings.HasPrefix(id, "file-") {
		t.Errorf("stream %v", stream)
	}

	end := said(domain.BroadcastChanged{Change: domain.BroadcastClosed, At: time.Hour, Reason: "the source ended"}, time.Now())
	end.Stream, end.Lane = domain.StreamID(id), domain.LaneBatch
	r.publish(end)
	r.eventually("the batch is done and its stream detached", func() bool {
		b := r.operator("GET", "/v1/batches/"+first.json()["batch_id"].(string), "").json()
		return b["state"] == "done" && r.operator("GET", "/v1/streams/"+id, "").json()["state"] == "off"
	})
	states := r.listen(event.StreamState)
	if again := r.operator("POST", "/v1/batches", `{"sources":["file://`+archive+`"]}`); again.json()["state"] != "done" || len(states) != 0 {
		t.Errorf("asked for again when done: %s", again.body)
	}
}
