package asr

// An utterance: what is said between two pauses, from its first sound to its recognition.

import (
	"sync"
	"time"

	mediav1 "liveclip/proto/media/v1"
)

// utterance is what is said between two pauses. Its sound is kept until it is recognised, for another attempt.
type utterance struct {
	id        string
	live      bool
	start     time.Duration
	hotwords  []string         // to be expected
	names     []string         // of the room, as they are written
	channel   func() []float32 // of the voice, as learnt so far; nil: unknown
	onPartial func(*mediav1.Heard)
	// onHeard is called once; heard is nil when the utterance could not be recognised.
	onHeard func(heard *mediav1.Heard)

	mu        sync.Mutex
	sound     []byte
	ended     bool
	abandoned bool          // nobody waits for it
	more      chan struct{} // capacity 1: there is more sound, or the end
	failures  int           // attempts after which the recogniser was replaced
	attempts  int           // of recognising it: the recogniser tells them apart
}

// add appends sound; ended: it is the last.
func (u *utterance) add(sound []byte, ended bool) {
	u.mu.Lock()
	u.sound = append(u.sound, sound...)
	u.ended = u.ended || ended
	u.mu.Unlock()
	select {
	case u.more <- struct{}{}:
	default:
	}
}

func (u *utterance) soundFrom(sent int) (sound []byte, ended bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sound[sent:], u.ended
}

func (u *utterance) isAbandoned() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.abandoned
}

func (u *utterance) hasEnded() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended
}
