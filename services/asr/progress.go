package asr

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const (
	publishEvery = 250 * time.Millisecond
	markEvery    = time.Second     // a progress mark, though nothing changed
	staleAfter   = 3 * time.Second // without anything of it, a signal is missing
)

// publishLoop publishes what is known until the broadcast ends: first lines and loudness, then, once they are acknowledged, the
// mark that covers them.
func (b *broadcast) publishLoop(ctx context.Context) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		last := false
		select {
		case <-ctx.Done():
			return
		case <-b.ending:
			last = true
		case <-tick.C:
			if b.live && b.transcriber != nil && b.soundless() {
				_ = b.transcriber.flush(ctx) // an utterance does not wait for sound that stopped
			}
		case <-b.wake:
		}
		if err := b.publishNow(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			b.log.Error("events lost", "error", err) // the broadcast goes on, and so do its marks
		}
		if last {
			return
		}
	}
}

func (b *broadcast) publishNow(ctx context.Context) error {
	mark, events := b.collect()
	if err := b.publish(ctx, events...); err != nil {
		return err
	}
	if mark == nil {
		return nil
	}
	if mark.HeardTo > b.lastMark.HeardTo {
		if err := b.storeHeardTo(mark.HeardTo); err != nil {
			b.log.Error("mark not kept", "error", err)
		}
	}
	e := b.event(*mark, mark.RecordedTo)
	e.ID = domain.H("event", string(event.StreamProgress), string(b.id), strconv.FormatInt(b.epoch, 10), strconv.FormatInt(e.Sequence, 10))
	if err := b.publish(ctx, e); err != nil {
		return err
	}
	b.mu.Lock()
	b.lastMark, b.lastMarkAt = *mark, b.now()
	b.mu.Unlock()
	return nil
}

// collect takes what was not published yet, and the progress mark that is true once it is; nil: it was published already.
func (b *broadcast) collect() (*domain.StreamProgress, []event.Event) {
	transcribed := b.transcribedTo() // before the lines are taken: all that it covers is among them
	now := b.now()
	b.mu.Lock()
	events := b.lines
	for _, id := range slices.Sorted(maps.Keys(b.partial)) {
		events = append(events, b.partial[id])
	}
	sound := mergeSound(b.sound)
	measured := b.measuredTo(now)
	mark := domain.StreamProgress{RecordedTo: b.recordedTo, HeardTo: max(b.lastMark.HeardTo, min(measured, transcribed)), Unmeasured: b.recordedTo - measured, SceneCuts: b.sceneCuts, Unheard: b.unheard, By: "asr"}
	b.lines, b.sound, b.sceneCuts, b.unheard = nil, nil, nil, nil
	clear(b.partial)
	before, due := b.lastMark, now.Sub(b.lastMarkAt) >= markEvery
	b.mu.Unlock()
	for _, s := range sound {
		events = append(events, b.event(s, s.Start, strconv.FormatInt(int64(s.Start), 10)))
	}
	mark.Health, mark.Hearing = b.health(now), b.hearing()
	if b.transcriber != nil {
		mark.SpeechLag = b.transcriber.speechLag()
	} else if b.captions != nil {
		mark.SpeechLag = b.captions.lag()
	}
	if !due && len(mark.SceneCuts)+len(mark.Unheard) == 0 && mark.RecordedTo == before.RecordedTo && mark.HeardTo == before.HeardTo && mark.Unmeasured == before.Unmeasured && mark.Hearing == before.Hearing && maps.Equal(mark.Health, before.Health) {
		return nil, events
	}
	return &mark, events
}

// maxMeasured bounds the values of one event: what gathers while the brokers are away for hours is too much for one.
const maxMeasured = 6000

// mergeSound merges measurements that follow each other without a gap: one event instead of many small ones. What was noticed
// stays with the measurement that it was told with, the first of an event.
func mergeSound(sound []domain.SoundMeasured) []domain.SoundMeasured {
	var out []domain.SoundMeasured
	for _, s := range sound {
		if n := len(out) - 1; n >= 0 && out[n].Step == s.Step && len(out[n].Momentary) < maxMeasured && len(s.Events) == 0 && out[n].Start+time.Duration(len(out[n].Momentary))*s.Step == s.Start {
			out[n].Momentary = append(out[n].Momentary, s.Momentary...)
			continue
		}
		s.Momentary = slices.Clone(s.Momentary)
		out = append(out, s)
	}
	return out
}

// endless is later than any media time.
const endless = time.Duration(1<<63 - 1)

// transcribedTo is the media time before which the transcriber, or the captions, have no line to come.
func (b *broadcast) transcribedTo() time.Duration {
	if b.captions != nil {
		return b.captions.heardTo()
	}
	if b.transcriber == nil || b.soundless() && b.transcriber.isDrained() {
		return endless
	}
	return b.transcriber.heardTo()
}

// soundless reports whether no sound is to be expected now.
func (b *broadcast) soundless() bool {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.onAir || b.parameters.SampleRate == 0 || b.live && now.Sub(b.lastSound) > staleAfter
}

// measuredTo is how far of what was recorded all sound was measured. It does not wait for sound that a source stopped sending.
// Called with mu held.
func (b *broadcast) measuredTo(now time.Time) time.Duration {
	if !b.onAir || b.parameters.SampleRate == 0 {
		return b.recordedTo
	}
	soundTo := b.loudTo
	if b.live && now.Sub(b.lastSound) > staleAfter {
		soundTo = max(soundTo, b.recordedTo-staleAfter)
	}
	return min(b.recordedTo, soundTo)
}

// hearing is the engine that hears the broadcast, logged when it changes. Whether by a recogniser, captions or none was settled when
// the broadcast opened, for its sound is asked of the recorder then.
func (b *broadcast) hearing() domain.Hearing {
	h, captioned := b.room.chosenHearing(), b.room.usesCaptions()
	var settled string
	switch {
	case b.captions != nil && !captioned:
		settled = kindCaptions
	case b.captions == nil && b.transcriber == nil && h.Engine != engineNone:
		settled = engineNone
	case b.transcriber != nil && captioned:
		settled = b.transcriber.engine().name
	case b.transcriber != nil:
		if why := b.transcriber.deafness(); why != "" && h.Engine != engineNone {
			h.Trouble, h.About = domain.HearingDeaf, why
		}
	}
	if settled != "" {
		h = domain.Hearing{Engine: settled, Trouble: domain.HearingLater, About: h.Engine}
	}
	if h != b.loggedHearing {
		b.loggedHearing = h
		b.log.Info("who hears the room", "engine", h.Engine, "trouble", h.Trouble, "about", h.About)
	}
	return h
}

// health of the broadcast's own signals.
func (b *broadcast) health(now time.Time) map[string]domain.Health {
	b.mu.Lock()
	onAir, p := b.onAir, b.parameters
	picture, sound := now.Sub(b.lastPart), now.Sub(b.lastSound)
	b.mu.Unlock()
	alive := func(has bool, silent time.Duration) domain.Health {
		if !onAir || !has || b.live && silent > staleAfter {
			return domain.HealthMissing
		}
		return domain.HealthPresent
	}
	health := map[string]domain.Health{
		domain.SignalPicture: alive(p.Width > 0, picture),
		domain.SignalSound:   alive(p.SampleRate > 0, sound),
		domain.SignalSpeech:  domain.HealthMissing,
	}
	if b.captions != nil && onAir {
		health[domain.SignalSpeech] = b.captions.health(now)
	}
	if b.transcriber != nil && health[domain.SignalSound] == domain.HealthPresent {
		health[domain.SignalSpeech] = b.transcriber.health(now)
	}
	return health
}
