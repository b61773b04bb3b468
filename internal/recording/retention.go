package recording

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

const retentionMarkName = "kept.json"

// retentionMark is the record kept.json of a broadcast: before From only what open clips need is still there. It is
// written at least markedFor before anything goes.
type retentionMark struct {
	From time.Duration
	At   time.Time
}

// ErrRemoved says that retention took what was asked for. It is permanent.
var ErrRemoved = errors.New("the recording of that time is no longer kept")

const (
	// markedFor is how long what shall be removed is said to be, before it is: a clip that is asked for meanwhile still has it.
	markedFor = time.Minute
	// youngest is the age below which nothing is removed, however much there is: clips are made of it.
	youngest = 10 * time.Minute
	// tombstones of broadcasts are kept so long, to say that they were removed.
	tombstones = 30 * 24 * time.Hour
)

// Limits of what is kept of a stream; 0: no bound.
type Limits struct {
	Age   time.Duration
	Bytes int64 // all its broadcasts together
}

// Sweeper removes from the store what is beyond the limits, but never what an open clip needs. One at a time, also of several
// processes.
type Sweeper struct {
	Store  blob.Store
	Limits Limits
	// Beside names folders of a broadcast that others write, whose objects go by the limit of age alone.
	Beside []string
	// Needed are the windows that open clips need of a broadcast.
	Needed func(domain.BroadcastID) []domain.Window
	Now    func() time.Time
}

// Swept is what a sweep found and did.
type Swept struct {
	Removed, RemovedBytes int64 // objects, and their bytes
	Kept                  int64 // bytes of segments that stay
	Held                  int64 // of them, bytes beyond the limits that open clips need
}

// object is one object of a broadcast's folder.
type object struct {
	blob.Info
	segment SegmentName
	lines   linesName
	is      objectKind
}

type objectKind int

const (
	isOther objectKind = iota
	isSegment
	isLines
	isInit
	isClosed
	isKept
)

func objectOf(info blob.Info, name string) object {
	o := object{Info: info}
	var ok bool
	switch {
	case name == closedName:
		o.is = isClosed
	case name == retentionMarkName:
		o.is = isKept
	case strings.HasSuffix(name, ".init.mp4"):
		o.is = isInit
	default:
		if o.segment, ok = ParseSegmentName(name); ok {
			o.is = isSegment
		} else if o.lines, ok = parseLinesName(name); ok {
			o.is = isLines
		}
	}
	return o
}

// holding is what lies in the store of one broadcast.
type holding struct {
	ref       domain.Ref
	broadcast domain.BroadcastID
	objects   []object
	needed    []domain.Window
	mark      retentionMark // as it was
	from      time.Duration // everything that ends before is beyond the limits
}

func (h *holding) folder() string { return Folder(h.ref, h.broadcast) }

// Sweep looks at every recording once. A listing of the store is the index, in the order of streams and broadcasts.
func (s *Sweeper) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	var stream []*holding
	finish := func() error {
		defer func() { stream = nil }()
		return s.sweepStream(ctx, stream, &swept)
	}
	for info, err := range s.Store.List(ctx, "", "") {
		if err != nil {
			return swept, fmt.Errorf("sweep recordings: %w", err)
		}
		fields := strings.SplitN(info.Key, "/", 5)
		if len(fields) == 5 && slices.Contains(s.Beside, fields[3]) {
			if age := s.Limits.Age; age > 0 && s.Now().Sub(info.Modified) > age {
				if err := s.delete(ctx, object{Info: info}, &swept); err != nil {
					return swept, fmt.Errorf("sweep %s: %w", info.Key, err)
				}
			}
			continue
		}
		if len(fields) < 5 || fields[3] != "rec" {
			continue
		}
		ref := domain.Ref{Tenant: domain.Tenant(fields[0]), Stream: domain.StreamID(fields[1])}
		broadcast := domain.BroadcastID(fields[2])
		if len(stream) > 0 && stream[0].ref != ref {
			if err := finish(); err != nil {
				return swept, err
			}
		}
		if n := len(stream); n == 0 || stream[n-1].broadcast != broadcast {
			stream = append(stream, &holding{ref: ref, broadcast: broadcast})
		}
		h := stream[len(stream)-1]
		h.objects = append(h.objects, objectOf(info, fields[4]))
	}
	return swept, finish()
}

// sweepStream applies the limits to the broadcasts of one stream.
func (s *Sweeper) sweepStream(ctx context.Context, stream []*holding, swept *Swept) error {
	for _, h := range stream {
		if err := s.prepare(ctx, h); err != nil {
			return fmt.Errorf("sweep broadcast %s of %s: %w", h.broadcast, h.ref, err)
		}
	}
	s.judge(stream, swept)
	for _, h := range stream {
		err := s.announce(ctx, h)
		if err == nil {
			err = s.remove(ctx, h, swept)
		}
		if err != nil {
			return fmt.Errorf("sweep broadcast %s of %s: %w", h.broadcast, h.ref, err)
		}
	}
	return nil
}

