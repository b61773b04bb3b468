package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/record"
)

// entry is the ledger's record of one revision of a clip at one destination; read as a record.Of[domain.PublicationChanged]
// it is that.
type entry struct {
	record.Of[domain.PublicationChanged]
	Hash      string    // of the revision
	Calls     int       // pushes begun so far
	Calling   time.Time // when the push that has no answer yet was begun; zero: none
	NotBefore time.Time // of the next call
	Changed   time.Time // of the state

	Recalled    string // why it is to be taken back; empty: it is to be there
	Withdrawals int    // calls begun to take it back
	Withdrawing bool   // one of them has no answer yet
	Left        bool   // nobody knows whether it could be taken back: a person is told, and it is not tried again

	Overtaken bool // a newer revision was playable before this one was sent
}

// settled reports that a push has come to an end, whichever.
func (e entry) settled() bool { return e.Value.State != domain.PublicationIntended }

// isWithdrawn reports that there is nothing to take back, or no longer.
func (e entry) isWithdrawn() bool {
	s := e.Value.State
	return s == domain.PublicationWithdrawn || s == domain.PublicationRejected || s == domain.PublicationFailed
}

// isPublished reports that the destination has taken it.
func (e entry) isPublished() bool {
	return e.Value.State == domain.PublicationAccepted || e.Value.State == domain.PublicationVisible
}

// open reports that something is left to do without a person.
func (e entry) open() bool { return !e.settled() || e.Recalled != "" && !e.isWithdrawn() && !e.Left }

// jobKind is the kind of job that is to be done next.
func (e entry) jobKind() string {
	if e.Recalled != "" {
		return kindWithdraw
	}
	return kindPush
}

// attemptsEnded counts the calls that came to an end.
func (e entry) attemptsEnded() int {
	n := e.Calls + e.Withdrawals
	if !e.Calling.IsZero() {
		n--
	}
	if e.Withdrawing {
		n--
	}
	return n
}

// entryKey names a ledger entry; it is a job's payload.
type entryKey struct {
	Tenant      domain.Tenant
	Clip        domain.ClipID
	Revision    int
	Destination string
}

func (p entryKey) path() string {
	return record.Publication(p.Tenant, p.Clip, p.Revision, p.Destination)
}

func (p entryKey) openPath() string {
	return record.OpenPublication(p.Tenant, p.Clip, p.Revision, p.Destination)
}

// String is also the idempotency key.
func (p entryKey) String() string { return fmt.Sprintf("%s/%d/%s", p.Clip, p.Revision, p.Destination) }

func (e entry) key() entryKey {
	return entryKey{e.Envelope.Tenant, e.Value.Clip, e.Value.Revision, e.Value.Destination}
}

func keyOf(j job.Job) (entryKey, error) {
	var at entryKey
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return at, domain.Permanent(fmt.Errorf("job %s: %w", j.ID, err))
	}
	return at, nil
}

// ledger keeps the publications in the object store and tells of their changes. An entry that is open has a note beside the
// ledger, written before anything is queued and removed when all is done and told: what is to be done outlives every queue.
type ledger struct {
	store blob.Store
	bus   publisher
	now   func() time.Time
}

// intend writes the entry unless there is one, and gives what stands.
func (l *ledger) intend(ctx context.Context, cause event.Envelope, d domain.Decided, destination string) (entry, error) {
	return l.intendAs(ctx, cause, d, destination, domain.PublicationIntended)
}

// intendAs does so with a state that it has already.
func (l *ledger) intendAs(ctx context.Context, cause event.Envelope, d domain.Decided, destination string, state domain.PublicationState) (entry, error) {
	e := entry{
		Of: record.Of[domain.PublicationChanged]{Envelope: cause, Value: domain.PublicationChanged{
			Clip: d.Clip, Revision: d.Revision, Destination: destination, State: state,
		}},
		Hash:    d.Hash,
		Changed: l.now(),
	}
	_, err := blob.WriteNewJSON(ctx, l.store, e.key().path(), &e)
	return e, err
}

// read gives the entry and its tag; blob.ErrNotFound.
func (l *ledger) read(ctx context.Context, p entryKey) (entry, string, error) {
	var e entry
	tag, err := blob.ReadJSON(ctx, l.store, p.path(), &e)
	return e, tag, err
}

// write replaces the version of the tag; blob.ErrChanged.
func (l *ledger) write(ctx context.Context, e entry, tag string) (string, error) {
	return blob.ReplaceJSON(ctx, l.store, e.key().path(), e, tag)
}

// renew makes an entry intended once more, if the cause may. Its calls go on counting.
func (l *ledger) renew(ctx context.Context, at entryKey, cause event.Envelope, d domain.Decided) (entry, error) {
	e, tag, err := l.read(ctx, at)
	if err != nil || !renews(e, cause) {
		return e, err
	}
	e.Envelope, e.Hash, e.Changed = cause, d.Hash, l.now()
	e.Value.State, e.Value.Reason = domain.PublicationIntended, ""
	_, err = l.write(ctx, e, tag)
	return e, err
}

// renews tells whether a call may be made once more because of this request. The request that the entry stands for has had
// its call: told again it changes nothing.
func renews(e entry, cause event.Envelope) bool {
	if e.Envelope.ID == cause.ID {
		return false
	}
	switch e.Value.State {
	case domain.PublicationFailed, domain.PublicationRejected, domain.PublicationUnknown:
		return true
	}
	return false
}

