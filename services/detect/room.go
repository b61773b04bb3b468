package detect

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Names of signals in reasons, and the kind of a highlight that only the audience told.
const (
	signalKeyword  = "keyword"
	signalComments = "comments"
	signalLoudness = "loudness"
	kindBurst      = "burst"
)

const (
	mostLines    = 512              // awaiting the mark
	mostSounds   = 4096             // awaiting the mark
	mostRecent   = 256              // lines already taken up
	recentFor    = 90 * time.Second // longest window and reach, and lines told again
	firedFor     = 10 * time.Minute
	mostEvidence = 256
)

// heard is a final line and the event that said it.
type heard struct {
	Envelope event.Envelope
	Line     domain.TranscriptLine
}

// evidence is one signal's part in a moment.
type evidence struct {
	Signal string
	Kind   string // of the highlight it would make
	Detail string
	Moment domain.Window
	Weight float64
	Used   bool // in a highlight

	// Where it was said: the line's event, its sentence, and which of the line's moments, from 0. Of what was not said all
	// are zero.
	Said     bool
	Line     event.Envelope
	Sentence domain.Window
	Number   int

	Burst int64 // the burst's number
}

// fired is a highlight already given.
type fired struct {
	Moment, Window domain.Window
	Kind           string
}

// outcome of a moment that was considered.
type outcome string

const (
	outcomeFired     outcome = "fired"
	outcomeWeak      outcome = "weak"      // below the threshold
	outcomeSwallowed outcome = "swallowed" // of a moment that has its highlight
)

// decision is what became of a moment. Anchor is what the highlight follows from.
type decision struct {
	Outcome   outcome
	Anchor    event.Envelope
	Highlight domain.Highlight
}

// room is one broadcast. What it gives depends only on what was put in and on the order in media time, not on the order of
// arrival, as long as the marks keep their promise. Not safe for concurrent use.
type room struct {
	memory
	rules *Rules
}

// memory is what a room keeps; all of it is bounded, and stored as JSON.
type memory struct {
	Envelope   event.Envelope // of the newest mark, for what follows from no event of its own
	Mark       time.Duration
	Lines      []heard                // final, awaiting the mark, in order
	Sounds     []domain.SoundMeasured // awaiting the mark, in order
	Recent     []heard                // taken up, in order
	Parts      []domain.Window        // their sentences
	Evidence   []evidence
	Fired      []fired
	Comments   comments
	Loudness   loudness
	Signals    time.Duration // the mark when an audience signal last came
	HasSignals bool
	Health     domain.Health
	Told       time.Duration // the mark when the health was last published
}

// put takes one thing in and gives what it brought out; lost tells what came too late, or for which there was no room. After
// a progress that says closed nothing may be put.
func (r *room) put(e event.Envelope, payload any) (decisions []decision, lost bool) {
	switch payload := payload.(type) {
	case domain.TranscriptLine:
		lost = !r.hear(e, payload)
		return r.advance(r.Mark), lost // a line that its mark overtook waits for no other
	case domain.SoundMeasured:
		return nil, !r.measure(payload)
	case domain.AudienceSignal:
		return nil, !r.signal(payload)
	case domain.StreamProgress:
		r.Envelope = e
		decisions = r.advance(payload.HeardTo)
		if payload.Closed {
			decisions = append(decisions, r.finish(max(payload.HeardTo, payload.RecordedTo))...)
		}
	}
	return decisions, false
}

func byEnd(a, b heard) int {
	return cmp.Or(cmp.Compare(a.Line.End, b.Line.End), cmp.Compare(a.Line.Start, b.Line.Start), strings.Compare(a.Line.ID, b.Line.ID))
}

// hear puts a line aside until the mark passes its end. Partial lines, and lines it knows, change nothing. It reports false
// when the line is lost: too late, or too many.
func (r *room) hear(e event.Envelope, line domain.TranscriptLine) bool {
	if !line.Final {
		return true
	}
	line.Start = max(0, line.Start)
	line.End = max(line.Start, line.End)
	same := func(h heard) bool { return h.Line.ID == line.ID }
	if slices.ContainsFunc(r.Recent, same) || slices.ContainsFunc(r.Lines, same) {
		return true
	}
	if line.End < r.Mark-recentFor || len(r.Lines) >= mostLines {
		return false
	}
	r.Lines = insert(r.Lines, heard{e, line}, byEnd)
	return true
}

