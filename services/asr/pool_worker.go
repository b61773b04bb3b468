package asr

// The workers of a pool: each keeps one recogniser alive and has it recognise utterances.

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// runWorker keeps the i-th recogniser alive while it is needed, and starts it again when it fails.
func (p *pool) runWorker(ctx context.Context, i int) {
	wait, failed := restartLeast, 0
	for p.awaitNeeded(ctx, i) {
		r, err := p.start(ctx)
		if failed++; err == nil {
			wait, failed = restartLeast, 0
			p.workerStarted(r)
			err = p.serveRecogniser(ctx, r, i)
			_ = r.Close()
			p.workerStopped()
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errSpare) {
			p.log.Info("recogniser stopped: the others hear everybody")
			continue
		}
		// Native code that dies while loading its model will do so again.
		if domain.IsPermanent(err) || failed >= maxStarts {
			if p.deafness() == "" {
				p.log.Error("speech is not recognised", "error", err, "retry", retryModel)
			}
			if p.markDeaf(note.Plain(err).Error()) {
				p.failWaiting()
			}
			wait = retryModel
		} else {
			p.crashes.Inc()
			p.log.Warn("recogniser replaced", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, restartMost)
	}
}

// workerStarted notes that a recogniser has loaded its models.
func (p *pool) workerStarted(r loadedRecogniser) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive++
	p.deaf = ""
	p.load.streams = r.streams
	p.load.learn(r.factor, 1)
	p.notify()
}

func (p *pool) workerStopped() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive--
}

// markDeaf notes that no recogniser can be started; false: others still work.
func (p *pool) markDeaf(why string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive > 0 {
		return false
	}
	p.deaf = why
	return true
}

// serveRecogniser has one recogniser work on utterances, as many at once as it can, until it fails or is spare.
func (p *pool) serveRecogniser(ctx context.Context, r loadedRecogniser, i int) error {
	client := newRecogniserClient(r)
	alive, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	closing := context.AfterFunc(alive, func() { _ = r.Close() })
	defer closing()
	var group sync.WaitGroup
	group.Go(func() { stop(client.receiveReplies()) })
	state := &workerState{}
	group.Go(func() {
		if p.awaitSpare(alive, i, state) {
			stop(errSpare)
		}
	})
	for n := range r.streams {
		group.Go(func() {
			slot := workerSlot{client, r.partialEvery, n > 0, state}
			for {
				u := p.nextUtterance(alive, slot)
				if u == nil {
					return
				}
				err := p.serveUtterance(ctx, alive, slot, u)
				p.releaseSlot(state)
				if err != nil {
					stop(err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(alive)
}

// workerSlot is a place for an utterance at a recogniser. An utterance that was at a recogniser when it died may be what killed it.
// Only the first slot takes it again: so it never works beside another such, and what kills does not cost others their attempts.
type workerSlot struct {
	*recogniserClient
	partialEvery time.Duration
	safeOnly     bool // takes no utterance that failed before, and none of an archive while live rooms are heard
	worker       *workerState
}

// serveUtterance recognises one utterance; its error is the recogniser's. alive ends with the recogniser, ctx with the pool.
func (p *pool) serveUtterance(ctx, alive context.Context, at workerSlot, u *utterance) error {
	heard, err := p.recognise(alive, at, u)
	switch {
	case errors.Is(err, errPreempted):
		p.requeue(u)
		return nil
	case err == nil:
		if heard != nil { // nil: it was abandoned
			sound, _ := u.soundFrom(0)
			p.heardSeconds.Add(soundLength(len(sound)).Seconds())
			p.learnCost(soundLength(len(sound)), time.Duration(heard.Work))
		}
		u.onHeard(heard)
		return nil
	case errors.As(err, new(utteranceError)):
		p.log.Warn("utterance skipped", "utterance", u.id, "error", err)
		u.onHeard(nil)
		return nil
	}
	if alive.Err() != nil {
		err = context.Cause(alive)
	}
	if u.failures++; u.failures < maxFailures && ctx.Err() == nil {
		p.log.Warn("utterance is heard again", "utterance", u.id, "error", err)
		p.requeue(u)
	} else {
		p.log.Warn("utterance skipped", "utterance", u.id, "error", err)
		u.onHeard(nil)
	}
	return err
}

var errPreempted = errors.New("another utterance is more urgent")

// recognise sends an utterance's sound to the recogniser as it comes, and gives the result of its end; nil: it was abandoned.
func (p *pool) recognise(ctx context.Context, at workerSlot, u *utterance) (*mediav1.Heard, error) {
	sent, told := 0, 0
	u.attempts++
	name := u.id + "/" + strconv.Itoa(u.attempts)
	for {
		if u.isAbandoned() {
			return nil, at.cancel(name)
		}
		sound, ended := u.soundFrom(sent)
		if len(sound) > 0 || ended {
			partial := !ended && soundLength(sent+len(sound)-told) >= at.partialEvery
			hear := &mediav1.Hear{Utterance: name, At: int64(u.start), Samples: sound, Partial: partial, End: ended}
			if sent == 0 {
				hear.Hotwords, hear.Channel = u.hotwords, u.channel()
			}
			heard, err := at.request(ctx, hear)
			if err != nil || ended {
				return heard, err
			}
			sent += len(sound)
			if partial {
				told = sent
				u.onPartial(heard)
			}
		}
		if p.isContended() && !u.hasEnded() {
			return nil, cmp.Or(at.cancel(name), errPreempted)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-u.more:
		}
	}
}
