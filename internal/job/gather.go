package job

import (
	"context"
	"errors"
	"time"
)

// linger is how long a call waits for more questions where another was made just before: at thousands of jobs a second their number
// is what Redis' time goes into. The first after a pause does not wait.
const linger = time.Millisecond

// gathered answers questions that come at about the same time with one call.
type gathered[Q, A any] struct {
	questions chan question[Q, A]
	answer    func(ctx context.Context, all []Q) ([]A, error)
	ended     chan struct{}
}

type question[Q, A any] struct {
	asked Q
	reply chan<- reply[A]
}

type reply[A any] struct {
	answer A
	err    error
}

func gather[Q, A any](answer func(context.Context, []Q) ([]A, error)) *gathered[Q, A] {
	return &gathered[Q, A]{questions: make(chan question[Q, A], mostAtOnce), answer: answer, ended: make(chan struct{})}
}

var errEnded = errors.New("the server has ended")

func (g *gathered[Q, A]) ask(ctx context.Context, q Q) (A, error) {
	answer := make(chan reply[A], 1)
	var none A
	select {
	case g.questions <- question[Q, A]{q, answer}:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-g.ended:
		return none, errEnded
	}
	select {
	case r := <-answer:
		return r.answer, r.err
	case <-g.ended:
		return none, errEnded
	}
}

// leave asks without waiting for an answer: what is asked after it is answered no earlier.
func (g *gathered[Q, A]) leave(q Q) {
	select {
	case g.questions <- question[Q, A]{q, make(chan reply[A], 1)}:
	case <-g.ended:
	}
}

// run answers until ctx ends.
func (g *gathered[Q, A]) run(ctx context.Context) {
	defer close(g.ended)
	var last time.Time
	for {
		var all []question[Q, A]
		select {
		case <-ctx.Done():
			return
		case q := <-g.questions:
			all = append(all, q)
		}
		wait := time.Duration(0)
		if time.Since(last) < 2*linger {
			wait = linger
		}
		all = g.more(all, wait)
		g.answerAll(ctx, all)
		last = time.Now()
	}
}

// more adds what comes within a while, and what is there already.
func (g *gathered[Q, A]) more(all []question[Q, A], wait time.Duration) []question[Q, A] {
	enough := time.NewTimer(wait)
	defer enough.Stop()
	for wait > 0 && len(all) < mostAtOnce {
		select {
		case q := <-g.questions:
			all = append(all, q)
		case <-enough.C:
			wait = 0
		}
	}
	for len(all) < mostAtOnce {
		select {
		case q := <-g.questions:
			all = append(all, q)
		default:
			return all
		}
	}
	return all
}

func (g *gathered[Q, A]) answerAll(ctx context.Context, all []question[Q, A]) {
	asked := make([]Q, len(all))
	for i, q := range all {
		asked[i] = q.asked
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answers, err := g.answer(ctx, asked)
	for i, q := range all {
		r := reply[A]{err: err}
		if err == nil {
			r.answer = answers[i]
		}
		q.reply <- r
	}
}
