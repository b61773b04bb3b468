package asr

// What a broadcast takes in while it is on air: parts, sound, loudness, lines, and what nobody heard.

import (
	"context"
	"strconv"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
	mediav1 "liveclip/proto/media/v1"
)

// minGap is the shortest time without media, within a connection, that is published as a gap.
const minGap = time.Second

func (b *broadcast) addPart(ctx context.Context, p *mediav1.Part) error {
	window := domain.Window{Start: time.Duration(p.Start), End: time.Duration(p.End)}
	if err := b.writer.Part(recording.Part{Run: int(p.Run), Window: window, Keyframe: p.Keyframe, Data: p.Data}); err != nil {
		return err
	}
	b.mu.Lock()
	before := max(b.recordedTo, b.begunAt)
	b.recordedTo, b.lastPart = window.End, b.now()
	for _, at := range p.SceneCuts {
		b.sceneCuts = append(b.sceneCuts, time.Duration(at))
	}
	due := !b.live && b.recordedTo-b.lastMark.RecordedTo >= time.Second
	b.mu.Unlock()
	if by := b.awaitedTo(); due || by > 0 && window.End >= by {
		b.wakePublisher()
	}
	if window.Start-before >= minGap {
		return b.publish(ctx, b.changedEvent(domain.BroadcastChanged{Change: domain.BroadcastGap, At: before,
			Gap: domain.Window{Start: before, End: window.Start}, Reason: "the source gave nothing"}))
	}
	return nil
}

func (b *broadcast) addSound(ctx context.Context, p *mediav1.Pcm) error {
	at := time.Duration(p.At)
	by := b.awaitedTo()
	if b.transcriber != nil {
		if err := b.transcriber.accept(ctx, at, p.Samples, by); err != nil {
			return err
		}
	}
	noticed := b.soundListener.Hear(at, p.Samples)
	b.mu.Lock()
	b.soundTo, b.lastSound = at+soundLength(len(p.Samples)), b.now()
	b.soundEvents = append(b.soundEvents, noticed...)
	b.mu.Unlock()
	if by > 0 && b.transcribedTo() >= by {
		b.wakePublisher()
	}
	return nil
}

// awaitedTo is the nearest media time to which a clip waits for the transcript; 0: none does. It is always 0 for a recording that
// is read as fast as possible: its lines end where its speaker pauses.
func (b *broadcast) awaitedTo() time.Duration {
	if !b.live {
		return 0
	}
	return b.writer.Awaited()
}

func (b *broadcast) addLoudness(l *mediav1.Loudness) {
	s := domain.SoundMeasured{Start: time.Duration(l.Start), Step: time.Duration(l.Step), Momentary: l.Momentary}
	if err := b.writer.Sound(s); err != nil {
		b.log.Error("loudness not kept", "error", err)
	}
	b.mu.Lock()
	s.Events, b.soundEvents = b.soundEvents, nil
	b.sound = append(b.sound, s)
	b.loudTo = s.Start + time.Duration(len(s.Momentary))*s.Step
	b.lastSound = b.now()
	b.mu.Unlock()
}

// addLine takes a line from the transcriber or the captions. A final one is on disk before it is published.
func (b *broadcast) addLine(l domain.TranscriptLine) {
	e := b.event(l, l.Start, l.ID, strconv.Itoa(l.Revision))
	if l.Final {
		e.ID = lineEventID(b.id, l.ID)
		if l.Text != "" {
			if err := b.writer.Line(l); err != nil {
				b.log.Error("line not kept", "error", err)
			}
		}
	}
	b.mu.Lock()
	if l.Final {
		delete(b.partial, l.ID)
		b.lines = append(b.lines, e)
	} else {
		b.partial[l.ID] = e
	}
	b.mu.Unlock()
	b.wakePublisher()
}

// unpublishedLines is how many final lines wait to be published.
func (b *broadcast) unpublishedLines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// unheardLogEvery bounds how often unheard speech is logged: of a deaf engine every utterance is.
const unheardLogEvery = time.Minute

// addUnheard keeps, publishes and logs that speech was not recognised.
func (b *broadcast) addUnheard(unheard domain.Window) {
	b.mu.Lock()
	b.unheard = append(b.unheard, unheard)
	due := b.now().Sub(b.unheardLoggedAt) >= unheardLogEvery
	if due {
		b.unheardLoggedAt = b.now()
	}
	b.mu.Unlock()
	if err := b.writer.Unheard(domain.Unheard{Window: unheard, Chosen: b.room.hearingOff()}); err != nil {
		b.log.Error("speech unheard is not kept", "error", err)
	}
	if due {
		b.log.Warn("speech was not heard", "from", unheard.Start, "to", unheard.End)
	}
	b.wakePublisher()
}

// storeHeardTo keeps on disk how far the broadcast was heard, and as unheard what no engine was there to hear.
func (b *broadcast) storeHeardTo(to time.Duration) error {
	if b.transcriber == nil && (b.captions == nil || b.captions.hasNoSource()) {
		unheard := domain.Window{Start: b.writer.HeardTo(), End: to}
		if err := b.writer.Unheard(domain.Unheard{Window: unheard, Chosen: b.room.hearingOff()}); err != nil {
			return err
		}
	}
	return b.writer.Heard(to)
}

// segmentStored is called by the writer when a segment lies in the store.
func (b *broadcast) segmentStored(ctx context.Context, s domain.SegmentRecorded) error {
	return b.bus.Publish(ctx, b.event(s, s.Window.Start, s.Key))
}
