// Package story follows every clip's story (clip.state.v1) and finds the clips whose next step never came: the sweepers of
// t2v and review put those back on their queues, and retention spares what they still need.
package story

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Clip is what is known of one clip's newest revision: the latest record of each step, by its time.
type Clip struct {
	Envelope event.Envelope // of the newest step
	Steps    map[domain.Step]domain.ClipStep
	Sent     map[string]domain.ClipStep // by destination
}

// Table holds the stories of clips that have not ended. Safe for concurrent use.
type Table struct {
	bus   *bus.Bus
	keep  time.Duration
	now   func() time.Time
	log   *slog.Logger
	limit int // clips held; beyond it the oldest are let go and logged

	mu       sync.Mutex
	clips    map[domain.ClipID]*clipEntry
	caughtUp bool
	unpruned int // records taken since the table was last pruned
}

type clipEntry struct {
	Clip
	revision int
	newest   time.Time
}

// abandoned is how long after its last step nothing is expected of a clip any more: nobody decided on it.
const abandoned = 30 * 24 * time.Hour

// New reads nothing yet. Clips whose story ended (rejected, failed, taken down, published) are let go when their last
// step is older than keep: until then a person may still turn it.
func New(b *bus.Bus, keep time.Duration, now func() time.Time, log *slog.Logger) *Table {
	return &Table{bus: b, keep: keep, now: now, log: log, limit: 20_000, clips: map[domain.ClipID]*clipEntry{}}
}

// Run follows clip.state.v1 from its start until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	return t.bus.Tail(ctx, []event.Topic{event.ClipState}, bus.FromStart, func(_ context.Context, e event.Event) error {
		if step, ok := e.Payload.(domain.ClipStep); ok {
			t.take(e.Envelope, step)
		}
		return nil
	}, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.caughtUp = true
	})
}

func (t *Table) take(envelope event.Envelope, step domain.ClipStep) {
	at := step.At
	if at.IsZero() {
		at, step.At = envelope.Wall, envelope.Wall
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clips[step.Clip]
	switch {
	case c != nil && step.Revision < c.revision:
		return // of a clip that has been edited since
	case c == nil || step.Revision > c.revision:
		c = &clipEntry{revision: step.Revision, Clip: Clip{Steps: map[domain.Step]domain.ClipStep{}, Sent: map[string]domain.ClipStep{}}}
		t.clips[step.Clip] = c
	}
	// A rule's verdict may be told after the person's that came between its writing and its telling.
	if !step.At.Before(c.Steps[step.Step].At) {
		c.Steps[step.Step] = step
	}
	if step.Step == domain.StepSent && !step.At.Before(c.Sent[step.Destination].At) {
		c.Sent[step.Destination] = step
	}
	if !at.Before(c.newest) {
		c.newest, c.Envelope = at, envelope
	}
	if t.unpruned++; t.unpruned >= 1024 || len(t.clips) > t.limit {
		t.prune()
	}
}

// ended says that nothing more is to come of itself.
func (c *clipEntry) ended() bool {
	_, published := c.Steps[domain.StepPublished]
	return published || c.stopped()
}

// stopped says that the clip shall go no further.
func (c *clipEntry) stopped() bool {
	_, failed := c.Steps[domain.StepFailed]
	_, down := c.Steps[domain.StepTakenDown]
	decided := c.Steps[domain.StepDecided].Decided
	return failed || down || decided != nil && (decided.Verdict == domain.VerdictRejected || decided.TakeDown)
}

func (t *Table) prune() {
	t.unpruned = 0
	now := t.now()
	maps.DeleteFunc(t.clips, func(_ domain.ClipID, c *clipEntry) bool {
		age := now.Sub(c.newest)
		return c.ended() && age > t.keep || age > abandoned
	})
	over := len(t.clips) - t.limit
	if over <= 0 {
		return
	}
	over += t.limit / 10 // not again at the next record
	ids := slices.SortedFunc(maps.Keys(t.clips), func(a, b domain.ClipID) int {
		return t.clips[a].newest.Compare(t.clips[b].newest)
	})
	for _, id := range ids[:min(over, len(ids))] {
		delete(t.clips, id)
	}
	t.log.Warn("too many open clips, the oldest are no longer followed", "let_go", over, "limit", t.limit)
}

// CaughtUp: the story was read to its end once.
func (t *Table) CaughtUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.caughtUp
}

// Waiting gives the clips that took step `done` at least age ago and have not taken step `missing`, nor failed, nor were
// rejected or taken down, the longest waiting first. It gives none before the story was read to its end once.
func (t *Table) Waiting(done, missing domain.Step, age time.Duration) []Clip {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.caughtUp {
		return nil
	}
	t.prune()
	until := t.now().Add(-age)
	var waiting []Clip
	for _, c := range t.clips {
		took, ok := c.Steps[done]
		if _, went := c.Steps[missing]; !ok || went || c.stopped() || took.At.After(until) {
			continue
		}
		waiting = append(waiting, Clip{c.Envelope, maps.Clone(c.Steps), maps.Clone(c.Sent)})
	}
	slices.SortFunc(waiting, func(a, b Clip) int {
		return cmp.Or(a.Steps[done].At.Compare(b.Steps[done].At), cmp.Compare(a.Steps[done].Clip, b.Steps[done].Clip))
	})
	return waiting
}

// Sweep calls again for every waiting clip, every period, until ctx ends (nil). again must be harmless to repeat; what it
// could not do is tried at the next sweep.
func (t *Table) Sweep(ctx context.Context, done, missing domain.Step, age, period time.Duration, again func(ctx context.Context, c Clip) error) error {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		for _, c := range t.Waiting(done, missing, age) {
			if err := again(ctx, c); err != nil && ctx.Err() == nil {
				t.log.Warn("waiting clip not put back", "clip_id", c.Steps[done].Clip, "missing", missing, "error", err)
			}
			if ctx.Err() != nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}
