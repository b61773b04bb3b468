package asr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/lease"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// room looks after one attached stream for as long as it is attached. Its goroutine owns the lease and the broadcast.
type room struct {
	*Service
	order domain.StreamState // source and lane; a change of them makes a new room
	hard  context.Context    // outlives a stop, so that what was recorded is brought home
	log   *slog.Logger

	arrived    chan arrival
	stopped    chan struct{} // closed when run has returned
	mu         sync.Mutex
	publishing bool // somebody publishes, or is being let in

	lease        *lease.Lease
	leaseErr     chan error // gives why the lease was lost
	stopHolding  context.CancelFunc
	broadcast    *broadcast // nil: not on air
	stored       <-chan struct{}
	goneAt       time.Time // when the source of broadcast left
	goneReason   string    // and why
	pullFailures int       // pulls in a row that recorded nothing
	lastTrouble  string    // why the source cannot be reached, as last published

	stopping bool // told to stop, rather than at the source's end
}

// arrival is a publisher that waits to be admitted.
type arrival struct {
	publisher *publisher
	answer    chan error
}

var (
	errDetached = errors.New("the stream was detached")
	errBusy     = errors.New("the stream is being published already")
)

// archivePatience is how long the utterances that wait at the end of an archived recording may take.
const archivePatience = 10 * time.Minute

func (r *room) isPush() bool { return r.order.Source == domain.SourcePush }

// unpaced reports whether the source is read once, to its end, as fast as it is recognised.
func (r *room) unpaced() bool { return r.order.Lane == domain.LaneBatch }

// run keeps the stream recorded until ctx ends; its cause is the reason.
func (r *room) run(ctx context.Context) {
	defer func() {
		r.stopping = true
		r.endBroadcast(reasonOf(context.Cause(ctx)))
		r.releaseLease()
	}()
	if done := r.resume(ctx); done {
		r.detach()
		return
	}
	for ctx.Err() == nil {
		if r.isPush() {
			r.awaitPush(ctx)
		} else if done := r.pull(ctx); done {
			return
		}
	}
}

func reasonOf(cause error) string {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return errShutdown.Error()
	}
	return cause.Error()
}

// timeLeft is how long until the broadcast that lost its source is closed.
func (r *room) timeLeft() time.Duration { return r.cfg.Rejoin - r.now().Sub(r.goneAt) }

// rejoinEnds fires when that time is over; never, with no broadcast on air.
func (r *room) rejoinEnds() <-chan time.Time {
	if r.broadcast == nil {
		return nil
	}
	return time.After(r.timeLeft())
}

// awaitPush waits for a publisher, the end of the rejoin window, or the loss of the lease, and handles it.
func (r *room) awaitPush(ctx context.Context) {
	rejoin := r.rejoinEnds()
	select {
	case <-ctx.Done():
	case <-rejoin:
		r.endBroadcast(r.goneReason)
	case <-r.stored:
		r.releaseLease()
	case err := <-r.leaseErr:
		r.loseLease(err)
	case a := <-r.arrived:
		err := r.acquireLease(ctx)
		a.answer <- err
		if err == nil {
			reason, err := r.record(ctx, &session{push: a.publisher, order: r.recordOrder("", nil)})
			r.sourceGone(ctx, reason, err)
			r.releaseUnusedLease()
		}
		r.mu.Lock()
		r.publishing = false
		r.mu.Unlock()
	}
}

// admit lets a publisher in, or gives the reason why not.
func (r *room) admit(ctx context.Context, p *publisher) error {
	r.mu.Lock()
	busy := r.publishing
	r.publishing = true
	r.mu.Unlock()
	if busy {
		return refusal{"busy", fmt.Errorf("stream %s: %w", p.ref, errBusy)}
	}
	a := arrival{p, make(chan error, 1)}
	select {
	case r.arrived <- a:
	case <-ctx.Done():
		return errShutdown
	case <-r.stopped:
		return errShutdown
	}
	select {
	case err := <-a.answer:
		if err != nil {
			return refusal{"owner", fmt.Errorf("stream %s: %w", p.ref, err)}
		}
		return nil
	case <-ctx.Done():
		return errShutdown
	}
}

func (r *room) recordOrder(source string, schemes []string) *mediav1.RecordOrder {
	part := r.cfg.Part
	if r.unpaced() {
		part = time.Second
	}
	return &mediav1.RecordOrder{Url: source, Paced: strings.HasPrefix(source, "file:") && !r.unpaced(), PartLength: int64(part), IdleTimeout: int64(r.cfg.Idle),
		Pcm: r.needsSound(), Captions: r.captionChannel(), AllowedSchemes: schemes, PublicOnly: !r.cfg.AllowPrivate}
}

