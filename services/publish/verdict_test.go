package publish

import (
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

func request(id, destination string) event.Event {
	asked := cause
	asked.ID = id
	return event.Event{Envelope: asked, Payload: domain.Decided{
		Clip: testClip, Revision: 1, Verdict: domain.VerdictApproved, By: "ann", Hash: testHash, Destination: destination,
	}}
}

func TestAPersonMayAskAgainWhereItFailedAndEachRequestIsOneCall(t *testing.T) {
	far := newHook(t, inTurn(answerWith(422, "no title"), answerWith(422, "still none"), answerWith(200, "")))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, approval)
	d.work(t)
	for range 2 {
		d.decide(t, request("asked-1", "hook"))
		d.work(t)
	}
	if got := d.stands(t, "hook"); got.State != domain.PublicationRejected || far.calls.Load() != 2 {
		t.Errorf("after one request, told twice: %d calls, %+v", far.calls.Load(), got)
	}
	d.decide(t, request("asked-2", "hook"))
	d.work(t)
	d.decide(t, request("asked-3", "hook"))
	d.work(t)
	if got := d.stands(t, "hook"); got != publicationFact("hook", domain.PublicationAccepted, "", "", "") || far.calls.Load() != 3 {
		t.Errorf("where it was accepted another request changes nothing: %d calls, %+v", far.calls.Load(), got)
	}
}

func TestAPersonMayAskForADestinationYoungerThanTheClip(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, hookConfig(far.URL))
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationAccepted || far.calls.Load() != 1 {
		t.Errorf("%d calls, %+v", far.calls.Load(), got)
	}
}

func TestARequestForAnUnknownDestinationIsAnswered(t *testing.T) {
	d := newDesk(t, hookConfig("http://hook.example"))
	d.decide(t, request("asked-1", "nowhere"))
	want := publicationFact("nowhere", domain.PublicationFailed, "", "", "no such destination is configured")
	if len(d.told) != 1 || d.told[0].Payload != want || len(d.jobs) != 0 {
		t.Errorf("told %+v, want %+v", d.told, want)
	}
}

func TestADestinationByHandGetsWhatAPersonSendsThere(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	cfg := hookConfig(far.URL)
	cfg.Destinations[0].Manual = true
	if names := cfg.ByHand(); len(names) != 1 || names[0] != "hook" {
		t.Errorf("by hand: %v", names)
	}
	d := newDesk(t, cfg)
	d.decide(t, approval)
	d.work(t)
	if n := far.calls.Load(); n != 0 || len(d.told) != 0 {
		t.Errorf("%d calls, told %+v, and nobody asked", n, d.told)
	}
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	if got := d.stands(t, "hook"); got.State != domain.PublicationAccepted || far.calls.Load() != 1 {
		t.Errorf("%d calls, %+v", far.calls.Load(), got)
	}
}
