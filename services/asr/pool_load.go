package asr

// The load of a pool: what recognition costs, and how many live rooms it can hear.

import (
	"math"
	"time"
)

// load is the work of a pool: the live rooms it hears, and what recognition costs.
type load struct {
	maxRecognisers int     // as configured
	maxRooms       int     // as configured; 0: by factor
	streams        int     // utterances side by side, of one recogniser; 0: unknown
	factor         float64 // processor seconds for a second of sound; 0: unknown
	rooms          int
	lastArchive    time.Time // when an archive's utterance came last: archives are heard as fast as they can be
	full           bool      // a room was refused since the last one left
}

// targetUtilisation is the share of its time that a recogniser is planned to work, so that a burst of speech does not delay it.
const targetUtilisation = 0.85

// learn takes a measurement of factor; weight 1 forgets the earlier ones.
func (l *load) learn(factor, weight float64) {
	if factor <= 0 || math.IsNaN(factor) || math.IsInf(factor, 0) {
		return
	}
	if l.factor == 0 {
		weight = 1
	}
	l.factor += weight * (factor - l.factor)
}

// capacity is how many rooms can be heard; at least one.
func (l *load) capacity() int {
	switch {
	case l.maxRooms > 0:
		return l.maxRooms
	case l.factor == 0:
		return math.MaxInt
	}
	room := max(1, int(float64(l.maxRecognisers)*targetUtilisation/l.factor))
	if l.streams > 1 { // a recogniser that hears one utterance at a time hears rooms in turns
		room = min(room, l.maxRecognisers*l.streams)
	}
	return room
}

// recognisersNeeded is how many recognisers the admitted rooms take.
func (l *load) recognisersNeeded() int {
	if l.factor == 0 {
		return max(1, l.rooms)
	}
	return max(1, int(math.Ceil(float64(l.rooms)*l.factor/targetUtilisation)))
}

// admitRoom admits a live room, unless the recognisers are full.
func (p *pool) admitRoom() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.load.rooms >= p.load.capacity() {
		p.refused.Inc()
		if !p.load.full {
			p.load.full = true
			p.log.Warn("recognisers are full: a room is not heard", "rooms", p.load.rooms, "real_time_factor", p.load.factor, "recognisers", p.workers)
		}
		return false
	}
	p.load.rooms++
	p.notify()
	return true
}

// releaseRoom frees a room's place.
func (p *pool) releaseRoom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.rooms--
	p.load.full = false
}

// learnCost takes the cost of an utterance that was recognised.
func (p *pool) learnCost(sound, work time.Duration) {
	if sound < time.Second || work <= 0 { // too short to measure by
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.learn(work.Seconds()/sound.Seconds(), 0.05)
}

// gauge reads a figure of the load.
func (p *pool) gauge(of func(l load) float64) func() float64 {
	return func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return of(p.load)
	}
}
