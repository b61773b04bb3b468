package recording

import (
	"context"
	"errors"
	"slices"
	"time"

	"liveclip/internal/domain"
)

// errCold: what is asked for has left the hot tail.
var errCold = errors.New("not in the hot tail any more")

// question is what a reader asks of the hot tail (see proto/recording/v1).
type question struct {
	window domain.Window
	follow bool // Start is where the asker's last part ended
	anyway bool // what is missing before the hot tail is a gap
}

// tail reads the hot tail of a Writer, waiting for what is still to come.
type tail struct {
	w    *Writer
	q    question
	next int64 // number of the part to give next; -1: not decided yet
}

func (w *Writer) tail(q question) *tail { return &tail{w: w, q: q, next: -1} }

// read gives the next part and the initialisation segment of its run. end is set when there is none.
func (t *tail) read(ctx context.Context) (part hotPart, init Init, end *End, err error) {
	for {
		t.w.mu.Lock()
		part, init, end, found, err := t.look()
		changed := t.w.changed
		t.w.mu.Unlock()
		if found || err != nil {
			return part, init, end, err
		}
		select {
		case <-ctx.Done():
			return hotPart{}, Init{}, nil, ctx.Err()
		case <-changed:
		}
	}
}

// look is read without waiting; the Writer is locked.
func (t *tail) look() (part hotPart, init Init, end *End, found bool, err error) {
	w := t.w
	if t.next < 0 {
		if err := t.begin(); err != nil {
			return part, init, nil, false, err
		}
	}
	if t.next >= 0 && t.next < w.first {
		return part, init, nil, false, errCold
	}
	to := w.recordedTo()
	if i := t.next - w.first; t.next >= 0 && i < int64(len(w.parts)) {
		part = w.parts[i]
		if part.Window.Start < t.q.window.End {
			t.next++
			return part, w.inits[initName(part.of.name.Epoch, part.Run)], nil, true, nil
		}
	}
	switch {
	case to >= t.q.window.End && len(w.parts) > 0:
		return part, init, &End{At: t.given(to)}, true, nil
	case w.end != nil:
		return part, init, &End{At: w.end.At, Reason: closedReason(*w.end)}, true, nil
	}
	return part, init, nil, false, nil
}

// given is where the last part given ended.
func (t *tail) given(to time.Duration) time.Duration {
	if i := t.next - t.w.first - 1; i >= 0 && i < int64(len(t.w.parts)) {
		return t.w.parts[i].Window.End
	}
	return min(to, t.q.window.End)
}

func closedReason(c closed) string { return "broadcast closed: " + c.Reason }

// begin decides which part comes first, once it is there.
func (t *tail) begin() error {
	w, start := t.w, t.q.window.Start
	if len(w.parts) == 0 {
		if !w.whole && !t.q.anyway {
			return errCold
		}
		return nil
	}
	if start < w.parts[0].Window.Start && !w.whole && !t.q.anyway {
		return errCold
	}
	if t.q.follow {
		i, _ := slices.BinarySearchFunc(w.parts, start, func(p hotPart, at time.Duration) int { return int(p.Window.Start - at) })
		if i < len(w.parts) {
			t.next = w.first + int64(i)
		}
		return nil
	}
	i := slices.IndexFunc(w.parts, func(p hotPart) bool { return p.Window.End > start })
	if i < 0 {
		return nil
	}
	first := randomAccess(w.parts, i, start)
	if first < 0 {
		if !w.whole && !t.q.anyway {
			return errCold
		}
		// There is none at or before: begin with the first one there is.
		if first = slices.IndexFunc(w.parts, func(p hotPart) bool { return p.Keyframe }); first < 0 {
			return nil
		}
	}
	t.next = w.first + int64(first)
	return nil
}

// randomAccess is the index to begin at, when parts[i] is the first one to be shown; -1: no part can be begun at.
func randomAccess(parts []hotPart, i int, start time.Duration) int {
	if parts[i].Keyframe {
		return i
	}
	for j := i - 1; j >= 0; j-- {
		if parts[j].Keyframe && parts[j].Window.Start <= start {
			return j
		}
	}
	return -1
}

// heardLines gives what was heard in window, once everything before its end was or the broadcast is closed. What ends at or
// before from is in the store only.
func (w *Writer) heardLines(ctx context.Context, window domain.Window) (in Heard, from time.Duration, closed bool, err error) {
	w.await(window.End, 1)
	defer w.await(window.End, -1)
	for {
		w.mu.Lock()
		in.To, from, closed = w.heard, w.from, w.end != nil
		ready := in.To >= window.End || closed
		if ready {
			in.Lines, in.Unheard = overlapping(w.lines, window), unheardIn(w.unheard, window)
		}
		changed := w.changed
		w.mu.Unlock()
		if ready {
			return in, from, closed, nil
		}
		select {
		case <-ctx.Done():
			return in, from, closed, ctx.Err()
		case <-changed:
		}
	}
}

func (w *Writer) await(to time.Duration, readers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.awaited[to] += readers; w.awaited[to] == 0 {
		delete(w.awaited, to)
	}
}

// Awaited is the nearest media time, after what was heard, that a reader of lines waits for; 0: none waits.
func (w *Writer) Awaited() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	nearest := time.Duration(0)
	for to := range w.awaited {
		if to > w.heard && (nearest == 0 || to < nearest) {
			nearest = to
		}
	}
	return nearest
}

func overlapping(lines []domain.TranscriptLine, w domain.Window) []domain.TranscriptLine {
	var found []domain.TranscriptLine
	for _, l := range lines {
		if l.Start < w.End && l.End > w.Start {
			found = append(found, l)
		}
	}
	return found
}
