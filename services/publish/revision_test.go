package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

// heard is what a hook was told, in order.
func (h *hook) heard(t *testing.T) (all []string) {
	t.Helper()
	for _, body := range h.bodies {
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		said := m.Event + " " + m.Hash
		if m.Replaces != nil {
			said += " for " + m.Replaces.RemoteID
		}
		all = append(all, said)
	}
	return all
}

func byHandConfig(url string) Config {
	cfg := hookConfig(url)
	cfg.Destinations[0].Manual = true
	return cfg
}

func TestANewRevisionGoesWhereAPersonSentTheOldOne(t *testing.T) {
	far := newHook(t, inTurn(answerWith(200, `{"id":"v1"}`), answerWith(200, `{"id":"v2"}`), answerWith(200, "")))
	d := newDesk(t, byHandConfig(far.URL))
	d.decide(t, approval)
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	for range 2 { // told again, it is not sent again
		d.decide(t, d.edited(t))
		d.work(t)
	}
	if got, want := far.heard(t), []string{"clip.published hash1", "clip.published hash2 for v1", "clip.withdrawn hash1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("heard %q", got)
	}
	if first, second := d.entry(t, 1, "hook").Value.State, d.entry(t, 2, "hook").Value.State; first != domain.PublicationWithdrawn || second != domain.PublicationAccepted {
		t.Errorf("first %s, second %s", first, second)
	}
}

func TestADestinationThatReplacesIsNotAskedToTakeBackWhatItReplaced(t *testing.T) {
	far := newHook(t, answerWith(200, `{"id":"v1"}`))
	d := newDesk(t, byHandConfig(far.URL))
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	if got, want := far.heard(t), []string{"clip.published hash1", "clip.published hash2 for v1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("heard %q", got)
	}
	if first := d.entry(t, 1, "hook").Value; first.State != domain.PublicationWithdrawn || first.Reason != "replaced by revision 2" {
		t.Errorf("first %+v", first)
	}
	if open := d.open(t); len(open) > 0 {
		t.Errorf("open: %v", open)
	}
}

func TestANewRevisionGoesNowhereThatNobodyChoseOrThatRefused(t *testing.T) {
	far := newHook(t, answerWith(422, "no"))
	for name, asked := range map[string]bool{"nobody chose": false, "refused": true} {
		d := newDesk(t, byHandConfig(far.URL))
		before := far.calls.Load()
		d.decide(t, approval)
		if asked {
			before++
			d.decide(t, request("asked-1", "hook"))
			d.work(t)
		}
		d.decide(t, d.edited(t))
		d.work(t)
		if got := far.calls.Load(); got != before {
			t.Errorf("%s: %d calls, want %d", name, got, before)
		}
	}
}

// A request, the verdict on the next revision and the pushes come in any order: what was chosen gets the newest revision once.
func TestARequestThatCrossesANewRevisionSendsTheNewOne(t *testing.T) {
	for name, meet := range map[string]func(d *desk){
		"the request after the verdict":                     func(d *desk) { d.decide(t, d.edited(t)); d.decide(t, request("asked-1", "hook")) },
		"the request before the manifest":                   func(d *desk) { d.decide(t, request("asked-1", "hook")); d.decide(t, d.edited(t)) },
		"the push between the manifest and its own verdict": func(d *desk) { d.decide(t, request("asked-1", "hook")); e := d.edited(t); d.work(t); d.decide(t, e) },
	} {
		far := newHook(t, answerWith(200, ""))
		d := newDesk(t, byHandConfig(far.URL))
		d.decide(t, approval)
		meet(d)
		d.work(t)
		if got, want := far.heard(t), []string{"clip.published hash2"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: heard %q", name, got)
		}
		if open := d.open(t); len(open) > 0 {
			t.Errorf("%s: open: %v", name, open)
		}
	}
}

func TestAWithdrawalThatWasRefusedIsForAPerson(t *testing.T) {
	far := newHook(t, inTurn(answerWith(200, ""), answerWith(200, ""), answerWith(403, "no")))
	d := newDesk(t, byHandConfig(far.URL))
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	d.decide(t, d.edited(t))
	d.work(t)
	want := publicationFact("hook", domain.PublicationUnknown, "", "", "the destination did not take the withdrawal: the destination answered 403: it forbids access: no")
	if got := d.stands(t, "hook"); got != want || len(d.open(t)) > 0 {
		t.Errorf("%+v, open %v", got, d.open(t))
	}
	if err := d.sweepOnce(t.Context()); err != nil || len(d.jobs) > 0 || far.calls.Load() != 3 {
		t.Errorf("%d calls, queued %v, %v", far.calls.Load(), d.jobs, err)
	}
}

