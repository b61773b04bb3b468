package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/record"
)

const (
	kindPush     = "publication:push"
	kindWithdraw = "publication:withdraw"
)

// queue is the job client as this service needs it.
type queue interface {
	Enqueue(ctx context.Context, j job.Job) error
}

// pusher does the jobs of publications: it calls destinations, once at a time for each entry, and writes down what came of
// it.
type pusher struct {
	store      blob.Store
	ledger     *ledger
	queue      queue
	connectors map[string]connector
	timeout    time.Duration
	attempts   int
	now        func() time.Time
	log        *slog.Logger
	settled    *prometheus.CounterVec // by state
}

// begin has an open entry worked on, and worked on again until it is not open any more, also when the queue is lost.
func (c *pusher) begin(ctx context.Context, e entry) error {
	if err := c.ledger.markOpen(ctx, e.key()); err != nil {
		return err
	}
	return c.enqueue(ctx, e)
}

// enqueue has the entry's next call made. The ID counts the calls that ended: a job that asks for another call after a pause
// queues a new one, while a call that is still under way is never joined by a second.
func (c *pusher) enqueue(ctx context.Context, e entry) error {
	payload, err := json.Marshal(e.key())
	if err != nil {
		return domain.Permanent(fmt.Errorf("enqueue %s %s: %w", e.jobKind(), e.key(), err))
	}
	return c.queue.Enqueue(ctx, job.Job{
		Kind:    e.jobKind(),
		ID:      fmt.Sprintf("%s/%s/%s.%d/%d", e.jobKind(), e.Value.Clip, e.Value.Destination, e.attemptsEnded(), e.Value.Revision),
		Lane:    e.Envelope.Lane,
		Payload: payload,
		Delay:   max(0, e.NotBefore.Sub(c.now())),
	})
}

// push is the handler of kindPush.
func (c *pusher) push(ctx context.Context, j job.Job) error {
	at, err := keyOf(j)
	if err != nil {
		return err
	}
	e, tag, err := c.ledger.read(ctx, at)
	if err != nil {
		return fmt.Errorf("push %s: %w", at, permanentIfMissing(err))
	}
	if e.settled() {
		return c.close(ctx, e) // it may have been settled by one who died before telling
	}
	to, known := c.connectors[at.Destination]
	down, err := c.ledger.isTakenDown(ctx, at)
	switch {
	case err != nil:
		return fmt.Errorf("push %s: %w", at, err)
	case !known:
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: note.Deconfigured.Say()})
	case !e.Calling.IsZero() && !to.repeatable():
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationUnknown, reason: note.EndUnseen.Say()})
	case down || e.Recalled != "":
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationWithdrawn, reason: unsentReason(e)})
	case c.now().Before(e.NotBefore): // the queue counts in whole seconds
		return job.Later{After: e.NotBefore.Sub(c.now()), Why: fmt.Errorf("push %s: not before %s", at, e.NotBefore.Format(time.RFC3339))}
	}
	parcel, err := c.publicationOf(ctx, e, to)
	switch newer := parcel.manifest.Rendered; {
	case err == nil && newer.Hash != e.Hash:
		e.Overtaken, e.Recalled = true, note.Replaced.Say(newer.Revision)
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationWithdrawn, reason: unsentReason(e)})
	case domain.IsPermanent(err):
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: err.Error()})
	case err != nil:
		return fmt.Errorf("push %s: %w", at, err)
	}
	if parcel.replaces, err = c.ledger.before(ctx, e); err != nil {
		return fmt.Errorf("push %s: %w", at, err)
	}
	e.Calls, e.Calling = e.Calls+1, c.now()
	if tag, err = c.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("push %s: %w", at, err)
	}
	calling, cancel := context.WithTimeout(ctx, c.timeout)
	answer, err := to.push(calling, parcel)
	cancel()
	// What came of the call is written down also when this process is being shut down.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return c.pushed(ctx, e, tag, answer, err)
}

// unsentReason says why something that was never sent is withdrawn.
func unsentReason(e entry) string {
	return note.Unsent.Say(cmp.Or(e.Recalled, note.TakenDown.Say()))
}

