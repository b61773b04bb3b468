package copycut

import (
	"errors"
	"math"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// picture is a packet of the source's picture track, times in its ticks.
type picture struct {
	packet        *astiav.Packet // nil in tests
	pts, dts      int64
	length        int64
	key           bool // decoding can begin here, as far as the pictures go that are shown later
	splices       bool // … also behind pictures of another encoder …
	afterEnd      bool // … once an end of sequence precedes it
	hidden        bool // the source does not show it
	beginsSession bool // nothing before it can be referred to
	copied        bool // has been handed on
}

const never = math.MaxInt64

// span is the pictures of one end: all are decoded, and those of [from, to) shown and encoded.
type span struct {
	decode   []picture
	from, to int64
	held     bool  // the last picture before from is shown at from, since none begins there
	ends     bool  // an end of sequence follows
	delay    int64 // by which the source decodes earlier than it shows, where the span joins it
}

// pictureCopier decides what becomes of each picture of a window, as they come in order of decoding. A picture belongs to the
// window when it begins within [start-slack, end-slack): the one that is nearest to the start is the first.
type pictureCopier struct {
	start, end, slack int64
	encode            func(span) error    // in order of play with …
	copy              func(picture) error // … this

	began   bool      // there is a keyframe to decode from
	copying bool      // the seam of the beginning lies behind
	done    bool      // all of the window has been handed on
	waiting []picture // what may still be needed, in order of decoding
	lost    bool      // a session began without a keyframe, and none has come
	skipped bool      // the last keyframe's leading pictures can't be decoded, or are encoded already
	keyed   int64     // when the last keyframe is shown
	any     bool      // a picture of the window has come
	last    int64     // when the window's last picture begins …
	after   int64     // … and when that is over, by what the source says
	next    int64     // when the picture after it begins
	more    bool      // next is known
}

// maxWaiting pictures are kept: ten minutes of 60 a second without a keyframe.
const maxWaiting = 36000

var (
	errSession   = domain.Permanent(errors.New("the source went on, after a break, with a keyframe that nothing can precede"))
	errKeyframes = domain.Permanent(errors.New("the source has too few keyframes to be copied"))
)

func (p *pictureCopier) before(pts int64) bool { return pts < p.end-p.slack }

// add takes the next picture. What it doesn't keep it frees.
func (p *pictureCopier) add(x picture) error {
	if p.drops(x) {
		x.free()
		return nil
	}
	p.noteKeyframe(x)
	if x.dts >= p.end-p.slack {
		x.free()
		return p.finish()
	}
	err := p.arrive(x)
	if err != nil {
		x.free()
		return err
	}
	if p.waiting = append(p.waiting, x); len(p.waiting) > maxWaiting {
		return errKeyframes
	}
	return nil
}

// drops reports whether x is of no use: it can't be decoded, or is encoded already, or comes too late.
func (p *pictureCopier) drops(x picture) bool {
	if p.done {
		return true
	}
	if x.beginsSession || !p.began {
		p.lost, p.skipped = true, true
	}
	if p.began = true; x.key {
		p.lost = false
	}
	if p.lost {
		return true
	}
	if !x.key && x.pts >= p.keyed {
		p.skipped = false
	}
	return !x.key && p.skipped
}

// arrive sees what the coming of x decides about those before it.
func (p *pictureCopier) arrive(x picture) error {
	if len(p.waiting) > 0 && !p.copying && !x.leads(p.waiting) {
		if err := p.seam(); err != nil {
			return err
		}
	}
	if !x.key {
		return nil
	}
	p.keyed, p.skipped = x.pts, x.beginsSession || len(p.waiting) == 0
	return p.key(x)
}

// noteKeyframe remembers where the window's last picture is and which follows it.
func (p *pictureCopier) noteKeyframe(x picture) {
	switch {
	case x.hidden:
	case !p.before(x.pts):
		if !p.more || x.pts < p.next {
			p.next, p.more = x.pts, true
		}
	case x.pts >= p.start-p.slack && (!p.any || x.pts > p.last):
		p.last, p.after, p.any = x.pts, x.pts+max(1, x.length), true
	}
}

// leads reports whether x is shown before the keyframe that it was decoded after.
func (x picture) leads(waiting []picture) bool {
	for i := len(waiting) - 1; i >= 0; i-- {
		if waiting[i].key {
			return x.pts < waiting[i].pts
		}
	}
	return false
}

// seam begins to copy at the last keyframe, if it is one to begin at: all its leading pictures have come.
func (p *pictureCopier) seam() error {
	at := p.lastKey()
	k := p.waiting[at]
	if !k.splices || k.hidden || k.pts < p.start-p.slack || !p.before(k.pts) {
		return nil
	}
	head := span{decode: p.waiting, from: p.start - p.slack, to: k.pts, ends: k.afterEnd, delay: k.pts - k.dts}
	if at+1 == len(p.waiting) {
		head.decode = p.waiting[:at] // no leading pictures
	}
	if p.complete(&head) {
		if err := p.encode(head); err != nil {
			return err
		}
	}
	free(p.waiting[:at])
	free(p.waiting[at+1:])
	p.waiting = append(p.waiting[:0], k)
	p.copying, p.skipped = true, true // the leading pictures still to come, if any, are in the head
	return nil
}

// complete finds what the span shows first; false when there is nothing to show in it.
func (p *pictureCopier) complete(s *span) bool {
	first, held := int64(never), int64(never)
	for _, x := range s.decode {
		switch {
		case x.hidden || x.pts >= s.to:
		case x.pts >= s.from:
			first = min(first, x.pts)
		case held == never || x.pts > held:
			held = x.pts
		}
	}
	if min(first, s.to) > p.start+p.slack && held != never {
		s.from, s.held = p.start, true // what is on show at the start began long before it
		return true
	}
	return first != never
}

// key makes room: what lies before the last keyframe but one is needed no more.
func (p *pictureCopier) key(x picture) error {
	if !p.copying {
		if x.pts <= p.start-p.slack {
			free(p.waiting)
			p.waiting, p.skipped = p.waiting[:0], true
		}
		return nil
	}
	if x.beginsSession && (!x.splices || x.afterEnd) {
		return errSession
	}
	if !p.before(x.pts) || x.hidden {
		return nil
	}
	for i := range p.waiting {
		if p.waiting[i].pts >= x.pts || p.waiting[i].hidden {
			return nil // not in order: what is shown last decides, at the end
		}
	}
	if err := p.copyTo(len(p.waiting)); err != nil {
		return err
	}
	if at := p.lastKey(); at > 0 {
		free(p.waiting[:at])
		p.waiting = append(p.waiting[:0], p.waiting[at:]...)
	}
	return nil
}

func (p *pictureCopier) lastKey() int {
	for i := len(p.waiting) - 1; i > 0; i-- {
		if p.waiting[i].key {
			return i
		}
	}
	return 0
}

func (p *pictureCopier) copyTo(n int) error {
	for i := range p.waiting[:n] {
		if x := &p.waiting[i]; !x.copied {
			if err := p.copy(*x); err != nil {
				return err
			}
			x.copied = true
		}
	}
	return nil
}

// finish hands on what is left: nothing more of the window will come.
func (p *pictureCopier) finish() error {
	if p.done {
		return nil
	}
	p.done = true
	defer func() {
		free(p.waiting)
		p.waiting = nil
	}()
	if len(p.waiting) > 0 && !p.copying {
		if err := p.seam(); err != nil {
			return err
		}
	}
	if !p.copying {
		all := span{decode: p.waiting, from: p.start - p.slack, to: p.end - p.slack}
		if !p.any && !p.more || !p.complete(&all) {
			return nil // the source ended before the window began
		}
		return p.encode(all)
	}
	n := p.whole()
	if err := p.copyTo(n); err != nil {
		return err
	}
	k := p.waiting[p.lastKey()]
	tail := span{decode: p.waiting, from: never, to: p.end - p.slack, delay: k.pts - k.dts}
	for _, x := range p.waiting[n:] {
		if !x.hidden && p.before(x.pts) {
			tail.from = min(tail.from, x.pts)
		}
	}
	if tail.from == never {
		return nil
	}
	return p.encode(tail)
}

// whole is how many of the waiting can be copied: the most behind which only later pictures follow, all of the window.
func (p *pictureCopier) whole() int {
	least := make([]int64, len(p.waiting)+1) // beginning of the earliest from here on
	least[len(p.waiting)] = never
	for i := len(p.waiting) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], p.waiting[i].pts)
	}
	n, greatest := 0, int64(math.MinInt64)
	for i, x := range p.waiting {
		greatest = max(greatest, x.pts)
		if x.copied {
			n = i + 1
			continue
		}
		if x.hidden || !p.before(x.pts) {
			break
		}
		if greatest < least[i+1] {
			n = i + 1
		}
	}
	return n
}

// until is when the window's last picture has been shown: as the source has it, if that is no later than the window's end.
func (p *pictureCopier) until() int64 {
	natural := p.after
	if p.more {
		natural = p.next
	}
	if natural <= p.end+p.slack {
		return natural
	}
	return max(p.end, p.last+1)
}

func (x picture) free() {
	if x.packet != nil {
		x.packet.Free()
	}
}

func free(all []picture) {
	for _, x := range all {
		x.free()
	}
}