// measure puts loudness aside until the mark passes its end. It reports false when it is lost.
func (r *room) measure(s domain.SoundMeasured) bool {
	if s.Start < r.Loudness.Until || s.Step <= 0 || len(r.Sounds) >= mostSounds {
		return false
	}
	order := func(a, b domain.SoundMeasured) int { return cmp.Compare(soundEnd(a), soundEnd(b)) }
	if _, known := slices.BinarySearchFunc(r.Sounds, s, order); !known {
		r.Sounds = insert(r.Sounds, s, order)
	}
	return true
}

// signal takes what the audience did. It reports false when it is lost.
func (r *room) signal(s domain.AudienceSignal) bool {
	r.Signals, r.HasSignals = r.Mark, true
	return s.Kind != domain.SignalComment || r.Comments.add(s)
}

// health of the comment feed, at the mark.
func (r *room) health() domain.Health {
	return r.Comments.health(r.Mark, r.Signals, r.HasSignals)
}

func insert[T any](into []T, v T, order func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(into, v, order)
	return slices.Insert(into, i, v)
}

// advance takes up, in media-time order, everything up to the mark, and gives what it decided.
func (r *room) advance(mark time.Duration) []decision {
	r.Mark = max(r.Mark, mark)
	var decisions []decision
	const never = time.Duration(math.MaxInt64)
	for {
		sound, line, told := never, never, r.Comments.due(r.rules.Comments)
		if len(r.Sounds) > 0 {
			sound = soundEnd(r.Sounds[0])
		}
		if len(r.Lines) > 0 {
			line = r.Lines[0].Line.End
		}
		next := min(sound, line, told)
		if next > r.Mark {
			return decisions
		}
		r.forget(next)
		switch next {
		case sound:
			r.Loudness.add(r.Sounds[0], r.rules.Loudness)
			r.Sounds = slices.Delete(r.Sounds, 0, 1)
		case line:
			l := r.Lines[0]
			r.Lines = slices.Delete(r.Lines, 0, 1)
			decisions = append(decisions, r.take(l)...)
		default:
			if e, ok := r.Comments.tell(r.rules.Comments); ok {
				decisions = append(decisions, r.consider([]evidence{e}))
			}
		}
	}
}

// finish takes up all that is left of a broadcast that ended.
func (r *room) finish(end time.Duration) []decision {
	if n := len(r.Lines); n > 0 {
		end = max(end, r.Lines[n-1].Line.End)
	}
	if n := len(r.Sounds); n > 0 {
		end = max(end, soundEnd(r.Sounds[n-1]))
	}
	return r.advance(max(end, r.Mark) + r.rules.Comments.Grace)
}

// take looks for phrases in a line.
func (r *room) take(l heard) []decision {
	var before *heard
	if n := len(r.Recent); n > 0 {
		before = &r.Recent[n-1]
	}
	in := r.rules.keywords(before, l)
	r.Recent = insert(r.Recent, l, byEnd)
	r.Parts = append(r.Parts, in.sentences...)
	if in.wasAsked {
		r.Comments.AskedAt, r.Comments.WasAsked = in.asked, true
	}
	var decisions []decision
	for _, m := range in.moments {
		decisions = append(decisions, r.consider(m))
	}
	return decisions
}

// consider weighs new evidence of one moment together with what is known near it.
func (r *room) consider(now []evidence) decision {
	for _, e := range now {
		r.remember(e)
	}
	near := r.near(now[0].Moment.Start)
	anchor := r.Evidence[near[0]]
	moment := domain.Window{Start: anchor.Moment.Start, End: anchor.Moment.End}
	parts := make([]evidence, 0, len(near)+1)
	for _, i := range near {
		parts = append(parts, r.Evidence[i])
	}
	if loud, ok := r.Loudness.near(moment, r.rules.Loudness); ok {
		parts = append(parts, loud)
	}
	d := r.decide(anchor, parts)
	if d.Outcome != outcomeWeak {
		for _, i := range near {
			r.Evidence[i].Used = true
		}
	}
	if d.Outcome == outcomeFired {
		r.Fired = append(r.Fired, fired{moment, d.Highlight.Window, d.Highlight.Kind})
	}
	return d
}

// remember adds evidence; a burst that grew replaces what it was.
func (r *room) remember(e evidence) {
	if e.Signal == signalComments {
		for i, known := range r.Evidence {
			if known.Signal == signalComments && known.Burst == e.Burst {
				e.Used = known.Used
				r.Evidence[i] = e
				return
			}
		}
	}
	r.Evidence = append(r.Evidence, e)
}

