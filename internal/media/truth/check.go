package truth

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Align is by how much picture and sound may lie apart in a clip.
const Align = 10 * time.Millisecond

// Frames are the numbers of the pictures of a window: those that begin within half a picture before it and half a picture
// before its end.
func (m Made) Frames(start, end time.Duration) (numbers []int) {
	half := m.Every / 2
	for i, at := range m.Times {
		if at >= start-half && at < end-half {
			numbers = append(numbers, m.First+i)
		}
	}
	return numbers
}

// Lasting are the numbers of the pictures of a finished window: from the one that is nearest to its start, as many as its
// length has at the source's rate.
func (m Made) Lasting(start, end time.Duration) []int {
	from := m.Frames(start, 1<<62)
	n := int(math.Round(float64(end-start) / float64(m.Every)))
	return from[:min(len(from), max(1, n))]
}

// Check says what of a clip is not as it is in the source, when it should show exactly those pictures, each at its time, and
// all ticks that lie safely within; empty: nothing.
func (m Made) Check(seen Seen, want []int) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !slices.Equal(seen.Numbers, want) {
		fault("pictures %v, want %v", short(seen.Numbers), short(want))
		return faults
	}
	if len(want) == 0 {
		return nil
	}
	begins := m.Times[want[0]-m.First]
	if seen.At[0] != 0 {
		fault("the first picture is shown at %s", seen.At[0])
	}
	for i, n := range want {
		if off := seen.At[i] - (m.Times[n-m.First] - begins); max(off, -off) > time.Millisecond {
			fault("picture %d is shown at %s, %s off", n, seen.At[i], off)
			break
		}
	}
	return append(faults, m.checkSound(seen, begins, m.Times[want[len(want)-1]-m.First]+m.Every)...)
}

// checkSound holds the ticks heard against those of the source's stretch [begins, ends).
func (m Made) checkSound(seen Seen, begins, ends time.Duration) (faults []string) {
	if m.Sound == 0 {
		return nil
	}
	const edge = 30 * time.Millisecond // a tick at the edge may be cut through, or be in the last packet
	heard := slices.Clone(seen.Ticks)
	for _, at := range m.Ticks {
		if at < begins-edge || at > ends+edge {
			continue
		}
		i := slices.IndexFunc(heard, func(h time.Duration) bool { off := h - (at - begins); return max(off, -off) <= Align })
		if i >= 0 {
			heard = slices.Delete(heard, i, i+1)
		} else if at > begins+edge && at < ends-edge {
			faults = append(faults, fmt.Sprintf("no tick at %s (%s of the source); heard %v", at-begins, at, seen.Ticks))
		}
	}
	for _, h := range heard {
		if h > edge && h < ends-begins-edge {
			faults = append(faults, fmt.Sprintf("a tick at %s that the source does not have", h))
		}
	}
	return faults
}

// CheckNear is Check for a clip of a constant rate made from pictures at uneven times: each moment of it shows the picture of
// that moment, give or take one of the clip's own, and none comes twice after another.
func (m Made) CheckNear(seen Seen, start, end time.Duration) (faults []string) {
	want := m.Frames(start, end)
	if len(seen.Numbers) == 0 || len(want) == 0 {
		return []string{fmt.Sprintf("pictures %v, want %v", short(seen.Numbers), short(want))}
	}
	begins := m.Times[want[0]-m.First]
	for i, n := range seen.Numbers {
		if n < want[0] || n > want[len(want)-1] || i > 0 && n < seen.Numbers[i-1] {
			return []string{fmt.Sprintf("pictures %v, want %v", short(seen.Numbers), short(want))}
		}
		at, shown, over := begins+seen.At[i], m.Times[n-m.First], end
		if n-m.First+1 < len(m.Times) {
			over = m.Times[n-m.First+1]
		}
		if at < shown-m.Every || at > over+m.Every {
			faults = append(faults, fmt.Sprintf("picture %d, of %s, is shown at %s", n, shown, at))
		}
	}
	if first, last := seen.Numbers[0], seen.Numbers[len(seen.Numbers)-1]; first != want[0] || last < want[len(want)-1]-1 {
		faults = append(faults, fmt.Sprintf("pictures %d to %d, want %d to %d", first, last, want[0], want[len(want)-1]))
	}
	return append(faults, m.checkSound(seen, begins, begins+seen.At[len(seen.At)-1])...)
}

// CheckBoth is Check for a window [start, end) of media time over two recordings, of which each begins at a time of its own;
// between them the last picture of the first stands. A finished one lasts as long as the window, so that its end may fall one
// picture earlier or later.
func CheckBoth(seen Seen, finished bool, first Made, firstBegins time.Duration, second Made, secondBegins, start, end time.Duration) (faults []string) {
	want, then := first.Frames(start-firstBegins, 1<<62), second.Frames(-1<<62, end-secondBegins)
	cut := slices.Index(seen.Numbers, second.First)
	if cut < 0 || len(want) == 0 {
		return []string{fmt.Sprintf("pictures %v, want %v and %v", short(seen.Numbers), short(want), short(then))}
	}
	shown, rest := slices.Compact(slices.Clone(seen.Numbers[:cut])), seen.Numbers[cut:]
	if finished {
		rest = slices.Compact(slices.Clone(rest))
		if off := len(rest) - len(then); off >= -1 && off <= 1 {
			then = second.Frames(-1<<62, 1<<62)[:len(rest)]
		}
		if n := int(math.Round(float64(end-start) / float64(first.Every))); len(seen.Numbers) != n || len(seen.Numbers)-cut-len(rest) > 1 {
			faults = append(faults, fmt.Sprintf("%d pictures, %d of them the last one again, want %d", len(seen.Numbers), len(seen.Numbers)-cut-len(rest), n))
		}
	}
	if !slices.Equal(shown, want) || !slices.Equal(rest, then) {
		return []string{fmt.Sprintf("pictures %v, want %v and %v", short(seen.Numbers), short(want), short(then))}
	}
	begins := first.Times[want[0]-first.First] + firstBegins // media time of clip time 0
	if off := seen.At[cut] - (secondBegins - begins); max(off, -off) > first.Every/2+time.Millisecond {
		faults = append(faults, fmt.Sprintf("the second recording is shown %s off", off))
	}
	one := Seen{Ticks: between(seen.Ticks, 0, firstBegins+first.length()-begins, 0)}
	faults = append(faults, first.checkSound(one, begins-firstBegins, first.length())...)
	two := Seen{Ticks: between(seen.Ticks, seen.At[cut], 1<<62, seen.At[cut])}
	return append(faults, second.checkSound(two, 0, second.Times[then[len(then)-1]-second.First]+second.Every)...)
}

func (m Made) length() time.Duration { return m.Times[len(m.Times)-1] + m.Every }

// between are the ticks within [from, to), counted from another time.
func between(ticks []time.Duration, from, to, zero time.Duration) (within []time.Duration) {
	for _, at := range ticks {
		if at >= from && at < to {
			within = append(within, at-zero)
		}
	}
	return within
}

// short tells a row of numbers by its runs.
func short(numbers []int) string {
	text, begin := "", 0
	for i := range numbers {
		if i+1 < len(numbers) && numbers[i+1] == numbers[i]+1 {
			continue
		}
		text += fmt.Sprintf(" %d-%d", numbers[begin], numbers[i])
		if begin = i + 1; len(text) > 300 {
			return text + " …"
		}
	}
	return fmt.Sprintf("(%d)%s", len(numbers), text)
}