// prepare reads what was marked before, and what is needed.
func (s *Sweeper) prepare(ctx context.Context, h *holding) error {
	if slices.ContainsFunc(h.objects, func(o object) bool { return o.is == isKept }) {
		if _, err := blob.ReadJSON(ctx, s.Store, h.folder()+retentionMarkName, &h.mark); err != nil && !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	h.needed = s.Needed(h.broadcast)
	for i, w := range h.needed { // with the random access point before it
		start := time.Duration(0)
		for _, o := range h.objects {
			if o.is == isSegment && o.segment.Keyframe && o.segment.Window.Start <= w.Start {
				start = max(start, o.segment.Window.Start)
			}
		}
		h.needed[i].Start = start
	}
	return nil
}

func (h *holding) needs(w domain.Window) bool {
	return slices.ContainsFunc(h.needed, func(n domain.Window) bool { return n.Overlap(w) > 0 })
}

// judge finds what is beyond the limits: the oldest of all the stream's broadcasts first.
func (s *Sweeper) judge(stream []*holding, swept *Swept) {
	type aged struct {
		object
		of *holding
	}
	var segments []aged
	var total int64
	for _, h := range stream {
		for _, o := range h.objects {
			if o.is == isSegment {
				segments = append(segments, aged{o, h})
				total += o.Size
			}
		}
	}
	slices.SortStableFunc(segments, func(a, b aged) int { return a.Modified.Compare(b.Modified) })
	now := s.Now()
	for _, o := range segments {
		age := now.Sub(o.Modified)
		old := s.Limits.Age > 0 && age > s.Limits.Age
		many := s.Limits.Bytes > 0 && total > s.Limits.Bytes && age > youngest
		if !old && !many {
			break
		}
		o.of.from = max(o.of.from, o.segment.Window.End)
		if o.of.needs(o.segment.Window) {
			swept.Held += o.Size
		} else {
			total -= o.Size
		}
	}
	swept.Kept += total
}

// announce says what will be removed. What was announced last comes first: moved on at every sweep, a mark would never grow old
// where sweeps follow each other closely.
func (s *Sweeper) announce(ctx context.Context, h *holding) error {
	if h.from <= h.mark.From || s.Now().Sub(h.mark.At) < markedFor {
		return nil
	}
	body, err := json.Marshal(retentionMark{From: h.from, At: s.Now()})
	if err != nil {
		return err
	}
	_, err = s.Store.Put(ctx, h.folder()+retentionMarkName, bytes.NewReader(body))
	return err
}

// remove removes what was announced, as long as nobody needs it; then initialisation segments that nothing is left of, and of
// a broadcast without segments everything, once nobody is to be told any more that it was removed.
func (s *Sweeper) remove(ctx context.Context, h *holding, swept *Swept) error {
	marked := h.mark.From > 0 && s.Now().Sub(h.mark.At) >= markedFor
	over, newest := false, time.Time{}
	runs := map[string]bool{} // whose segments stay
	var rest []object
	for _, o := range h.objects {
		if marked && h.goes(o) {
			if err := s.delete(ctx, o, swept); err != nil {
				return err
			}
			continue
		}
		rest = append(rest, o)
		runs[o.segment.InitName()] = runs[o.segment.InitName()] || o.is == isSegment
		over = over || o.is == isClosed
		if o.Modified.After(newest) {
			newest = o.Modified
		}
	}
	forgotten := s.Now().Sub(newest) > tombstones && !slices.ContainsFunc(rest, func(o object) bool { return o.is == isSegment })
	slices.SortStableFunc(rest, func(a, b object) int { return cmp.Compare(a.is, b.is) }) // the mark goes last
	for _, o := range rest {
		if forgotten || over && o.is == isInit && !runs[strings.TrimPrefix(o.Key, h.folder())] {
			if err := s.delete(ctx, o, swept); err != nil {
				return err
			}
		}
	}
	return nil
}

// goes: the object lies before the mark, and nobody needs it.
func (h *holding) goes(o object) bool {
	switch o.is {
	case isSegment:
		return o.segment.Window.End <= h.mark.From && !h.needs(o.segment.Window)
	case isLines:
		return o.lines.to <= h.mark.From && !h.needs(domain.Window{Start: o.lines.from, End: o.lines.to})
	}
	return false
}

func (s *Sweeper) delete(ctx context.Context, o object, swept *Swept) error {
	if err := s.Store.Delete(ctx, o.Key); err != nil {
		return err
	}
	swept.Removed++
	swept.RemovedBytes += o.Size
	return nil
}

// KeptFrom is the media time before which retention removes the broadcast's recording, or has; 0: it does not.
func (r *Reader) KeptFrom(ctx context.Context, ref domain.Ref, b domain.BroadcastID) (time.Duration, error) {
	if b == "" {
		return 0, nil
	}
	var k retentionMark
	if _, err := blob.ReadJSON(ctx, r.store, Folder(ref, b)+retentionMarkName, &k); err != nil && !errors.Is(err, blob.ErrNotFound) {
		return 0, fmt.Errorf("look up what is kept of broadcast %s: %w", b, err)
	}
	return k.From, nil
}
