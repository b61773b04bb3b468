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
	tellEvery  = 250 * time.Millisecond
	tellAnyway = time.Second     // though nothing changed
	stale      = 3 * time.Second // a signal that gave nothing for so long is missing
)

// tell publishes what is known until the broadcast ends: first lines and loudness, then, once they are acknowledged, the
// mark that covers them.
func (b *broadcast) tell(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		last := false
		select {
		case <-ctx.Done():
			return
		case <-b.ending:
			last = true
		case <-tick.C:
			if b.live && b.ear != nil && b.soundless() {
				_ = b.ear.pauseHere(ctx) // whoever spoke when the sound stopped is not waited for
			}
		case <-b.wake:
		}
		if err := b.tellNow(ctx); err != nil {
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

func (b *broadcast) tellNow(ctx context.Context) error {
	mark, events := b.collect()
	if err := b.publish(ctx, events...); err != nil {
		return err
	}
	if mark == nil {
		return nil
	}
	if mark.HeardTo > b.mark.HeardTo {
		if err := b.keepHeard(mark.HeardTo); err != nil {
			b.log.Error("mark not kept", "error", err)
		}
	}
	e := b.event(*mark, mark.RecordedTo)
	e.ID = domain.H("event", string(event.StreamProgress), string(b.id), strconv.FormatInt(b.epoch, 10), strconv.FormatInt(e.Sequence, 10))
	if err := b.publish(ctx, e); err != nil {
		return err
	}
	b.mu.Lock()
	b.mark, b.marked = *mark, b.now()
	b.mu.Unlock()
	return nil
}

// collect takes what was not published yet, and the mark that is true once it is; nil: it was told already.
func (b *broadcast) collect() (*domain.StreamProgress, []event.Event) {
	ear := b.earMark() // before the lines are taken: whatever it covers is among them
	now := b.now()
	b.mu.Lock()
	events := b.lines
	for _, id := range slices.Sorted(maps.Keys(b.partial)) {
		events = append(events, b.partial[id])
	}
	sound := joined(b.sound)
	mark := domain.StreamProgress{RecordedTo: b.recordedTo, HeardTo: max(b.mark.HeardTo, b.heardTo(ear, now)), SceneCuts: b.sceneCuts, Unheard: b.unheard, By: "asr"}
	b.lines, b.sound, b.sceneCuts, b.unheard = nil, nil, nil, nil
	clear(b.partial)
	before, due := b.mark, now.Sub(b.marked) >= tellAnyway
	b.mu.Unlock()
	for _, s := range sound {
		events = append(events, b.event(s, s.Start, strconv.FormatInt(int64(s.Start), 10)))
	}
	mark.Health, mark.Hearing = b.health(now), b.hearing()
	if b.ear != nil {
		mark.SpeechLag = b.ear.speechLag()
	} else if b.captions != nil {
		mark.SpeechLag = b.captions.lag()
	}
	if !due && len(mark.SceneCuts)+len(mark.Unheard) == 0 && mark.RecordedTo == before.RecordedTo && mark.HeardTo == before.HeardTo && mark.Hearing == before.Hearing && maps.Equal(mark.Health, before.Health) {
		return nil, events
	}
	return &mark, events
}

// mostMeasured bounds the values of one event: what gathered while the brokers were away for hours is more than one may hold.
const mostMeasured = 6000

// joined puts together what was measured without a gap: one event instead of many small ones.
func joined(sound []domain.SoundMeasured) []domain.SoundMeasured {
	var out []domain.SoundMeasured
	for _, s := range sound {
		if n := len(out) - 1; n >= 0 && out[n].Step == s.Step && len(out[n].Momentary) < mostMeasured && out[n].Start+time.Duration(len(out[n].Momentary))*s.Step == s.Start {
			out[n].Momentary = append(out[n].Momentary, s.Momentary...)
			out[n].Events = append(out[n].Events, s.Events...)
			continue
		}
		s.Momentary = slices.Clone(s.Momentary)
		out = append(out, s)
	}
	return out
}

// endless is later than any media time.
const endless = time.Duration(1<<63 - 1)

// earMark is the media time before which nothing is waited for by the ear.
func (b *broadcast) earMark() time.Duration {
	if b.captions != nil {
		return b.captions.mark()
	}
	if b.ear == nil || b.soundless() && b.ear.drained() {
		return endless
	}
	return b.ear.mark()
}

// soundless: no sound is to be expected now.
func (b *broadcast) soundless() bool {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.onAir || b.parameters.SampleRate == 0 || b.live && now.Sub(b.lastSound) > stale
}

// heardTo: called with mu held. Sound that a source stopped giving is not waited for.
func (b *broadcast) heardTo(ear time.Duration, now time.Time) time.Duration {
	heard := min(b.recordedTo, ear)
	if !b.onAir || b.parameters.SampleRate == 0 {
		return heard
	}
	soundTo := b.loudTo
	if b.live && now.Sub(b.lastSound) > stale {
		soundTo = max(soundTo, b.recordedTo-stale)
	}
	return min(heard, soundTo)
}

// hearing is who hears the broadcast, logged when that changed. What it is heard by at all was settled when it opened: its sound
// is asked for then.
func (b *broadcast) hearing() domain.Hearing {
	h, captioned := b.room.heardBy(), b.room.captioned()
	var settled string
	switch {
	case b.captions != nil && !captioned:
		settled = kindCaptions
	case b.captions == nil && b.ear == nil && h.Engine != engineNone:
		settled = engineNone
	case b.ear != nil && captioned:
		settled = b.ear.engine().name
	case b.ear != nil:
		if why := b.ear.deafness(); why != "" && h.Engine != engineNone {
			h.Trouble, h.About = domain.HearingDeaf, why
		}
	}
	if settled != "" {
		h = domain.Hearing{Engine: settled, Trouble: domain.HearingLater, About: h.Engine}
	}
	if h != b.heardBy {
		b.heardBy = h
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
		if !onAir || !has || b.live && silent > stale {
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
	if b.ear != nil && health[domain.SignalSound] == domain.HealthPresent {
		health[domain.SignalSpeech] = b.ear.health(now)
	}
	return health
}