// near gives the evidence of the moment at t that made no highlight yet, one of each kind, the anchor first: what was said
// before what the audience did, the weightier before the lighter, the older before the newer.
func (r *room) near(t time.Duration) []int {
	var found []int
	for i, e := range r.Evidence {
		if apart := (e.Moment.Start - t).Abs(); apart > r.rules.Together || e.Used && e.Moment.Start != t {
			continue
		}
		found = append(found, i)
	}
	order := map[bool]int{true: 0, false: 1}
	slices.SortStableFunc(found, func(a, b int) int {
		x, y := r.Evidence[a], r.Evidence[b]
		if x.Said != y.Said {
			return cmp.Compare(order[x.Said], order[y.Said])
		}
		return cmp.Compare(y.Weight, x.Weight)
	})
	kinds := map[string]bool{}
	return slices.DeleteFunc(found, func(i int) bool {
		again := kinds[r.Evidence[i].Kind]
		kinds[r.Evidence[i].Kind] = true
		return again
	})
}

// decide makes the highlight of a moment and says what becomes of it.
func (r *room) decide(anchor evidence, parts []evidence) decision {
	envelope, id := r.anchor(anchor)
	h := domain.Highlight{
		ID:   domain.NewHighlightID(envelope.Broadcast, id),
		Kind: anchor.Kind,
	}
	envelope.At = anchor.Moment.Start
	missing := 1.
	for _, p := range parts {
		missing *= 1 - p.Weight
		h.Reasons = append(h.Reasons, domain.Reason{Signal: p.Signal, Detail: p.Detail, At: p.Moment.Start, Weight: p.Weight})
	}
	h.Score = 1 - missing
	slices.SortStableFunc(h.Reasons, func(a, b domain.Reason) int { return cmp.Compare(b.Weight, a.Weight) })
	sentence := anchor.Sentence
	if !anchor.Said {
		sentence = sentenceOf(anchor.Moment, r.Parts)
	}
	var after time.Duration
	for _, f := range r.Fired {
		if f.Moment.Start < anchor.Moment.Start {
			after = max(after, f.Window.End)
		}
	}
	h.Window = r.rules.Window.around(anchor.Moment, sentence, r.Parts, after)
	h.Text = r.text(h.Window)
	d := decision{outcomeFired, envelope, h}
	switch {
	case h.Score < r.rules.Threshold:
		d.Outcome = outcomeWeak
	case r.covered(anchor):
		d.Outcome = outcomeSwallowed
	}
	return d
}

// anchor is the event a highlight follows from, and what names it: a line, the second or later moment of a line, or a burst.
func (r *room) anchor(e evidence) (event.Envelope, string) {
	if !e.Said {
		envelope := r.Envelope
		envelope.ID = domain.H("burst", string(envelope.Broadcast), strconv.FormatInt(e.Burst, 10))
		return envelope, envelope.ID
	}
	if e.Number > 0 {
		return e.Line, e.Line.ID + "/" + strconv.Itoa(e.Number)
	}
	return e.Line, e.Line.ID
}

// covered tells a moment that has its highlight already.
func (r *room) covered(e evidence) bool {
	for _, f := range r.Fired {
		apart := (e.Moment.Start - f.Moment.Start).Abs()
		shown := e.Moment.Start >= f.Window.Start && e.Moment.End <= f.Window.End
		if apart < r.rules.Close || apart < r.rules.Apart && shown {
			return true
		}
		if since := e.Moment.Start - f.Moment.End; !e.Said && since >= -r.rules.Apart && since < r.rules.Comments.Echo {
			return true
		}
	}
	return false
}

// text is what was said in the window so far.
func (r *room) text(w domain.Window) string {
	var said []string
	for _, l := range r.Recent {
		line := domain.Window{Start: l.Line.Start, End: l.Line.End}
		if line.Overlap(w) > 0 && l.Line.Text != "" {
			said = append(said, l.Line.Text)
		}
	}
	return strings.Join(said, " ")
}

// forget lets go of what is of no use at media time now. It goes by what is taken up, not by the mark, so that a mark that
// comes late forgets nothing that many small ones would have used.
func (r *room) forget(now time.Duration) {
	old := now - recentFor
	r.Recent = slices.DeleteFunc(r.Recent, func(h heard) bool { return h.Line.End < old })
	r.Evidence = slices.DeleteFunc(r.Evidence, func(e evidence) bool { return e.Moment.End < old })
	r.Fired = slices.DeleteFunc(r.Fired, func(f fired) bool { return f.Window.End < now-firedFor })
	r.Parts = slices.DeleteFunc(r.Parts, func(s domain.Window) bool { return s.End < old })
	r.Recent = newest(r.Recent, mostRecent)
	r.Parts = newest(r.Parts, 4*mostRecent)
	r.Evidence = newest(r.Evidence, mostEvidence)
}

func newest[T any](of []T, most int) []T {
	if n := len(of) - most; n > 0 {
		return slices.Delete(of, 0, n)
	}
	return of
}
