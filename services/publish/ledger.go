package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

// entry is the ledger's record of one clip at one destination; read as a record.Of[domain.PublicationChanged] it is that.
type entry struct {
	record.Of[domain.PublicationChanged]
	Hash      string    // of the clip that is to be published
	Calls     int       // begun so far
	Calling   time.Time // when the call that has no answer yet was begun; zero: none
	NotBefore time.Time // of the next call
	Changed   time.Time // of the state

	Withdrawals int  // calls begun to take it back
	Withdrawing bool // one of them has no answer yet
}

// final reports that nothing is left to do by itself.
func (e entry) final() bool { return e.Value.State != domain.PublicationIntended }

// ended counts the calls that came to an end.
func (e entry) ended() int {
	n := e.Calls + e.Withdrawals
	if !e.Calling.IsZero() {
		n--
	}
	if e.Withdrawing {
		n--
	}
	return n
}

// ledger keeps the publications in the object store and tells of their changes.
type ledger struct {
	store blob.Store
	bus   publisher
	now   func() time.Time
}

// place names a ledger entry; it is a job's payload.
type place struct {
	Tenant      domain.Tenant
	Clip        domain.ClipID
	Revision    int
	Destination string
}

func (p place) key() string { return record.Publication(p.Tenant, p.Clip, p.Revision, p.Destination) }

// String is also the idempotency key.
func (p place) String() string { return fmt.Sprintf("%s/%d/%s", p.Clip, p.Revision, p.Destination) }

func (e entry) place() place {
	return place{e.Envelope.Tenant, e.Value.Clip, e.Value.Revision, e.Value.Destination}
}

// intend writes the entry unless there is one, and gives what stands.
func (l *ledger) intend(ctx context.Context, cause event.Envelope, d domain.Decided, destination string) (entry, error) {
	e := entry{
		Of: record.Of[domain.PublicationChanged]{Envelope: cause, Value: domain.PublicationChanged{
			Clip: d.Clip, Revision: d.Revision, Destination: destination, State: domain.PublicationIntended,
		}},
		Hash:    d.Hash,
		Changed: l.now(),
	}
	_, err := blob.WriteNewJSON(ctx, l.store, e.place().key(), &e)
	return e, err
}

// read gives the entry and its tag; blob.ErrNotFound.
func (l *ledger) read(ctx context.Context, p place) (entry, string, error) {
	var e entry
	tag, err := blob.ReadJSON(ctx, l.store, p.key(), &e)
	return e, tag, err
}

// write replaces the version of the tag; blob.ErrChanged.
func (l *ledger) write(ctx context.Context, e entry, tag string) (string, error) {
	return blob.ReplaceJSON(ctx, l.store, e.place().key(), e, tag)
}

// settle sets the state that came of a call whose mark is at tag, and tells of it. When somebody has meanwhile found the
// mark and called the outcome unknown, the one who was there knows better; a withdrawal stands.
func (l *ledger) settle(ctx context.Context, e entry, tag string, outcome domain.PublicationChanged) error {
	e.Value, e.Calling, e.NotBefore, e.Changed = outcome, time.Time{}, time.Time{}, l.now()
	for range 3 {
		_, err := l.write(ctx, e, tag)
		if err == nil {
			return l.tell(ctx, e)
		}
		if !errors.Is(err, blob.ErrChanged) {
			return err
		}
		now, newer, err := l.read(ctx, e.place())
		if err != nil {
			return err
		}
		if now.Value.State != domain.PublicationUnknown && now.Value.State != domain.PublicationIntended {
			return nil
		}
		tag = newer
	}
	return fmt.Errorf("settle publication %s: %w", e.place(), blob.ErrChanged)
}

// tell announces the entry as it stands; a repeat is the same events again.
func (l *ledger) tell(ctx context.Context, e entry) error {
	p := e.Value
	events := []event.Event{e.Envelope.Follow(p, e.Changed, p.Destination+"/"+string(p.State))}
	if e.final() {
		step := domain.ClipStep{
			Clip: p.Clip, Revision: p.Revision, Step: domain.StepSent, Destination: p.Destination,
			At: e.Changed, Note: p.Reason, Publication: &p,
		}
		events = append(events, e.Envelope.Follow(step, e.Changed, "sent/"+p.Destination+"/"+string(p.State)))
	}
	if err := l.bus.Publish(ctx, events...); err != nil {
		return fmt.Errorf("tell of publication %s: %w", e.place(), err)
	}
	return nil
}

// takenDown reports whether the clip was.
func (l *ledger) takenDown(ctx context.Context, p place) (bool, error) {
	_, err := l.store.Stat(ctx, record.TakeDown(p.Tenant, p.Clip))
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// of lists the entries of a clip, of all revisions and destinations.
func (l *ledger) of(ctx context.Context, t domain.Tenant, c domain.ClipID) ([]entry, error) {
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
