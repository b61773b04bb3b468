package recording

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

// lookBack is how far before a window its random access point is looked for first; then from the broadcast's beginning.
const lookBack = time.Minute

// fromStore gives what the store has of the window. end is set when the window's end was reached, or the broadcast's.
func (rd *reading) fromStore(ctx context.Context) (*End, error) {
	end, err := rd.closed(ctx) // before the listing: everything of a closed broadcast is in it
	if err != nil {
		return nil, err
	}
	if done, err := rd.storedParts(ctx); done || err != nil {
		return rd.reached(done), err
	}
	switch {
	case end == nil:
		return nil, nil
	case end.At < rd.window.End:
		return &End{At: end.At, Reason: closedReason(*end)}, nil
	}
	return &End{At: rd.to}, nil // the window ends in a gap
}

func (rd *reading) reached(done bool) *End {
	if !done {
		return nil
	}
	return &End{At: rd.to}
}

func (rd *reading) closed(ctx context.Context) (*closed, error) {
	var end closed
	_, err := blob.ReadJSON(ctx, rd.store, Folder(rd.ref, rd.broadcast)+closedName, &end)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &end, nil
}

// storedParts gives the parts of stored segments; done: the window's end was reached.
func (rd *reading) storedParts(ctx context.Context) (done bool, err error) {
	segments, err := rd.list(ctx)
	if err != nil {
		return false, err
	}
	var behind []Part // from a random access point on, before the window
	var init *Init
	var initFor string
	for _, s := range segments {
		if rd.began && s.Window.End <= rd.to {
			continue
		}
		if init == nil || s.InitName() != initFor {
			if init, err = rd.readInit(ctx, s.SegmentName); err != nil {
				return false, err
			}
			initFor = s.InitName()
		}
		done, err := rd.eachPart(ctx, s, func(p Part) (bool, error) {
			switch {
			case p.Window.Start >= rd.window.End:
				return true, nil
			case p.Window.End > s.until:
				return false, nil // a greater epoch took over
			case rd.began:
				return false, rd.give(init, p)
			case p.Keyframe && (p.Window.Start <= rd.window.Start || p.Window.End > rd.window.Start):
				behind = behind[:0]
			case len(behind) == 0:
				return false, nil // nothing to begin with yet
			}
			if p.Window.End <= rd.window.Start {
				behind = append(behind, p)
				return false, nil
			}
			for _, b := range behind {
				if err := rd.give(init, b); err != nil {
					return false, err
				}
			}
			return false, rd.give(init, p)
		})
		if done || err != nil {
			return done, err
		}
	}
	return rd.began && rd.to >= rd.window.End, nil
}

// storedSegment is a segment as far as it counts.
type storedSegment struct {
	SegmentName
	until time.Duration // a greater epoch begins here
}

// list gives the segments that can matter, in order of play.
func (rd *reading) list(ctx context.Context) ([]storedSegment, error) {
	from := rd.window.Start
	if rd.began {
		from = rd.to
	}
	for _, back := range []time.Duration{lookBack, from} {
		names, err := rd.listFrom(ctx, max(0, from-back))
		if err != nil {
			return nil, err
		}
		// Enough when it holds a random access point at or before the window, or there is nothing further back.
		if back >= from || rd.began || slices.ContainsFunc(names, func(n SegmentName) bool { return n.Keyframe && n.Window.Start <= from }) {
			return inOrder(fromRandomAccess(names, from)), nil
		}
	}
	return nil, nil
}

// fromRandomAccess leaves out what lies before the last segment that a reader from here on can begin with.
func fromRandomAccess(names []SegmentName, from time.Duration) []SegmentName {
	var begin time.Duration
	for _, n := range names {
		if n.Keyframe && n.Window.Start+time.Millisecond <= from { // names are to the millisecond
			begin = max(begin, n.Window.Start)
		}
	}
	return slices.DeleteFunc(names, func(n SegmentName) bool { return n.Window.Start < begin })
}

func (rd *reading) listFrom(ctx context.Context, from time.Duration) ([]SegmentName, error) {
	folder := Folder(rd.ref, rd.broadcast)
	var names []SegmentName
	for info, err := range rd.store.List(ctx, folder, fmt.Sprintf("%s%012d", folder, floorMS(from))) {
		if err != nil {
			return nil, err
		}
		name, ok := ParseSegmentName(strings.TrimPrefix(info.Key, folder))
		if !ok {
			continue
		}
		if name.Window.Start >= rd.window.End {
			break
		}
		names = append(names, name)
	}
	return names, nil
}

// inOrder sorts segments by time, and ends each where one of a greater epoch begins.
func inOrder(names []SegmentName) []storedSegment {
	slices.SortFunc(names, func(a, b SegmentName) int {
		return cmp.Or(cmp.Compare(a.Window.Start, b.Window.Start), cmp.Compare(b.Epoch, a.Epoch))
	})
	segments := make([]storedSegment, 0, len(names))
	for _, n := range names {
		until := time.Duration(1<<63 - 1)
		for _, o := range names {
			if o.Epoch > n.Epoch {
				until = min(until, o.Window.Start+time.Millisecond) // names are to the millisecond
			}
		}
		if n.Window.Start < until {
			segments = append(segments, storedSegment{n, until})
		}
	}
	return segments
}

// readInit reads the segment's initialisation segment.
func (rd *reading) readInit(ctx context.Context, n SegmentName) (*Init, error) {
	key := Folder(rd.ref, rd.broadcast) + n.InitName()
	body, _, err := rd.store.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	init, err := parseInitFile(b, n.Run)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("read %s: %w", key, err))
	}
	return &init, nil
}

// eachPart reads a segment's parts until one is enough.
func (rd *reading) eachPart(ctx context.Context, s storedSegment, take func(Part) (enough bool, err error)) (bool, error) {
	key := Folder(rd.ref, rd.broadcast) + s.String()
	body, _, err := rd.store.Get(ctx, key, 0, -1)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil // retention took it since it was listed
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	in := bufio.NewReaderSize(body, 256<<10)
	for {
		p, err := readPart(in)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", key, err)
		}
		if enough, err := take(p); enough || err != nil {
			return enough, err
		}
	}
}
