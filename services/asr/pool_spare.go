package asr

// How many recognisers of a pool run: one starts when the rooms need it, and stops when they have not for a while.

import (
	"context"
	"errors"
	"time"
)

// spareAfter is how long a recogniser beyond the first goes unneeded before it stops: it takes memory, but its models take
// seconds to load.
const spareAfter = 5 * time.Minute

var errSpare = errors.New("recogniser is spare")

// workerState is what a worker is doing. Guarded by the pool's mutex.
type workerState struct {
	utterances int  // at the recogniser now
	spare      bool // stopping: takes no more utterances
}

// isWorkerNeeded reports whether the i-th worker has work: the first always, another when those before it are not enough for all
// rooms, or an archive was heard lately. Called with mu held.
func (p *pool) isWorkerNeeded(i int) bool {
	archives := !p.load.lastArchive.IsZero() && time.Since(p.load.lastArchive) < spareAfter
	return i == 0 || archives || p.load.recognisersNeeded() > i
}

// awaitNeeded waits until the i-th worker is needed, for each takes memory: the first once the engine is. False: ctx ended.
func (p *pool) awaitNeeded(ctx context.Context, i int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.preloaded:
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		enough, changed := p.isWorkerNeeded(i), p.changed
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

// awaitSpare waits until the i-th worker has not been needed for spareAfter, and marks it spare; false: ctx ended.
func (p *pool) awaitSpare(ctx context.Context, i int, of *workerState) bool {
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
		if p.isWorkerNeeded(i) || of.utterances > 0 {
			needed = time.Now()
		}
		if of.spare = time.Since(needed) >= spareAfter; of.spare {
			p.notify()
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
	}
}

func (p *pool) releaseSlot(of *workerState) {
	p.mu.Lock()
	of.utterances--
	p.mu.Unlock()
}
