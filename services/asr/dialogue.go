package asr

import (
	"context"
	"errors"
	"sync"
	"time"

	mediav1 "liveclip/proto/media/v1"
)

// recogniser hears utterances, side by side as far as it can. Send and Receive are each for one goroutine at a time.
type recogniser interface {
	Send(*mediav1.ToChild) error
	Receive() (*mediav1.FromChild, error)
	Close() error
}

// ready is a recogniser that has its models.
type ready struct {
	recogniser
	streams      int           // utterances side by side
	partialEvery time.Duration // of sound: asked more often, a partial line costs more than it tells
	factor       float64       // processor seconds for a second of sound, here; 0: unknown
}

// answerWithin is how long a recogniser may say nothing at all while it is asked: then it hangs. It may well take longer over
// one utterance, for it decodes many together.
const answerWithin = 30 * time.Second

// dialogue gives each utterance of one recogniser the answers that are its own.
type dialogue struct {
	r    recogniser
	send sync.Mutex

	mu      sync.Mutex
	waiting map[string]chan *mediav1.Heard // by utterance; capacity 1
	ended   error
	asking  int         // calls of ask
	hanging *time.Timer // ends a recogniser that says nothing; runs while it is asked
}

func newDialogue(r recogniser) *dialogue {
	d := &dialogue{r: r, waiting: map[string]chan *mediav1.Heard{}, hanging: time.AfterFunc(answerWithin, func() { _ = r.Close() })}
	d.hanging.Stop()
	return d
}

// asks begins a question, and gives its end.
func (d *dialogue) asks() (asked func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asking++; d.asking == 1 {
		d.hanging.Reset(answerWithin)
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.asking--; d.asking == 0 {
			d.hanging.Stop()
		}
	}
}

// receive hands out answers until the recogniser fails: what waits then is told so.
func (d *dialogue) receive() error {
	for {
		m, err := d.r.Receive()
		heard := m.GetHeard()
		if err == nil && heard == nil {
			err = errors.New("recogniser answered something else")
		}
		d.mu.Lock()
		if err != nil {
			d.ended = err
			for _, answer := range d.waiting {
				close(answer)
			}
			clear(d.waiting)
			d.mu.Unlock()
			return err
		}
		if d.asking > 0 {
			d.hanging.Reset(answerWithin)
		}
		if answer, ok := d.waiting[heard.Utterance]; ok {
			delete(d.waiting, heard.Utterance)
			answer <- heard
		}
		d.mu.Unlock()
	}
}

// unheardError is why one utterance was not heard by a recogniser that lives.
type unheardError string

func (e unheardError) Error() string { return string(e) }

// ask sends sound and, where an answer is due, waits for it.
func (d *dialogue) ask(ctx context.Context, h *mediav1.Hear) (*mediav1.Heard, error) {
	defer d.asks()()
	var answer chan *mediav1.Heard
	if h.Partial || h.End {
		d.mu.Lock()
		if d.ended != nil {
			d.mu.Unlock()
			return nil, d.ended
		}
		answer = make(chan *mediav1.Heard, 1)
		d.waiting[h.Utterance] = answer
		d.mu.Unlock()
	}
	d.send.Lock()
	err := d.r.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Hear{Hear: h}})
	d.send.Unlock()
	if err != nil || answer == nil {
		return nil, err
	}
	select {
	case heard, ok := <-answer:
		if !ok {
			d.mu.Lock()
			defer d.mu.Unlock()
			return nil, d.ended
		}
		if heard.Unheard != "" {
			return nil, unheardError(heard.Unheard)
		}
		return heard, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drop says that nobody waits for an utterance any more.
func (d *dialogue) drop(utterance string) error {
	d.send.Lock()
	defer d.send.Unlock()
	return d.r.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Hear{Hear: &mediav1.Hear{Utterance: utterance, Drop: true}}})
}
