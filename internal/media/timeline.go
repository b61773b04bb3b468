package media

import (
	"math/bits"
	"time"
)

const (
	// A source's timestamps that leap further than this say nothing of time: a restarted encoder, a wrapped counter.
	leapForward  = 5 * time.Second
	leapBackward = 500 * time.Millisecond
	// Sound this near to the end of the sound before it follows it without a gap: timestamps in milliseconds jitter.
	soundJitter = 30 * time.Millisecond
)

// timeline turns a source's timestamps into media time: continuous over leaps, with picture and sound as far apart as the
// source has them.
type timeline struct {
	base    time.Duration // source time less media time
	before  time.Duration // base before the last leap: the other track's packets may still come from there
	leapt   bool
	end     time.Duration // media time that everything placed ends before
	started bool
}

// trackClock is where one track of a timeline is.
type trackClock struct {
	started bool
	last    time.Duration // decode time of its last packet
	next    time.Duration // end of its last packet
}

// begin says that source time at is media time start.
func (l *timeline) begin(at, start time.Duration) {
	l.base, l.end, l.started = at-start, start, true
}

// place gives a packet's decode and presentation time as media time. anchor is which of them a leap sets at the end of
// what is there: a keyframe's presentation, a sound's decode time.
func (l *timeline) place(c *trackClock, dts, pts, length, anchor time.Duration, sound bool) (at, show time.Duration) {
	last, back := l.end, leapForward // the tracks of a source may begin apart
	if c.started {
		last, back = c.last, leapBackward
	}
	leaps := func(d time.Duration) bool { return d > leapForward || d < -back }
	base := l.base
	if leaps(dts - base - last) {
		if l.leapt && !leaps(dts-l.before-last) {
			base = l.before
		} else {
			l.before, l.leapt = l.base, true
			l.base = anchor - l.end
			base = l.base
		}
	}
	at, show = dts-base, pts-base
	if sound && c.started && (at-c.next).Abs() <= soundJitter {
		show += c.next - at
		at = c.next
	}
	c.started, c.last, c.next = true, at, at+length
	l.end = max(l.end, at+length, show+length)
	return at, show
}

// rescale gives v*num/den, rounded to the nearest, without overflow on the way.
func rescale(v, num, den int64) int64 {
	negative := v < 0
	if negative {
		v = -v
	}
	hi, lo := bits.Mul64(uint64(v), uint64(num))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	if hi >= uint64(den) {
		hi, lo = uint64(den)-1, 0 // out of range: the greatest there is
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	r := int64(min(q, 1<<63-1))
	if negative {
		return -r
	}
	return r
}

// ticks is a media time in units of 1/scale second.
func ticks(at time.Duration, scale int64) int64 { return rescale(int64(at), scale, int64(time.Second)) }