// pushed writes down what came of a push.
func (c *pusher) pushed(ctx context.Context, e entry, tag string, answer outcome, err error) error {
	switch {
	case err == nil:
		return c.settle(ctx, e, tag, answer)
	case errors.Is(err, errUnanswered):
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationUnknown, reason: err.Error()})
	case domain.IsPermanent(err):
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: err.Error()})
	case e.Calls >= c.attempts:
		return c.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: note.GaveUp.Say(e.Calls, err)})
	}
	e.NotBefore, e.Value.Reason = c.now().Add(pauseAfter(e.Calls, err)), err.Error()
	if e, err = c.ledger.conclude(ctx, e, tag); err != nil {
		return fmt.Errorf("push %s: %w", e.key(), err)
	}
	c.log.Info("publication waits", "clip_id", e.Value.Clip, "destination", e.Value.Destination, "calls", e.Calls, "until", e.NotBefore, "reason", e.Value.Reason)
	return c.enqueue(ctx, e)
}

func (c *pusher) settle(ctx context.Context, e entry, tag string, o outcome) error {
	e.Value.State, e.Value.RemoteID, e.Value.URL, e.Value.Reason = o.state, o.remoteID, o.url, o.reason
	e.NotBefore, e.Changed = time.Time{}, c.now()
	e, err := c.ledger.conclude(ctx, e, tag)
	if err != nil {
		return err
	}
	c.settled.WithLabelValues(string(o.state)).Inc()
	c.log.Info("publication settled", "clip_id", e.Value.Clip, "destination", e.Value.Destination, "state", o.state, "reason", o.reason)
	return c.close(ctx, e)
}

// close tells of a settled entry and ends what its being there ends: the revisions before it are taken back. One that is to be
// taken back itself stays open.
func (c *pusher) close(ctx context.Context, e entry) error {
	if err := c.ledger.publishChange(ctx, e); err != nil {
		return err
	}
	if e.isPublished() && e.Recalled == "" {
		if err := c.replace(ctx, e); err != nil {
			return fmt.Errorf("replace revisions before %s: %w", e.key(), err)
		}
	}
	if e.open() {
		return nil
	}
	return c.ledger.unmarkOpen(ctx, e.key())
}

// replace has the older revisions at the same destination taken back. One whose ID the destination gave to the newer one was
// replaced there: to take it back would take the newer one.
func (c *pusher) replace(ctx context.Context, by entry) error {
	if by.Value.Revision == 0 { // the first
		return nil
	}
	entries, err := c.ledger.entriesOf(ctx, by.Envelope.Tenant, by.Value.Clip)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Value.Destination == by.Value.Destination && e.Value.Revision < by.Value.Revision {
			reason := note.Replaced.Say(by.Value.Revision)
			if id := by.Value.RemoteID; id != "" && id == e.Value.RemoteID && e.isPublished() {
				err = c.supplant(ctx, e.key(), reason)
			} else {
				err = c.recall(ctx, e.key(), reason)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// supplant writes that the destination has another revision in this one's place.
func (c *pusher) supplant(ctx context.Context, at entryKey, reason string) error {
	e, tag, err := c.ledger.read(ctx, at)
	if err != nil || e.isWithdrawn() {
		return err
	}
	e.Recalled = reason
	return c.withdrawn(ctx, e, tag, reason)
}

// recall has a publication taken back, unless there is nothing to take.
func (c *pusher) recall(ctx context.Context, at entryKey, reason string) error {
	e, err := c.ledger.recall(ctx, at, reason)
	if err != nil || !e.open() {
		return err
	}
	return c.begin(ctx, e)
}

// publicationOf finds what is to be handed over. Of a clip that has a newer revision by now it gives the manifest only.
func (c *pusher) publicationOf(ctx context.Context, e entry, to connector) (publication, error) {
	found := publication{entryKey: e.key(), hash: e.Hash}
	if _, err := blob.ReadJSON(ctx, c.store, record.Manifest(e.Envelope.Tenant, e.Value.Clip), &found.manifest); err != nil {
		return found, permanentIfMissing(err)
	}
	if found.manifest.Rendered.Hash != e.Hash {
		return found, nil
	}
	for _, rendition := range found.manifest.Rendered.Renditions {
		if to.profile() == "" || to.profile() == rendition.Profile {
			found.rendition = rendition
			return found, nil
		}
	}
	return found, domain.Permanent(note.NoRendition.Errorf(to.profile()))
}

func permanentIfMissing(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return domain.Permanent(err)
	}
	return err
}
