package roomlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"liveclip/internal/domain"
)

// strict reads one JSON value in which every field is known: a typo is an error, not a silent default.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return nil
}

// mapped is each of in through f; nil stays nil.
func mapped[A, B any](in []A, f func(A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// or is what p points at, or otherwise.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// some is nil for the zero value, which is then left out.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func toWire(e Entry) wireEntry {
	w := wireEntry{At: ptr(seconds(e.At)), Event: e.Event}
	switch {
	case e.Line != nil:
		l := e.Line
		w.Line = &wireLine{l.ID, l.Revision, !l.Final, seconds(l.Start), seconds(l.End), l.Text, mapped(l.Words, func(v domain.Word) wireWord {
			return wireWord{v.Text, seconds(v.Start), seconds(v.End), v.Confidence}
		}), l.Engine, l.Language}
	case e.Audience != nil:
		a := e.Audience
		w.Audience = &wireAudience{ID: a.ID, Kind: a.Kind, At: ptr(seconds(a.At)), Text: a.Text, User: a.User, Count: &a.Count, Action: a.Action}
		w.Audience.Product = some(wireProduct(a.Item))
		if !a.Sent.IsZero() {
			w.Audience.Sent = &a.Sent
		}
	case e.Sound != nil:
		s := e.Sound
		w.Sound = &wireSound{seconds(s.Start), seconds(s.Step), s.Momentary, mapped(s.Events, func(v domain.SoundEvent) wireHeard {
			return wireHeard{v.Kind, seconds(v.Window.Start), seconds(v.Window.End), v.Confidence}
		})}
	case e.Progress != nil:
		p := e.Progress
		w.Progress = &wireProgress{seconds(p.HeardTo), ptr(seconds(p.RecordedTo)), p.Health, p.Closed, p.By,
			mapped(p.SceneCuts, func(v time.Duration) seconds { return seconds(v) })}
	case e.Broadcast != nil:
		b := e.Broadcast
		w.Broadcast = &wireBroadcast{Change: b.Change, At: seconds(b.At), Source: b.Source, Parameters: some(b.Parameters),
			GapStart: seconds(b.Gap.Start), GapEnd: seconds(b.Gap.End), Reason: b.Reason}
		if !b.StartedAt.IsZero() {
			w.Broadcast.StartedAt = &b.StartedAt
		}
	case e.Context != nil:
		c := e.Context
		w.Context = &wireContext{c.Host, c.Category, c.Language, mapped(c.Products, func(v domain.Product) wireProduct { return wireProduct(v) }), c.Extra}
	}
	return w
}

// fromWire gives the entry that w says; number names a line without an ID.
func fromWire(w wireEntry, number int) (Entry, error) {
	if w.At == nil || *w.At < 0 {
		return Entry{}, errors.New("at_s must be given, and not be negative")
	}
	e := Entry{At: time.Duration(*w.At), Event: w.Event}
	if w.Line != nil {
		e.Line = w.Line.line(number)
		if e.Line.Start < 0 || e.Line.End < e.Line.Start {
			return Entry{}, errors.New("line: start_s must not be negative, nor end_s before it")
		}
	}
	if w.Audience != nil {
		e.Audience = w.Audience.signal(e.At)
		if !kinds[e.Audience.Kind] {
			return Entry{}, fmt.Errorf("audience: kind %.40q is none of comment, like, gift, follow, product, viewers and order", e.Audience.Kind)
		}
	}
	if w.Sound != nil {
		if w.Sound.Step <= 0 || w.Sound.Start < 0 {
			return Entry{}, errors.New("sound: step_s must be above 0, start_s not below")
		}
		e.Sound = w.Sound.sound()
	}
	if p := w.Progress; p != nil {
		e.Progress = &domain.StreamProgress{HeardTo: time.Duration(p.HeardTo), RecordedTo: time.Duration(or(p.RecordedTo, p.HeardTo)),
			Health: p.Health, Closed: p.Closed, By: p.By, SceneCuts: mapped(p.SceneCuts, func(v seconds) time.Duration { return time.Duration(v) })}
	}
	if b := w.Broadcast; b != nil {
		e.Broadcast = &domain.BroadcastChanged{Change: b.Change, At: time.Duration(b.At), StartedAt: or(b.StartedAt, time.Time{}), Source: b.Source,
			Parameters: or(b.Parameters, domain.MediaParameters{}), Gap: domain.Window{Start: time.Duration(b.GapStart), End: time.Duration(b.GapEnd)}, Reason: b.Reason}
	}
	if c := w.Context; c != nil {
		e.Context = &domain.Context{Host: c.Host, Category: c.Category, Language: c.Language, Extra: c.Extra,
			Products: mapped(c.Products, func(v wireProduct) domain.Product { return domain.Product(v) })}
	}
	if e.payloads() != 1 {
		return Entry{}, errors.New("must have exactly one of line, audience, sound, progress, broadcast and context")
	}
	return e, nil
}

var kinds = map[domain.SignalKind]bool{
	domain.SignalComment: true, domain.SignalLike: true, domain.SignalGift: true, domain.SignalFollow: true,
	domain.SignalProduct: true, domain.SignalViewers: true, domain.SignalOrder: true,
}

func (l wireLine) line(number int) *domain.TranscriptLine {
	if l.ID == "" {
		l.ID = fmt.Sprintf("line-%d", number)
	}
	return &domain.TranscriptLine{ID: l.ID, Revision: l.Revision, Final: !l.Partial, Start: time.Duration(l.Start), End: time.Duration(l.End), Text: l.Text,
		Words: mapped(l.Words, func(v wireWord) domain.Word {
			return domain.Word{Text: v.Text, Start: time.Duration(v.Start), End: time.Duration(v.End), Confidence: v.Confidence}
		}), Engine: l.Engine, Language: l.Language}
}

func (a wireAudience) signal(came time.Duration) *domain.AudienceSignal {
	return &domain.AudienceSignal{ID: a.ID, Kind: a.Kind, At: time.Duration(or(a.At, seconds(came))), Sent: or(a.Sent, time.Time{}), Text: a.Text,
		User: a.User, Count: or(a.Count, 1), Item: domain.Product(or(a.Product, wireProduct{})), Action: a.Action}
}

func (s wireSound) sound() *domain.SoundMeasured {
	return &domain.SoundMeasured{Start: time.Duration(s.Start), Step: time.Duration(s.Step), Momentary: s.LUFS,
		Events: mapped(s.Events, func(v wireHeard) domain.SoundEvent {
			return domain.SoundEvent{Kind: v.Kind, Window: domain.Window{Start: time.Duration(v.Start), End: time.Duration(v.End)}, Confidence: v.Confidence}
		})}
}
