package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/record"
)

const (
	kindPush     = "publication:push"
	kindWithdraw = "publication:withdraw"

	firstPause = 2 * time.Second  // before the second call; doubled each time
	longPause  = 10 * time.Minute // at most, when the destination names none
	askedPause = time.Hour        // at most, when it does
)

// parcel is what a connector hands over.
type parcel struct {
	place
	manifest  domain.Manifest
	rendition domain.Rendition
}

// outcome is a destination's answer.
type outcome struct {
	state    domain.PublicationState
	remoteID string
	url      string
	reason   string
}

// connector brings clips to one destination. Its errors: errUnanswered, a *patience, a permanent one, or any other, after
// which the same call may be made again.
type connector interface {
	push(ctx context.Context, p parcel) (outcome, error)
	withdraw(ctx context.Context, p parcel, remoteID string) error
	// repeatable reports that a call whose end nobody saw may simply be made again.
	repeatable() bool
	profile() string
}

// errUnanswered says that the request went out and no answer came back.
var errUnanswered = errors.New("the request was sent and no answer came")

// patience is a destination's wish to be called later.
type patience struct {
	reason string
	after  time.Duration // 0: it does not say
}

func (p *patience) Error() string { return p.reason }

// queue is the job client as this service needs it.
type queue interface {
	Enqueue(ctx context.Context, j job.Job) error
}

// pusher does the jobs of publications.
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

// enqueue has the entry's next call made. The ID counts the calls that ended: a job that asks for another call after a pause
// queues a new one, while a call that is still under way is never joined by a second.
func (p *pusher) enqueue(ctx context.Context, kind string, e entry) error {
	payload, err := json.Marshal(e.place())
	if err != nil {
		return domain.Permanent(fmt.Errorf("enqueue %s %s: %w", kind, e.place(), err))
	}
	return p.queue.Enqueue(ctx, job.Job{
		Kind:    kind,
		ID:      fmt.Sprintf("%s/%s/%s.%d/%d", kind, e.Value.Clip, e.Value.Destination, e.ended(), e.Value.Revision),
		Lane:    e.Envelope.Lane,
		Payload: payload,
		Delay:   max(0, e.NotBefore.Sub(p.now())),
	})
}

// push is the handler of kindPush.
func (p *pusher) push(ctx context.Context, j job.Job) error {
	at, err := placeOf(j)
	if err != nil {
		return err
	}
	e, tag, err := p.ledger.read(ctx, at)
	if err != nil {
		return fmt.Errorf("push %s: %w", at, permanentIfMissing(err))
	}
	if e.final() {
		return p.ledger.tell(ctx, e) // it may have been settled by one who died before telling
	}
	c, known := p.connectors[at.Destination]
	down, err := p.ledger.takenDown(ctx, at)
	switch {
	case err != nil:
		return fmt.Errorf("push %s: %w", at, err)
	case !known:
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: "the destination is not configured any more"})
	case !e.Calling.IsZero() && !c.repeatable():
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationUnknown, reason: "a call was begun and its end was not seen"})
	case down:
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationWithdrawn, reason: "taken down before it was sent"})
	case p.now().Before(e.NotBefore):
		return fmt.Errorf("push %s: the destination asked to wait until %s", at, e.NotBefore.Format(time.RFC3339))
	}
	parcel, err := p.pack(ctx, e, c)
	if domain.IsPermanent(err) {
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: err.Error()})
	}
	if err != nil {
		return fmt.Errorf("push %s: %w", at, err)
	}
	e.Calls, e.Calling = e.Calls+1, p.now()
	if tag, err = p.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("push %s: %w", at, err)
	}
	calling, cancel := context.WithTimeout(ctx, p.timeout)
	answer, err := c.push(calling, parcel)
	cancel()
	// What came of the call is written down also when this process is being shut down.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return p.concluded(ctx, kindPush, e, tag, answer, err)
}

// concluded writes down what came of a call.
func (p *pusher) concluded(ctx context.Context, kind string, e entry, tag string, answer outcome, err error) error {
	switch {
	case err == nil:
		return p.settle(ctx, e, tag, answer)
	case errors.Is(err, errUnanswered):
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationUnknown, reason: err.Error()})
	case domain.IsPermanent(err):
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: err.Error()})
	case e.Calls >= p.attempts:
		return p.settle(ctx, e, tag, outcome{state: domain.PublicationFailed, reason: fmt.Sprintf("gave up after %d calls: %v", e.Calls, err)})
	}
	e.Calling, e.NotBefore, e.Value.Reason = time.Time{}, p.now().Add(pauseAfter(e.Calls, err)), err.Error()
	if _, err := p.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("%s %s: %w", kind, e.place(), err)
	}
	p.log.Info("publication waits", "clip_id", e.Value.Clip, "destination", e.Value.Destination, "calls", e.Calls, "until", e.NotBefore, "reason", e.Value.Reason)
	return p.enqueue(ctx, kind, e)
}

func pauseAfter(calls int, err error) time.Duration {
	pause := min(longPause, firstPause<<min(calls-1, 16))
	pause += time.Duration(rand.Int64N(int64(pause)/5 + 1)) // so that many do not come back at once
	var p *patience
	if errors.As(err, &p) && p.after > 0 {
		return max(min(p.after, askedPause), time.Second)
	}
	return pause
}

func (p *pusher) settle(ctx context.Context, e entry, tag string, o outcome) error {
	value := e.Value
	value.State, value.RemoteID, value.URL, value.Reason = o.state, o.remoteID, o.url, o.reason
	if err := p.ledger.settle(ctx, e, tag, value); err != nil {
		return err
	}
	p.settled.WithLabelValues(string(o.state)).Inc()
	p.log.Info("publication settled", "clip_id", value.Clip, "destination", value.Destination, "state", o.state, "reason", o.reason)
	return nil
}

// pack finds what is to be handed over. A clip that has a newer revision by now is not.
func (p *pusher) pack(ctx context.Context, e entry, c connector) (parcel, error) {
	found := parcel{place: e.place()}
	if _, err := blob.ReadJSON(ctx, p.store, record.Manifest(e.Envelope.Tenant, e.Value.Clip), &found.manifest); err != nil {
		return found, permanentIfMissing(err)
	}
	if rendered := found.manifest.Rendered; rendered.Hash != e.Hash {
		return found, domain.Permanent(fmt.Errorf("replaced by revision %d", rendered.Revision))
	}
	for _, rendition := range found.manifest.Rendered.Renditions {
		if c.profile() == "" || c.profile() == rendition.Profile {
			found.rendition = rendition
			return found, nil
		}
	}
	return found, domain.Permanent(fmt.Errorf("the clip has no rendition in profile %q", c.profile()))
}

func placeOf(j job.Job) (place, error) {
	var at place
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return at, domain.Permanent(fmt.Errorf("job %s: %w", j.ID, err))
	}
	return at, nil
}

func permanentIfMissing(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return domain.Permanent(err)
	}
	return err
}