// record runs a session; a lost lease stops it at once.
func (r *room) record(ctx context.Context, s *session) (reason string, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	lost := r.leaseErr
	watch.Go(func() {
		select {
		case err := <-lost:
			stop(err)
			lost <- err // for the room
		case <-ended:
		}
	})
	s.room, s.gap, s.began = r, r.goneReason, r.now()
	if r.broadcast != nil {
		s.order.Run, s.order.StartAt = r.broadcast.nextRun(r.now())
	}
	reason, err = s.run(ctx)
	close(ended)
	watch.Wait()
	select {
	case err := <-r.leaseErr:
		r.loseLease(err)
	default:
	}
	return reason, err
}

// begin is called with every run's parameters; the first open the broadcast.
func (r *room) begin(ctx context.Context, s *session, p *mediav1.Parameters) error {
	if r.broadcast == nil {
		started := s.began
		if s.push != nil {
			started = s.push.first
		}
		b, err := r.openBroadcast(r.hard, broadcastIdentity{ref: r.order.Ref, id: r.newID(started), epoch: r.lease.Owner.Epoch, lane: r.lane(),
			live: !r.unpaced(), source: r.order.Source, startedAt: started}, resumption{})
		if err != nil {
			return err
		}
		r.broadcast, r.stored = b, nil
		b.log.Info("broadcast opened", "source", redacted(r.order.Source))
	}
	return r.broadcast.beginRun(ctx, p, s.gap)
}

func (r *room) newID(started time.Time) domain.BroadcastID {
	if r.unpaced() {
		return domain.ArchivedBroadcast(r.order.Ref)
	}
	return domain.BroadcastID(domain.H("broadcast", r.order.Ref.String(), strconv.FormatInt(started.UnixNano(), 10), strconv.FormatInt(r.lease.Owner.Epoch, 10)))
}

func (r *room) lane() domain.Lane {
	if r.order.Lane == "" {
		return domain.LaneLive
	}
	return r.order.Lane
}

// sourceGone begins the wait for the source to come back.
func (r *room) sourceGone(ctx context.Context, reason string, err error) {
	if err != nil {
		reason = note.Plain(err).Error()
		r.log.Warn("source failed", "error", err)
	}
	if r.broadcast == nil || !r.broadcast.connected() {
		return
	}
	r.goneAt, r.goneReason = r.now(), reason
	r.broadcast.pause(ctx)
}

// endBroadcast closes the broadcast, if there is one.
func (r *room) endBroadcast(reason string) {
	if r.broadcast == nil {
		return
	}
	patience := r.cfg.Drain
	if r.unpaced() && !r.stopping {
		patience = archivePatience
	}
	r.broadcast.close(r.hard, reason, patience)
	r.stored, r.broadcast, r.goneReason, r.goneAt = r.broadcast.stored, nil, "", time.Time{}
}

// finish closes the broadcast of a source that has ended, and detaches the stream.
func (r *room) finish(reason string, err error) {
	if err != nil {
		reason = note.Plain(err).Error()
	}
	if r.broadcast == nil {
		r.publishFailed(reason)
	}
	r.endBroadcast(reason)
	r.releaseLease()
	r.detach()
}

// detach publishes the stream's newest state as detached, unless the stream was attached anew since.
func (r *room) detach() {
	state, ok := r.newestState(r)
	if !ok {
		return
	}
	state.Attached, state.Changed = false, r.now()
	r.publish(r.hard, event.Envelope{ID: domain.H("event", string(event.StreamState), r.order.Ref.String(), r.order.Changed.String(), "ended")}, state)
}

// publishFailed publishes the end of a recording of which nothing could be read, for those who wait for its end.
func (r *room) publishFailed(reason string) {
	envelope := event.Envelope{Broadcast: domain.ArchivedBroadcast(r.order.Ref)}
	id := r.order.Changed.String()
	envelope.ID = domain.H("event", "failed", string(envelope.Broadcast), id)
	r.publish(r.hard, envelope, domain.BroadcastChanged{Change: domain.BroadcastClosed, Source: r.order.Source, Reason: reason})
	envelope.ID = domain.H("event", "failed", string(envelope.Broadcast), id, "closed")
	r.publish(r.hard, envelope, domain.StreamProgress{Closed: true, By: "asr"})
}

// publish publishes an event that belongs to no broadcast, and retries until ctx ends.
func (r *room) publish(ctx context.Context, e event.Envelope, payload any) {
	e.Tenant, e.Stream, e.Lane, e.Wall = r.order.Ref.Tenant, r.order.Ref.Stream, r.lane(), r.now()
	if r.lease != nil {
		e.Epoch = r.lease.Owner.Epoch
	}
	for wait := publishRetryLeast; ; wait = min(2*wait, publishRetryMost) {
		err := r.bus.Publish(ctx, event.Event{Envelope: e, Payload: payload})
		if err == nil || ctx.Err() != nil || domain.IsPermanent(err) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// redacted is a source without its secrets.
func redacted(source string) string {
	u, err := url.Parse(source)
	if err != nil {
		return "unreadable"
	}
	u.RawQuery = ""
	return u.Redacted()
}
