package asr

import (
	"context"
	"errors"
	"sync"
	"time"

	mediav1 "liveclip/proto/media/v1"
)

// recogniser recognises utterances, several at once if it can. Send and Receive are each for one goroutine at a time.
type recogniser interface {
	Send(*mediav1.ToChild) error
	Receive() (*mediav1.FromChild, error)
	Close() error
}

// loadedRecogniser is a recogniser with its models loaded.
type loadedRecogniser struct {
	recogniser
	streams      int           // utterances at once
	partialEvery time.Duration // of sound, at least, between two partial results: they cost as much as a final one
	factor       float64       // processor seconds for a second of sound, here; 0: unknown
}

// replyTimeout is how long a recogniser may send nothing at all while a reply is due: then it hangs. A single utterance may take
// longer, for a recogniser decodes many together.
const replyTimeout = 30 * time.Second

// recogniserClient lets several utterances share one recogniser: each gets the replies that are its own.
type recogniserClient struct {
	r    recogniser
	send sync.Mutex

	mu           sync.Mutex
	waiting      map[string]chan *mediav1.Heard // by utterance; capacity 1
	failure      error
	openRequests int         // calls of request
	watchdog     *time.Timer // closes a recogniser that hangs; runs while requests are open
}

func newRecogniserClient(r recogniser) *recogniserClient {
	d := &recogniserClient{r: r, waiting: map[string]chan *mediav1.Heard{}, watchdog: time.AfterFunc(replyTimeout, func() { _ = r.Close() })}
	d.watchdog.Stop()
	return d
}

// beginRequest counts an open request; the function it gives ends it.
func (d *recogniserClient) beginRequest() (asked func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.openRequests++; d.openRequests == 1 {
		d.watchdog.Reset(replyTimeout)
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.openRequests--; d.openRequests == 0 {
			d.watchdog.Stop()
		}
	}
}

// receiveReplies hands out replies until the recogniser fails; open requests fail with it.
func (d *recogniserClient) receiveReplies() error {
	for {
		m, err := d.r.Receive()
		heard := m.GetHeard()
		if err == nil && heard == nil {
			err = errors.New("recogniser answered something else")
		}
		d.mu.Lock()
		if err != nil {
			d.failure = err
			for _, answer := range d.waiting {
				close(answer)
			}
			clear(d.waiting)
			d.mu.Unlock()
			return err
		}
		if d.openRequests > 0 {
			d.watchdog.Reset(replyTimeout)
		}
		if answer, ok := d.waiting[heard.Utterance]; ok {
			delete(d.waiting, heard.Utterance)
			answer <- heard
		}
		d.mu.Unlock()
	}
}

// utteranceError is why a recogniser that works refused one utterance.
type utteranceError string

func (e utteranceError) Error() string { return string(e) }

// request sends sound and, if it is the end or asks for a partial result, waits for the reply.
func (d *recogniserClient) request(ctx context.Context, h *mediav1.Hear) (*mediav1.Heard, error) {
	defer d.beginRequest()()
	var answer chan *mediav1.Heard
	if h.Partial || h.End {
		d.mu.Lock()
		if d.failure != nil {
			d.mu.Unlock()
			return nil, d.failure
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
			return nil, d.failure
		}
		if heard.Unheard != "" {
			return nil, utteranceError(heard.Unheard)
		}
		return heard, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cancel tells the recogniser to forget an utterance.
func (d *recogniserClient) cancel(utterance string) error {
	d.send.Lock()
	defer d.send.Unlock()
	return d.r.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Hear{Hear: &mediav1.Hear{Utterance: utterance, Drop: true}}})
}
