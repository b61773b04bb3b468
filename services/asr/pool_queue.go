package asr

// The queue of a pool: which utterance a worker recognises next.

import (
	"context"
	"slices"
)

// nextUtterance waits for the next utterance to recognise; nil when ctx ended or the worker is spare.
func (p *pool) nextUtterance(ctx context.Context, at workerSlot) *utterance {
	p.mu.Lock()
	p.idle++
	defer func() { p.idle--; p.mu.Unlock() }()
	for {
		if ctx.Err() != nil || at.worker.spare {
			return nil
		}
		if i := p.dueIndex(at); i >= 0 {
			at.worker.utterances++
			u := p.waiting[i]
			p.waiting = slices.Delete(p.waiting, i, i+1)
			return u
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-changed:
		}
		p.mu.Lock()
	}
}

// dueIndex is the index of the utterance to recognise next; -1: none yet.
func (p *pool) dueIndex(at workerSlot) int {
	best, rank := -1, 0
	for i, u := range p.waiting {
		r := 0
		switch {
		case at.safeOnly && (u.failures > 0 || !u.live && p.load.rooms > 0): // an archive must not take the slots of live rooms
		case u.hasEnded() && u.live:
			r = 3
		case u.hasEnded():
			r = 2
		case u.live && len(p.waiting) <= p.idle:
			r = 1
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// isContended reports whether an utterance that has ended waits and no worker is free.
func (p *pool) isContended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle == 0 && slices.ContainsFunc(p.waiting, (*utterance).hasEnded)
}

func (p *pool) requeue(u *utterance) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		u.onHeard(nil)
		return
	}
	p.waiting = slices.Insert(p.waiting, 0, u)
	p.notify()
	p.mu.Unlock()
}
