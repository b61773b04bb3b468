package publish

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/sign"
)

// edited makes revision 2 the clip's current one, with a verdict that publishes it.
func (d *desk) edited(t *testing.T) event.Event {
	t.Helper()
	var m domain.Manifest
	if _, err := blob.ReadJSON(t.Context(), d.store, record.Manifest("default", testClip), &m); err != nil {
		t.Fatal(err)
	}
	m.Rendered.Revision, m.Rendered.Hash = 2, "hash2"
	d.putJSON(t, record.Manifest("default", testClip), m)
	second := cause
	second.ID = "decided-2"
	return event.Event{Envelope: second, Payload: domain.Decided{Clip: testClip, Revision: 2, Verdict: domain.VerdictApproved, By: "rule", Hash: "hash2"}}
}

func (d *desk) entry(t *testing.T, revision int, destination string) entry {
	t.Helper()
	e, _, err := d.ledger.read(t.Context(), entryKey{"default", testClip, revision, destination})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestANewRevisionTakesThePlaceOfTheOldOne(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	lies := contents(t, path)
	for name := range lies {
		if !strings.HasPrefix(name, "default/room/clip1.r2.") {
			t.Errorf("there lies %s", name)
		}
	}
	first, second := d.entry(t, 1, "shelf").Value, d.entry(t, 2, "shelf").Value
	if len(lies) != 4 || first.State != domain.PublicationWithdrawn || first.Reason != "replaced by revision 2" || second.State != domain.PublicationVisible {
		t.Errorf("%d files; first %+v, second %+v", len(lies), first, second)
	}
	if open := d.open(t); len(open) > 0 {
		t.Errorf("open: %v", open)
	}
}

func TestAWebhookHearsOfTheNewRevisionBeforeTheOldOneIsTakenBack(t *testing.T) {
	far := newHook(t, inTurn(answerWith(200, `{"id":"v1"}`), answerWith(200, `{"id":"v2"}`), answerWith(200, "")))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	if got, want := far.heard(t), []string{"clip.published hash1", "clip.published hash2 for v1", "clip.withdrawn hash1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("heard %q", got)
	}
}

func TestANewRevisionThatFailsLeavesTheOldOneWhereItIs(t *testing.T) {
	far := newHook(t, inTurn(answerWith(200, ""), answerWith(422, "no")))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	if first, second := d.entry(t, 1, "hook").Value.State, d.entry(t, 2, "hook").Value.State; first != domain.PublicationAccepted || second != domain.PublicationRejected {
		t.Errorf("first %s, second %s", first, second)
	}
}

func TestAWithdrawalSurvivesTheLossOfItsQueueAndOfItsProcess(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	d.decide(t, takeDown)
	d.jobs = nil
	another := &Service{cfg: d.cfg, deps: d.deps, vod: d.vod, ledger: d.ledger, pusher: d.pusher} // knows nothing but the store
	if err := another.sweepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.work(t)
	if got := contents(t, path); len(got) > 0 || d.stands(t, "shelf").State != domain.PublicationWithdrawn {
		t.Errorf("there lies %q, the ledger says %+v", got, d.stands(t, "shelf"))
	}
	if err := another.sweepOnce(t.Context()); err != nil || len(d.open(t)) > 0 || len(d.jobs) > 0 {
		t.Errorf("open %v, queued %v, %v", d.open(t), d.jobs, err)
	}
}

func TestWhatIsOpenForAMomentOnlyIsNotPutBack(t *testing.T) {
	cfg, _ := folderConfig(t)
	d := newDesk(t, cfg)
	d.sweepAge = time.Minute
	d.decide(t, approval)
	d.jobs = nil
	for _, after := range []time.Duration{59 * time.Second, time.Second} {
		if len(d.jobs) > 0 {
			t.Error("put back early")
		}
		d.clock.advance(after)
		if err := d.sweepOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.jobs) != 1 {
		t.Errorf("queued: %v", d.jobs)
	}
}

func TestATakeDownDuringTheCallIsNotForgotten(t *testing.T) {
	var d *desk
	far := newHook(t, inTurn(func(http.ResponseWriter, *http.Request) { d.decide(t, takeDown) }, answerWith(200, "")))
	d = newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	push := d.jobs[0]
	d.jobs = nil
	if err := d.do(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	if got := d.entry(t, 1, "hook"); got.Value.State != domain.PublicationAccepted || got.Recalled != note.TakenDown.Say() || len(d.open(t)) != 1 {
		t.Errorf("%+v, open %v", got, d.open(t))
	}
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationWithdrawn || far.calls.Load() != 2 || len(d.open(t)) != 0 {
		t.Errorf("after %d calls %+v, open %v", far.calls.Load(), got, d.open(t))
	}
}

func cdnConfig(hook string, form sign.Form) Config {
	cfg := hookConfig(hook)
	cfg.CDN = []sign.CDN{{
		Name: "edge", Form: form, Host: "https://edge.example/", OriginSecret: "a secret of the origin",
		Keys: sign.Keys{Current: sign.Key{ID: "K", Secret: "a key of the CDN"}},
	}}
	cfg.Destinations = []Destination{{Name: "edge", Kind: kindCDN, CDN: "edge", URL: hook, Secret: hookSecret}}
	return cfg
}

func TestATakeDownPurgesTheCDNUntilItIsDone(t *testing.T) {
	for form, want := range map[sign.Form]string{
		sign.AliyunA:  `"RefreshObjectCaches":{"ObjectPath":"https://edge.example/vod/clip1/hash1/","ObjectType":"Directory"}`,
		sign.TencentD: `"PurgePathCache":{"Paths":["https://edge.example/vod/clip1/hash1/"],"FlushType":"delete"}`,
	} {
		far := newHook(t, inTurn(answerWith(503, ""), hijacked(""), answerWith(200, "")))
		d := newDesk(t, cdnConfig(far.URL, form))
		d.decide(t, approval)
		d.work(t)
		if got := d.stands(t, "edge"); got.State != domain.PublicationVisible || far.calls.Load() != 0 {
			t.Errorf("after %d calls %+v", far.calls.Load(), got)
		}
		d.decide(t, takeDown)
		if delay := d.jobs[0].Delay; delay <= time.Second {
			t.Errorf("purged after %s: an origin that does not know yet would fill the CDN again", delay)
		}
		d.work(t)
		if got := d.stands(t, "edge"); got.State != domain.PublicationWithdrawn || got.Reason != note.TakenDown.Say() || far.calls.Load() != 3 {
			t.Errorf("after %d calls %+v", far.calls.Load(), got)
		}
		body, timestamp := far.bodies[2], far.requests[2].Header.Get("X-Liveclip-Timestamp")
		if !strings.Contains(string(body), want) || far.requests[2].Header.Get("X-Liveclip-Signature") != signature(hookSecret, timestamp, body) {
			t.Errorf("%s: asked %s", form, body)
		}
		last := d.told[len(d.told)-1].Payload.(domain.ClipStep)
		if last.Destination != "edge" || last.Publication.State != domain.PublicationWithdrawn {
			t.Errorf("the story ends with %+v", last)
		}
	}
}

func TestCloudFrontIsAskedToInvalidate(t *testing.T) {
	cfg := cdnConfig("http://hook.example", sign.CloudFront)
	c := cdn{cdn: cfg.CDN[0]}
	body, err := json.Marshal(c.purge(publication{entryKey: entryKey{"default", testClip, 1, "edge"}, hash: testHash}, "clip1/1/edge/purged"))
	want := `"CreateInvalidation":{"CallerReference":"clip1/1/edge/purged","Paths":{"Quantity":1,"Items":["/vod/clip1/hash1/*"]}}}`
	if err != nil || !strings.HasSuffix(string(body), want) {
		t.Errorf("%v: %s", err, body)
	}
}

func TestAReplacedRevisionIsPurgedUnderItsOwnHash(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, cdnConfig(far.URL, sign.AliyunC))
	d.decide(t, approval)
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	if far.calls.Load() != 1 || !strings.Contains(string(far.bodies[0]), `"prefix":"https://edge.example/vod/clip1/hash1/"`) {
		t.Errorf("%d calls: %q", far.calls.Load(), far.bodies)
	}
}

func TestATakenDownClipIsGoneFromEveryOrigin(t *testing.T) {
	h := newHouse(t, Defaults())
	var origins []*httptest.Server
	for range 2 {
		s, _ := h.open(t, Defaults())
		origins = append(origins, httptest.NewServer(s.Handler()))
		t.Cleanup(origins[len(origins)-1].Close)
	}
	path := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Expires: time.Now().Add(time.Hour)}, "cover.jpg")
	status := func(o *httptest.Server) int {
		answer, err := http.Get(o.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for i, o := range origins {
		if got := status(o); got != http.StatusOK {
			t.Fatalf("origin %d: %d", i, got)
		}
	}
	// As ops does: the record first, then the event, which one of the two takes; the other one looks within a second.
	h.putJSON(t, record.TakeDown("default", testClip), takeDown.Payload)
	h.say(t, takeDown)
	written := time.Now()
	for i, o := range origins {
		for status(o) != http.StatusGone {
			if time.Since(written) > 2*time.Minute {
				t.Fatalf("origin %d still serves it", i)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("origin %d: gone after %s", i, time.Since(written).Round(time.Millisecond))
	}
}

func TestASweepGoesOnWhenOneEntryCannotBeRead(t *testing.T) {
	cfg, path := folderConfig(t)
	d := newDesk(t, cfg)
	d.putJSON(t, record.OpenPublication("default", "broken", 1, "shelf"), openMark{Place: entryKey{"default", "broken", 1, "shelf"}})
	d.put(t, record.Publication("default", "broken", 1, "shelf"), "{")
	d.putJSON(t, record.OpenPublication("default", "lost", 1, "shelf"), openMark{Place: entryKey{"default", "lost", 1, "shelf"}})
	d.decide(t, approval)
	d.jobs = nil
	if err := d.sweepOnce(t.Context()); err == nil {
		t.Error("nothing is said of the broken one")
	}
	d.work(t)
	if open := d.open(t); len(contents(t, path)) != 4 || !reflect.DeepEqual(open, []entryKey{{"default", "broken", 1, "shelf"}}) {
		t.Errorf("open: %v", open)
	}
}

func TestAWebhookMayBeGivenLinksThroughACDN(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	cfg := cdnConfig(far.URL, sign.TencentD)
	cfg.Destinations = []Destination{{Name: "hook", Kind: kindWebhook, URL: far.URL, Secret: hookSecret, CDN: "edge"}}
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	var m message
	if err := json.Unmarshal(far.bodies[0], &m); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{m.Video.URL, m.HLS, m.Listing, m.Cover, m.Subtitles} {
		u, err := url.Parse(link)
		if err != nil || u.Host != "edge.example" {
			t.Errorf("%s: %v", link, err)
		} else if _, err := cfg.CDN[0].Check(u, noon); err != nil {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestATakeDownDuringACallThatFailsEndsWithoutAnother(t *testing.T) {
	var d *desk
	far := newHook(t, func(w http.ResponseWriter, _ *http.Request) {
		d.decide(t, takeDown)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	d = newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	push := d.jobs[0]
	d.jobs = nil
	if err := d.do(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationWithdrawn || got.Reason != "taken down before it was sent" || far.calls.Load() != 1 || len(d.open(t)) != 0 {
		t.Errorf("after %d calls %+v, open %v", far.calls.Load(), got, d.open(t))
	}
}

func TestACDNYoungerThanTheClipIsPurgedToo(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, cdnConfig(far.URL, sign.AliyunA))
	for range 2 {
		d.decide(t, takeDown)
		d.work(t)
	}
	if got := d.stands(t, "edge"); got.State != domain.PublicationWithdrawn || far.calls.Load() != 1 {
		t.Errorf("after %d calls %+v", far.calls.Load(), got)
	}
}

func TestTheFirstRevisionIsReplacedToo(t *testing.T) {
	cfg, _ := folderConfig(t)
	d := newDesk(t, cfg)
	d.decide(t, event.Event{Envelope: cause, Payload: domain.Decided{Clip: testClip, Verdict: domain.VerdictApproved, Hash: testHash}})
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	if got := d.entry(t, 0, "shelf").Value; got.State != domain.PublicationWithdrawn || got.Reason != "replaced by revision 2" {
		t.Errorf("%+v", got)
	}
}
