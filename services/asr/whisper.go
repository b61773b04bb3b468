package asr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/whisper"
	mediav1 "liveclip/proto/media/v1"
)

const (
	remoteRequests = 4               // at once by default; the rest waits in the pool's queue
	remoteTimeout  = 8 * time.Second // of one try
	remoteFailures = 3               // failed utterances in a row after which the server is taken for gone
	never          = time.Duration(1<<63 - 1)
)

// transcriptionClient is what a remote recogniser needs of its client.
type transcriptionClient interface {
	Transcribe(ctx context.Context, samples []byte, expect []string) ([]domain.Word, error)
	Close()
}

// whisperConfig reads an engine of the kind whisper: options url, model, timeout, and key or, better, key_env, the variable of
// the environment that holds it.
func whisperConfig(e EngineConfig) (cfg whisper.Config, faults []string) {
	cfg = whisper.Config{Language: e.Language, Timeout: remoteTimeout}
	for name, value := range e.Options {
		switch name {
		case "url":
			cfg.URL = value
		case "model":
			cfg.Model = value
		case "key":
			cfg.Key = value
		case "key_env":
			if cfg.Key = os.Getenv(value); cfg.Key == "" {
				faults = append(faults, fmt.Sprintf("options.key_env: the variable %s is empty", value))
			}
		case "timeout":
			d, err := time.ParseDuration(value)
			if err != nil {
				faults = append(faults, fmt.Sprintf("options.timeout: must be a length of time, such as 8s, is %q", value))
				continue
			}
			cfg.Timeout = d
		default:
			faults = append(faults, fmt.Sprintf("options.%s: is unknown to whisper; it knows url, model, key, key_env and timeout", name))
		}
	}
	for _, fault := range cfg.Faults() {
		faults = append(faults, "options."+fault)
	}
	slices.Sort(faults)
	return cfg, faults
}

// startWhisper asks the server about half a second of silence first, so that one that is down or refuses us is named at once.
func startWhisper(ctx context.Context, e EngineConfig) (loadedRecogniser, error) {
	cfg, _ := whisperConfig(e)
	client := whisper.New(cfg, nil)
	if _, err := client.Transcribe(ctx, make([]byte, sampleRate), nil); err != nil && !errors.Is(err, whisper.ErrUtterance) {
		client.Close()
		return loadedRecogniser{}, domain.Permanent(err)
	}
	streams := remoteRequests
	if e.Recognisers > 0 {
		streams = e.Recognisers
	}
	return loadedRecogniser{recogniser: newRemoteRecogniser(client), streams: streams, partialEvery: never}, nil
}

// remoteRecogniser is a recogniser on another machine: an utterance is sent when it has ended, several at once.
type remoteRecogniser struct {
	client transcriptionClient
	ctx    context.Context
	stop   context.CancelFunc
	answer chan *mediav1.FromChild
	failed chan error // capacity 1

	mu       sync.Mutex
	open     map[string]*mediav1.Hear // by utterance, with all its sound so far
	failures int                      // utterances in a row
}

func newRemoteRecogniser(client transcriptionClient) *remoteRecogniser {
	r := &remoteRecogniser{client: client, answer: make(chan *mediav1.FromChild), failed: make(chan error, 1), open: map[string]*mediav1.Hear{}}
	r.ctx, r.stop = context.WithCancel(context.Background()) // a recogniser ends with Close
	return r
}

// Send takes sound; the last of an utterance has it transcribed.
func (r *remoteRecogniser) Send(m *mediav1.ToChild) error {
	h := m.GetHear()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.open[h.Utterance]
	if h.Drop {
		delete(r.open, h.Utterance)
		return nil
	}
	if known == nil {
		known = &mediav1.Hear{Utterance: h.Utterance, At: h.At, Hotwords: h.Hotwords}
		r.open[h.Utterance] = known
	}
	known.Samples = append(known.Samples, h.Samples...)
	if h.End {
		delete(r.open, h.Utterance)
		go r.transcribe(known)
	}
	return nil
}

func (r *remoteRecogniser) transcribe(h *mediav1.Hear) {
	words, err := r.client.Transcribe(r.ctx, h.Samples, h.Hotwords)
	heard := &mediav1.Heard{Utterance: h.Utterance, Final: true}
	for _, w := range words {
		heard.Text += w.Text
		heard.Words = append(heard.Words, &mediav1.HeardWord{Text: w.Text, Start: h.At + int64(w.Start), End: h.At + int64(w.End), Confidence: w.Confidence})
	}
	if err != nil {
		heard.Unheard = err.Error()
	}
	if r.serverGone(err) {
		select {
		case r.failed <- domain.Permanent(err):
		default:
		}
		return
	}
	select {
	case r.answer <- &mediav1.FromChild{Message: &mediav1.FromChild_Heard{Heard: heard}}:
	case <-r.ctx.Done():
	}
}

// serverGone counts failures in a row, and reports whether the server is to be left alone for a while.
func (r *remoteRecogniser) serverGone(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || errors.Is(err, whisper.ErrUtterance) {
		r.failures = 0
		return false
	}
	r.failures++
	return domain.IsPermanent(err) || r.failures >= remoteFailures
}

// Receive gives answers as they come.
func (r *remoteRecogniser) Receive() (*mediav1.FromChild, error) {
	select {
	case m := <-r.answer:
		return m, nil
	case err := <-r.failed:
		return nil, err
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
}

// Close cancels the requests under way.
func (r *remoteRecogniser) Close() error {
	r.stop()
	r.client.Close()
	return nil
}
