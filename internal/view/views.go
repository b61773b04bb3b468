package view

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// ErrNotFound says that no view of that ID exists.
var ErrNotFound = errors.New("not known")

// ErrRebuilding says that Redis lost the views and they are being filled again: ask later.
var ErrRebuilding = errors.New("the views are being rebuilt")

// Views reads and writes the views. Safe for concurrent use, also by several processes.
type Views struct {
	rdb  redis.UniversalClient
	keep time.Duration
	now  func() time.Time
}

// New does not dial. Clips older than keep are not held.
func New(rdb redis.UniversalClient, keep time.Duration, now func() time.Time) *Views {
	return &Views{rdb: rdb, keep: keep, now: now}
}

const (
	prefix     = "liveclip:view:"
	tenantsKey = prefix + "tenants"       // set
	builtKey   = prefix + "{build}:built" // exists once the views hold everything the topics say
	buildKey   = prefix + "{build}:running"
)

func streamsKey(t domain.Tenant) string { return prefix + string(t) + ":streams" } // set of stream IDs
func streamKey(r domain.Ref) string     { return prefix + "stream:" + r.String() } // hash: fact → event

// clipsKey is a sorted set: clip ID by the ms it was first known; of one stream, or of the whole tenant.
func clipsKey(t domain.Tenant, s domain.StreamID) string {
	return prefix + string(t) + ":clips:" + string(s)
}

func clipKey(t domain.Tenant, c domain.ClipID) string {
	return prefix + "clip:" + string(t) + "/" + string(c)
}

// put sets a field and its version unless a later one is there.
var put = redis.NewScript(`
local old = redis.call('HGET', KEYS[1], 'v:' .. ARGV[1])
if old and old > ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], 'v:' .. ARGV[1], ARGV[2])
return 1`)

// fact is one field of a view.
type fact struct {
	key     string
	field   string
	version string // compared as text
}

func (v *Views) put(ctx context.Context, f fact, e event.Event) error {
	value, err := event.Encode(e)
	if err != nil {
		return err
	}
	if err := put.Run(ctx, v.rdb, []string{f.key}, f.field, f.version, value).Err(); err != nil {
		return fmt.Errorf("keep %s of %s in the views: %w", f.field, e.Ref(), err)
	}
	return nil
}

func number(n int64) string { return fmt.Sprintf("%020d", max(0, n)) }

func byOwner(e event.Event) string { return number(e.Epoch) + "." + number(e.Wall.UnixNano()) }

// Apply folds an event into the views; one that is older than what is known, or of no interest to them, changes nothing.
func (v *Views) Apply(ctx context.Context, e event.Event) error {
	switch p := e.Payload.(type) {
	case domain.StreamState:
		if v.outlived(p) { // as a rebuild reads it again
			return nil
		}
		return v.applyStream(ctx, e, fact{field: fieldState, version: number(p.Changed.UnixNano())})
	case domain.BroadcastChanged:
		if err := v.applyBeginning(ctx, e, p); err != nil {
			return err
		}
		return v.applyStream(ctx, e, fact{field: string(p.Change), version: byOwner(e)})
	case domain.StreamProgress:
		return v.applyProgress(ctx, e, p)
	case domain.SegmentRecorded:
		return v.applyStream(ctx, e, fact{field: fieldStored, version: number(e.Epoch) + "." + number(int64(p.Window.End))})
	case domain.Highlight:
		clip := domain.NewClipID(p.ID, "main")
		return v.applyClip(ctx, e, clip, fact{field: fieldHighlight, version: number(e.Wall.UnixNano())})
	case domain.ClipStep:
		field := fieldStep + strconv.Itoa(p.Revision) + "/" + string(p.Step) + "/" + p.Destination
		return v.applyClip(ctx, e, p.Clip, fact{field: field, version: number(p.At.UnixNano())})
	case domain.Rendered:
		// The same fact as the step "rendered", for a story that was cut off before that was told.
		return v.applyClip(ctx, e, p.Clip, fact{field: fieldRendered + strconv.Itoa(p.Revision), version: number(e.Wall.UnixNano())})
	case domain.Decided: // only what ops itself gave: shown until review's step tells it
		if p.TakeDown || p.Destination != "" {
			return nil // no verdict; the steps tell of it
		}
		return v.applyClip(ctx, e, p.Clip, fact{field: fieldByPerson, version: number(e.Wall.UnixNano())})
	case domain.PublicationChanged:
		return v.applyClip(ctx, e, p.Clip, fact{field: fieldPublication + number(int64(p.Revision)) + "/" + p.Destination, version: number(e.Wall.UnixNano())})
	}
	return nil
}

// Built reports whether the views hold what the topics say: ErrRebuilding until they do.
func (v *Views) Built(ctx context.Context) error {
	n, err := v.rdb.Exists(ctx, builtKey).Result()
	if err != nil {
		return fmt.Errorf("look at the views: %w", err)
	}
	if n == 0 {
		return ErrRebuilding
	}
	return nil
}

// missing says why something is not in the views.
func (v *Views) missing(ctx context.Context) error {
	if err := v.Built(ctx); err != nil {
		return err
	}
	return ErrNotFound
}