// mortal is a store whose user is killed before a write.
type mortal struct {
	blob.Store
	left int // writes it lives to see
}

var errKilled = errors.New("killed")

func (m *mortal) live() error {
	if m.left--; m.left < 0 {
		return errKilled
	}
	return nil
}

func (m *mortal) Put(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	if err := m.live(); err != nil {
		return blob.Info{}, err
	}
	return m.Store.Put(ctx, key, r)
}

func (m *mortal) PutNew(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	if err := m.live(); err != nil {
		return blob.Info{}, err
	}
	return m.Store.PutNew(ctx, key, r)
}

func (m *mortal) PutIf(ctx context.Context, key string, r io.Reader, etag string) (blob.Info, error) {
	if err := m.live(); err != nil {
		return blob.Info{}, err
	}
	return m.Store.PutIf(ctx, key, r, etag)
}

func (m *mortal) Delete(ctx context.Context, key string) error {
	if err := m.live(); err != nil {
		return err
	}
	return m.Store.Delete(ctx, key)
}

// until has the verdict handled and the queue worked off by a process that is killed before its write number n, and then by
// its successor, who is told again what was not acknowledged and knows nothing but the store. It reports whether the first was killed.
func (d *desk) until(t *testing.T, n int, e event.Event) (killed bool) {
	t.Helper()
	whole := d.store
	d.wake(&mortal{whole, n})
	err := d.decided(t.Context(), e)
	acknowledged := err == nil
	for err == nil && len(d.jobs) > 0 {
		next := d.jobs[0]
		d.jobs = d.jobs[1:]
		d.clock.advance(next.Delay)
		err = d.do(t.Context(), next)
	}
	d.jobs = nil
	d.wake(whole)
	if !acknowledged {
		d.decide(t, e)
	}
	d.clock.advance(sweepAge + d.cfg.Timeout)
	for range 4 { // what a sweep opens the next one finds
		if err := d.sweepOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.work(t)
	}
	return err != nil
}

// wake gives the desk's parts another store.
func (d *desk) wake(s blob.Store) {
	d.store, d.deps.Store, d.ledger.store, d.pusher.store = s, s, s, s
}

func TestANewRevisionArrivesOnceWheneverItsProcessIsKilled(t *testing.T) {
	for killed, n := true, 0; killed; n++ {
		t.Run(fmt.Sprintf("before write %d", n), func(t *testing.T) {
			far := newHook(t, answerWith(200, ""))
			cfg := byHandConfig(far.URL)
			shelves, path := folderConfig(t)
			cfg.Destinations = append(cfg.Destinations, shelves.Destinations[0])
			cfg.Destinations[1].Manual = true
			d := newDesk(t, cfg)
			d.decide(t, approval)
			d.decide(t, request("asked-1", "hook"))
			d.decide(t, request("asked-2", "shelf"))
			d.work(t)
			killed = d.until(t, n, d.edited(t))

			heard := map[string]int{}
			for _, said := range far.heard(t) {
				heard[said]++
			}
			first, second := d.entry(t, 1, "hook").Value.State, d.entry(t, 2, "hook").Value.State
			switch second {
			case domain.PublicationAccepted:
				if heard["clip.published hash2 for "] != 1 || heard["clip.withdrawn hash1"] != 1 {
					t.Errorf("it is said to be there; heard %v", heard)
				}
			case domain.PublicationUnknown: // killed around the call: a person is asked, and the old one stays
				if heard["clip.published hash2 for "] > 1 || first != domain.PublicationAccepted {
					t.Errorf("the first is %s; heard %v", first, heard)
				}
			default:
				t.Errorf("the second is %s", second)
			}
			if heard["clip.published hash1"] != 1 {
				t.Errorf("heard %v", heard)
			}
			for name := range contents(t, path) {
				if name[:len("default/room/clip1.r2.")] != "default/room/clip1.r2." {
					t.Errorf("there lies %s", name)
				}
			}
			if files := len(contents(t, path)); files != 4 || d.entry(t, 2, "shelf").Value.State != domain.PublicationVisible {
				t.Errorf("%d files in the folder", files)
			}
			if open := d.open(t); len(open) > 0 {
				t.Errorf("open: %v", open)
			}
		})
	}
}

func TestAnOlderRevisionsRequestDoesNotOutliveATakeDown(t *testing.T) {
	far := newHook(t, answerWith(200, ""))
	d := newDesk(t, byHandConfig(far.URL))
	d.decide(t, request("asked-1", "hook"))
	d.work(t)
	d.putJSON(t, record.TakeDown("default", testClip), takeDown.Payload)
	d.decide(t, d.edited(t))
	d.work(t)
	if got, want := far.heard(t), []string{"clip.published hash1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("heard %q", got)
	}
}
