package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Fields of a clip's hash.
const (
	fieldHighlight   = "highlight"
	fieldStep        = "step/"
	fieldRendered    = "rendered/"
	fieldPublication = "publication/"
	fieldByPerson    = "by_person"
)

// Clip is what is known of a clip.
type Clip struct {
	ID        domain.ClipID
	Envelope  event.Envelope    // of what was known first: its tenant, stream, broadcast and lane are the clip's
	Highlight *domain.Highlight // it came from; nil where only its steps are known
	// Steps are the last record of each step, revision and destination, oldest first.
	Steps        []domain.ClipStep
	Publications []Publication   // by destination and revision
	ByPerson     *domain.Decided // the last verdict a person gave here; review's step follows it
}

// Publication is a clip's state at one destination.
type Publication struct {
	domain.PublicationChanged
	At time.Time
}

func (v *Views) applyClip(ctx context.Context, e event.Event, clip domain.ClipID, f fact) error {
	if v.now().Sub(e.Wall) > v.keep {
		return nil
	}
	known := redis.ZAddArgs{LT: true, Members: []redis.Z{{Score: float64(e.Wall.UnixMilli()), Member: string(clip)}}}
	pipe := v.rdb.Pipeline()
	pipe.SAdd(ctx, tenantsKey, string(e.Tenant))
	pipe.ZAddArgs(ctx, clipsKey(e.Tenant, ""), known)
	pipe.ZAddArgs(ctx, clipsKey(e.Tenant, e.Stream), known)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("list clip %s in the views: %w", clip, err)
	}
	f.key = clipKey(e.Tenant, clip)
	return v.put(ctx, f, e)
}

// Clip gives one clip; ErrNotFound, ErrRebuilding.
func (v *Views) Clip(ctx context.Context, t domain.Tenant, id domain.ClipID) (Clip, error) {
	fields, err := v.rdb.HGetAll(ctx, clipKey(t, id)).Result()
	if err != nil {
		return Clip{}, fmt.Errorf("look up clip %s: %w", id, err)
	}
	if len(fields) == 0 {
		return Clip{}, v.missing(ctx)
	}
	return readClip(id, fields)
}

// Clips gives a page of clips, newest first: of a stream, or of the whole tenant when stream is empty. next is where the
// following page begins; empty: there is none. A page may hold fewer than limit.
func (v *Views) Clips(ctx context.Context, t domain.Tenant, stream domain.StreamID, after string, limit int) (clips []Clip, next string, err error) {
	if err := v.Built(ctx); err != nil {
		return nil, "", err
	}
	offset, err := pageOffset(after)
	if err != nil {
		return nil, "", err
	}
	ids, err := v.rdb.ZRevRange(ctx, clipsKey(t, stream), offset, offset+int64(limit)-1).Result()
	if err != nil {
		return nil, "", fmt.Errorf("list clips: %w", err)
	}
	pipe := v.rdb.Pipeline()
	answers := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		answers[i] = pipe.HGetAll(ctx, clipKey(t, domain.ClipID(id)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, "", fmt.Errorf("list clips: %w", err)
	}
	for i, id := range ids {
		if len(answers[i].Val()) == 0 {
			continue // forgotten meanwhile
		}
		clip, err := readClip(domain.ClipID(id), answers[i].Val())
		if err != nil {
			return nil, "", err
		}
		clips = append(clips, clip)
	}
	if len(ids) == limit {
		next = strconv.FormatInt(offset+int64(limit), 10)
	}
	return clips, next, nil
}

func pageOffset(after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0, domain.Permanent(fmt.Errorf("page %.40q: not a page that was given out", after))
	}
	return n, nil
}

// Forget lets go of a tenant's clips that are older than is kept, at most a thousand a call, and of recordings that were read
// as streams of a batch and ended as long ago.
func (v *Views) Forget(ctx context.Context, t domain.Tenant) error {
	if err := v.forgetBatches(ctx, t); err != nil {
		return err
	}
	before := strconv.FormatInt(v.now().Add(-v.keep).UnixMilli(), 10)
	ids, err := v.rdb.ZRangeByScore(ctx, clipsKey(t, ""), &redis.ZRangeBy{Min: "-inf", Max: before, Count: 1000}).Result()
	if err != nil {
		return fmt.Errorf("list old clips: %w", err)
	}
	for _, id := range ids {
		if err := v.forget(ctx, t, domain.ClipID(id)); err != nil {
			return fmt.Errorf("forget clip %s: %w", id, err)
		}
	}
	return nil
}

// forget takes the tenant's list last, so that what failed half-way is found again.
func (v *Views) forget(ctx context.Context, t domain.Tenant, id domain.ClipID) error {
	if clip, err := v.Clip(ctx, t, id); err == nil {
		if err := v.rdb.ZRem(ctx, clipsKey(t, clip.Envelope.Stream), string(id)).Err(); err != nil {
			return err
		}
	}
	if err := v.rdb.Del(ctx, clipKey(t, id)).Err(); err != nil {
		return err
	}
	return v.rdb.ZRem(ctx, clipsKey(t, ""), string(id)).Err()
}

func readClip(id domain.ClipID, fields map[string]string) (Clip, error) {
	clip := Clip{ID: id}
	var rendered []event.Event
	for field, value := range fields {
		if strings.HasPrefix(field, "v:") {
			continue
		}
		e, err := event.Decode([]byte(value))
		if err != nil {
			return Clip{}, fmt.Errorf("read %s of clip %s from the views: %w", field, id, err)
		}
		if clip.Envelope.ID == "" || e.Wall.Before(clip.Envelope.Wall) {
			clip.Envelope = e.Envelope
		}
		switch p := e.Payload.(type) {
		case domain.Highlight:
			clip.Highlight = &p
		case domain.ClipStep:
			clip.Steps = append(clip.Steps, p)
		case domain.Rendered:
			rendered = append(rendered, e)
		case domain.Decided:
			clip.ByPerson = &p
		case domain.PublicationChanged:
			clip.Publications = append(clip.Publications, Publication{p, e.Wall})
		}
	}
	for _, e := range rendered {
		clip.addRendered(e)
	}
	slices.SortFunc(clip.Steps, func(a, b domain.ClipStep) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(order(a.Step), order(b.Step)), cmp.Compare(a.Destination, b.Destination))
	})
	slices.SortFunc(clip.Publications, func(a, b Publication) int {
		return cmp.Or(cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.Revision, b.Revision))
	})
	return clip, nil
}

// addRendered adds the step "rendered" of an event that said so, unless the story tells it.
func (c *Clip) addRendered(e event.Event) {
	p := e.Payload.(domain.Rendered)
	told := slices.ContainsFunc(c.Steps, func(s domain.ClipStep) bool {
		return s.Step == domain.StepRendered && s.Revision == p.Revision
	})
	if !told {
		c.Steps = append(c.Steps, domain.ClipStep{Clip: c.ID, Revision: p.Revision, Step: domain.StepRendered, At: e.Wall, Rendered: &p})
	}
}

var usual = []domain.Step{domain.StepFound, domain.StepPlanned, domain.StepCut, domain.StepRendered, domain.StepDecided,
	domain.StepPublished, domain.StepSent, domain.StepFailed, domain.StepTakenDown}

func order(s domain.Step) int { return slices.Index(usual, s) }