// takeDownDelay is how long after a decision every origin answers by it (package vod: a second). What a CDN fetches between its
// purge and that it would keep, so nothing is taken back before.
const takeDownDelay = 2 * time.Second

// recall writes down that the publication is to be taken back, and why; the first reason stands. It gives what stands.
func (l *ledger) recall(ctx context.Context, at entryKey, reason string) (entry, error) {
	for range 5 {
		e, tag, err := l.read(ctx, at)
		if err != nil || e.Recalled != "" || e.isWithdrawn() {
			return e, err
		}
		e.Recalled, e.NotBefore = reason, l.now().Add(takeDownDelay)
		_, err = l.write(ctx, e, tag)
		if !errors.Is(err, blob.ErrChanged) {
			return e, err
		}
	}
	return entry{}, fmt.Errorf("recall publication %s: %w", at, blob.ErrChanged)
}

// conclude writes what came of a push whose mark is at tag, and gives what stands. When somebody has meanwhile found the mark
// and called the outcome unknown, the one who was there knows better; a withdrawal stands, and so does a recall.
func (l *ledger) conclude(ctx context.Context, e entry, tag string) (entry, error) {
	e.Calling = time.Time{}
	for range 5 {
		_, err := l.write(ctx, e, tag)
		if !errors.Is(err, blob.ErrChanged) {
			return e, err
		}
		now, newer, err := l.read(ctx, e.key())
		if err != nil {
			return e, err
		}
		if now.Value.State != domain.PublicationUnknown && now.settled() {
			return now, nil
		}
		e.Recalled, tag = now.Recalled, newer
	}
	return e, fmt.Errorf("conclude publication %s: %w", e.key(), blob.ErrChanged)
}

// publishChange publishes the entry's state; a repeat publishes the same events again.
func (l *ledger) publishChange(ctx context.Context, e entry) error {
	p := e.Value
	events := []event.Event{e.Envelope.Follow(p, e.Changed, p.Destination+"/"+string(p.State))}
	if e.settled() {
		step := domain.ClipStep{
			Clip: p.Clip, Revision: p.Revision, Step: domain.StepSent, Destination: p.Destination,
			At: e.Changed, Note: p.Reason, Publication: &p,
		}
		events = append(events, e.Envelope.Follow(step, e.Changed, "sent/"+p.Destination+"/"+string(p.State)))
	}
	if err := l.bus.Publish(ctx, events...); err != nil {
		return fmt.Errorf("tell of publication %s: %w", e.key(), err)
	}
	return nil
}

// isTakenDown reports whether the clip was taken down.
func (l *ledger) isTakenDown(ctx context.Context, p entryKey) (bool, error) {
	_, err := l.store.Stat(ctx, record.TakeDown(p.Tenant, p.Clip))
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// entriesOf lists the entries of a clip, of all revisions and destinations.
func (l *ledger) entriesOf(ctx context.Context, t domain.Tenant, c domain.ClipID) ([]entry, error) {
	var entries []entry
	for info, err := range l.store.List(ctx, record.Publications(t, c), "") {
		if err != nil {
			return nil, err
		}
		var e entry
		if _, err := blob.ReadJSON(ctx, l.store, info.Key, &e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// before gives the newest of the older revisions that are at the entry's destination; nil: there is none.
func (l *ledger) before(ctx context.Context, e entry) (*domain.PublicationChanged, error) {
	if e.Value.Revision == 0 { // the first
		return nil, nil
	}
	entries, err := l.entriesOf(ctx, e.Envelope.Tenant, e.Value.Clip)
	var newest *domain.PublicationChanged
	for _, older := range entries {
		v := older.Value
		if v.Destination == e.Value.Destination && v.Revision < e.Value.Revision && older.isPublished() && (newest == nil || v.Revision > newest.Revision) {
			newest = &v
		}
	}
	return newest, err
}

// openMark lies beside the ledger while an entry is open.
type openMark struct {
	Place entryKey
	Since time.Time
}

// markOpen writes that the entry is open.
func (l *ledger) markOpen(ctx context.Context, at entryKey) error {
	_, err := blob.WriteNewJSON(ctx, l.store, at.openPath(), &openMark{at, l.now()})
	return err
}

// unmarkOpen removes the note of an entry that is not open any more. Whoever opens it again meanwhile has written a note that may
// go with it, so the entry is looked at once more.
func (l *ledger) unmarkOpen(ctx context.Context, at entryKey) error {
	if err := l.store.Delete(ctx, at.openPath()); err != nil {
		return fmt.Errorf("close publication %s: %w", at, err)
	}
	e, _, err := l.read(ctx, at)
	if err == nil && e.open() {
		err = l.markOpen(ctx, at)
	}
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// openKeys lists what is open since before a time.
func (l *ledger) openKeys(ctx context.Context, before time.Time) ([]entryKey, error) {
	var open []entryKey
	for info, err := range l.store.List(ctx, record.OpenPublications, "") {
		if err != nil {
			return open, err
		}
		var n openMark
		switch _, err := blob.ReadJSON(ctx, l.store, info.Key, &n); {
		case errors.Is(err, blob.ErrNotFound): // closed meanwhile
		case err != nil:
			return open, err
		case !n.Since.After(before):
			open = append(open, n.Place)
		}
	}
	return open, nil
}
