package vod

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/record"
)

func TestATakenDownClipIsGoneWithinASecondAndAtOnceWhenTold(t *testing.T) {
	o := newOrigin(t, digits)
	gone := wantProblem(410, "this clip was taken down")
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 200 {
		t.Fatalf("before: %d", got.status)
	}
	o.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
	o.clock.advance(catalogAge)
	compare(t, o.ask(t, "GET", o.path("720p.mp4")), gone)

	told := newOrigin(t, digits)
	told.ask(t, "GET", told.path("720p.mp4"))
	told.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
	told.Drop("default", testClip)
	compare(t, told.ask(t, "GET", told.path("720p.mp4")), gone)
}

func TestAnAnswerUnderWayEndsWhenItsClipIsTakenDown(t *testing.T) {
	plain := func(s blob.Store) blob.Store { return s }
	for name, c := range map[string]struct {
		over    func(blob.Store) blob.Store
		direct  bool
		http2   bool
		bounded bool
	}{
		"a range, by sendfile":       {plain, true, false, true},
		"a range, by net/http":       {plain, false, false, true},
		"a range, over HTTP/2":       {plain, true, true, true},
		"a range of an object":       {func(s blob.Store) blob.Store { return objects{s} }, true, false, true},
		"at the speed it plays at":   {plain, true, false, false},
		"so, and of an object store": {func(s blob.Store) blob.Store { return objects{s} }, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, strings.Repeat(digits, 32<<10)) // 32 MB: more than any socket buffer takes
			o.writeLength(t, time.Hour)
			o.over(c.over(o.store))
			o.pacing = Defaults().Pace
			if c.direct {
				o.direct(t)
			}
			client := &http.Transport{Protocols: new(http.Protocols)}
			client.Protocols.SetUnencryptedHTTP2(c.http2)
			client.Protocols.SetHTTP1(!c.http2)
			defer client.CloseIdleConnections()
			r, _ := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
			if c.bounded {
				r.Header.Set("Range", "bytes=0-33000000")
			}
			answer, err := client.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if _, err := io.CopyN(io.Discard, answer.Body, 1000); err != nil {
				t.Fatal(err)
			}
			o.putJSON(t, record.TakeDown("default", testClip), domain.Decided{TakeDown: true})
			o.Drop("default", testClip)
			select {
			case <-o.told:
			case <-time.After(2 * time.Minute):
				t.Fatal("the answer goes on")
			}
			if d := o.deliveries[0]; d.Status/100 != 2 || d.Sent >= d.Size {
				t.Errorf("told as %+v", d.Delivery)
			}
			if n, err := io.Copy(io.Discard, answer.Body); err == nil {
				t.Errorf("%d bytes look like a whole answer", n)
			}
			if n := testutil.ToFloat64(o.metrics.ended); n != 1 {
				t.Errorf("%g counted", n)
			}
		})
	}
}

func TestAClipPlaysTheMomentItsManifestIsWritten(t *testing.T) {
	o := newOrigin(t, digits)
	if err := o.store.Delete(t.Context(), record.Manifest("default", testClip)); err != nil {
		t.Fatal(err)
	}
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 404 {
		t.Fatalf("without a manifest: %d", got.status)
	}
	o.writeManifest(t)
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 200 {
		t.Errorf("with it: %d", got.status)
	}
}

func TestAFileThatIsNotWhatTheManifestSaysIsNotServed(t *testing.T) {
	o := newOrigin(t, digits)
	o.put(t, filmKey, digits[:500])
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 500 || strings.Contains(got.body, "default/") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestTheCatalogStaysSmall(t *testing.T) {
	o := newOrigin(t, digits)
	m := domain.Manifest{Rendered: domain.Rendered{Clip: "c"}}
	for i := range catalogSize + 10 {
		o.catalog.clips[clipKey{"t", domain.ClipID(itoa(i))}] = playable{manifest: m, read: noon}
		if i > catalogSize-10 {
			break
		}
	}
	for i := range 30 {
		clip := domain.ClipID("new" + itoa(i))
		o.putJSON(t, record.Manifest("default", clip), m)
		if _, err := o.catalog.find(t.Context(), clipKey{"default", clip}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.catalog.clips); n > catalogSize {
		t.Errorf("%d clips are kept", n)
	}
}
