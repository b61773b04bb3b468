package child

import (
	"context"
	"time"
)

// warm hands over children that were started ahead, by mode. Nobody keeps one in store: whoever keeps it warm offers it.
type warm map[Mode]chan *Process

func newWarm() warm {
	w := warm{}
	for _, mode := range []Mode{Record, Recognise, Finish, Copy, Render, Probe} {
		w[mode] = make(chan *Process)
	}
	return w
}

// take takes a child that lives; nil: none is offered.
func (w warm) take(mode Mode) *Process {
	for {
		select {
		case p := <-w[mode]:
			select {
			case <-p.exited:
				_ = p.Close()
			default:
				return p
			}
		default:
			return nil
		}
	}
}

// KeepWarm keeps one child of a mode started ahead, so that the next Start finds it waiting for its order: starting one
// costs about 60 ms of a processor, most of it linking FFmpeg. It blocks until ctx ends, and ends the child that waits then.
// Each call beside it keeps one more.
func (s *Starter) KeepWarm(ctx context.Context, mode Mode) {
	for ctx.Err() == nil {
		p, err := s.start(mode)
		if err != nil {
			s.log.Warn("no media child started ahead", "mode", mode, "error", err)
			pause(ctx)
			continue
		}
		select {
		case s.warm[mode] <- p:
			p.leave(ctx)
			continue
		case <-p.exited:
			s.log.Warn("a media child ended before its order", "mode", mode, "error", p.stderr.String())
			pause(ctx)
		case <-ctx.Done():
		}
		_ = p.Close()
	}
}

// ahead is how long a child works before the next one is started beside it: that would slow it down.
const ahead = time.Second

// leave waits until a child that was handed over has ended, or has had its first second to itself.
func (p *Process) leave(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-p.exited:
	case <-time.After(ahead):
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
}
