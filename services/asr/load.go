package asr

import (
	"context"
	"errors"
	"math"
	"time"
)

// load is how many live rooms the recognisers of a pool can hear at once, by what hearing them takes.
type load struct {
	most     int     // recognisers
	bound    int     // rooms, as configured; 0: by factor
	streams  int     // utterances side by side, of one recogniser; 0: unknown
	factor   float64 // processor seconds for a second of sound; 0: unknown
	rooms    int
	archived time.Time // when an archive's utterance came last: they are heard as fast as they can be
	full     bool      // a room was turned away since the last left
}

// busy is how much of its time a recogniser shall hear, so that a burst of speech does not put it behind.
const busy = 0.85

// learn takes a measurement; weight 1 forgets those before.
func (l *load) learn(factor, weight float64) {
	if factor <= 0 || math.IsNaN(factor) || math.IsInf(factor, 0) {
		return
	}
	if l.factor == 0 {
		weight = 1
	}
	l.factor += weight * (factor - l.factor)
}

// room is how many rooms can be heard; at least one.
func (l *load) room() int {
	switch {
	case l.bound > 0:
		return l.bound
	case l.factor == 0:
		return math.MaxInt
	}
	room := max(1, int(float64(l.most)*busy/l.factor))
	if l.streams > 1 { // a recogniser that hears one utterance at a time hears rooms in turns
		room = min(room, l.most*l.streams)
	}
	return room
}

// needs is how many recognisers the rooms take.
func (l *load) needs() int {
	if l.factor == 0 {
		return max(1, l.rooms)
	}
	return max(1, int(math.Ceil(float64(l.rooms)*l.factor/busy)))
}

// enter admits a live room, unless the recognisers have enough to hear.
func (p *pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.load.rooms >= p.load.room() {
		p.refused.Inc()
		if !p.load.full {
			p.load.full = true
			p.log.Warn("recognisers are full: a room is not heard", "rooms", p.load.rooms, "real_time_factor", p.load.factor, "recognisers", p.workers)
		}
		return false
	}
	p.load.rooms++
	p.wake()
	return true
}

// leave gives a room's place to another.
func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.rooms--
	p.load.full = false
}

// worked is told of an utterance that was heard.
func (p *pool) worked(sound, work time.Duration) {
	if sound < time.Second || work <= 0 { // a short one's end weighs too much
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.learn(work.Seconds()/sound.Seconds(), 0.05)
}

// spareAfter is how long a recogniser beyond the first goes unneeded before it stops: it takes memory, but its models take
// seconds to load.
const spareAfter = 5 * time.Minute

var errSpare = errors.New("recogniser is spare")

// use is what a recogniser does. Guarded by the pool's mutex.
type use struct {
	hearing int  // utterances
	spare   bool // takes no more
}

// takes tells whether the i-th recogniser has work: the first always, the others when those before can't hear all rooms, or an
// archive was heard lately. Under the pool's mutex.
func (p *pool) takes(i int) bool {
	archives := !p.load.archived.IsZero() && time.Since(p.load.archived) < spareAfter
	return i == 0 || archives || p.load.needs() > i
}

// needed waits until a recogniser is: the first when anybody is to be heard. Each takes memory. False: ctx ended.
func (p *pool) needed(ctx context.Context, i int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.wanted:
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		enough, changed := p.takes(i), p.changed
		p.mu.Unlock()
		if enough {
			return true
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return false
}

// spare waits until a recogniser was not needed for a while, and has it take no more; false: ctx ended.
func (p *pool) spare(ctx context.Context, i int, of *use) bool {
	ticks := time.NewTicker(spareAfter / 10)
	defer ticks.Stop()
	needed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ticks.C:
		}
		p.mu.Lock()
		if p.takes(i) || of.hearing > 0 {
			needed = time.Now()
		}
		if of.spare = time.Since(needed) >= spareAfter; of.spare {
			p.wake()
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
	}
}

func (p *pool) left(of *use) {
	p.mu.Lock()
	of.hearing--
	p.mu.Unlock()
}

// gauge reads a figure of the load.
func (p *pool) gauge(of func(l load) float64) func() float64 {
	return func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return of(p.load)
	}
}
