package detect

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const (
	mostLines    = 512              // awaiting the mark
	mostSounds   = 4096             // awaiting the mark
	mostShopping = 1024             // awaiting the mark
	mostCuts     = 4096             // awaiting the mark
	mostRecent   = 128              // lines already taken up
	recentFor    = 90 * time.Second // longest window and reach, and lines told again
	mostEvidence = 256
	mostEdges    = 128
)

// room is one broadcast. What it gives depends only on what was put in and on the order in media time, not on the order of
// arrival, as long as the marks keep their promise. Not safe for concurrent use.
type room struct {
	memory
	rules *Rules
	clock time.Duration // when what is put came: set in a replay only
}

// memory is what a room keeps; all of it is bounded, and stored as JSON.
type memory struct {
	Envelope event.Envelope // of the newest mark, for what follows from no event of its own
	Mark     time.Duration

	Lines    []finalLine     // final, awaiting the mark, in order
	Sounds   []soundStretch  // awaiting the mark, in order; of the first one, what was not taken up yet
	Shopping []shopping      // awaiting the mark, in order
	Cuts     []time.Duration // awaiting the mark, in order
	Audience audience

	Spoke     time.Duration   // end of the last line taken up; 0: nothing was said yet
	Recent    []pastLine      // lines taken up, in order
	Sentences []sentence      // of those
	Edges     []time.Duration // where a window may well begin: the product or the picture changed
	Evidence  []evidence
	Fired     []fired

	Keywords  keywords
	Prices    prices
	Countdown countdown
	Comments  comments
	Meaning   meaning
	Likes     rate
	Gifts     rate
	Follows   rate
	Orders    rate
	Product   product
	Loudness  loudness
	Voice     voice
	Pitch     pitch
	Reactions reactions
	Scene     scene
	Lag       lag

	Health map[string]domain.Health
	Told   time.Duration // the mark when the health was last published
}

// signals are what the room is watched for.
func (r *room) signals() []signal {
	return []signal{
		&r.Keywords, &r.Prices, &r.Countdown, &r.Voice, &r.Pitch, &r.Product, &r.Comments, &r.Meaning,
		r.Likes.of(signalLikes), r.Gifts.of(signalGifts), r.Follows.of(signalFollows), r.Orders.of(signalOrders),
		&r.Loudness, &r.Reactions, &r.Scene,
	}
}

// finalLine is a final line and the event that said it.
type finalLine struct {
	Source source
	Line   domain.TranscriptLine
}

// pastLine is what is kept of a line that was taken up.
type pastLine struct {
	ID    string
	Span  domain.Window
	Text  string // of a line that has no Words
	Words []domain.Word
	Tail  []timedToken // its last tokens: a phrase may go on in the next line
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
		return nil, !r.signal(e, payload)
	case domain.StreamProgress:
		r.Envelope = e
		lost = !r.cuts(payload.SceneCuts)
		decisions = r.advance(clock(e.Lane, payload))
		if payload.Closed {
			decisions = append(decisions, r.finish(max(payload.HeardTo, payload.RecordedTo))...)
		}
	}
	return decisions, lost
}

// hearing is how long after its end a line may still come, and be taken up in its place among the comments.
const hearing = 500 * time.Millisecond

// clock is how far a broadcast may be taken up. A live one goes on with the picture and its sound: what the audience does waits
// for nobody who speaks a long sentence, and a line that comes later than hearing is taken up when it comes. An archived one is
// recorded long before it is heard, and waits for every line.
func clock(lane domain.Lane, p domain.StreamProgress) time.Duration {
	if lane == domain.LaneBatch {
		return p.HeardTo
	}
	return max(p.HeardTo, p.RecordedTo-max(0, p.Unmeasured-hearing))
}

func byEnd(a, b finalLine) int {
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
	known := slices.ContainsFunc(r.Recent, func(t pastLine) bool { return t.ID == line.ID }) ||
		slices.ContainsFunc(r.Lines, func(h finalLine) bool { return h.Line.ID == line.ID })
	if known {
		return true
	}
	if line.End < r.Mark-recentFor || len(r.Lines) >= mostLines {
		return false
	}
	r.Lines = insert(r.Lines, finalLine{sourceOf(e, r.clock), line}, byEnd)
	return true
}

// measure puts sound aside until the mark passes it. It reports false when it is lost: too late, or too much.
func (r *room) measure(m domain.SoundMeasured) bool {
	s := soundStretch{m, r.clock}
	if m.Step <= 0 || m.Start < 0 || len(r.Sounds) >= mostSounds || !s.after(r.Loudness.Until) {
		return false
	}
	order := func(a, b soundStretch) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(len(a.Momentary), len(b.Momentary)))
	}
	if _, known := slices.BinarySearchFunc(r.Sounds, s, order); !known {
		r.Sounds = insert(r.Sounds, s, order)
	}
	return true
}

// signal takes what the audience or the shop did. It reports false when it is lost.
func (r *room) signal(e event.Envelope, s domain.AudienceSignal) bool {
	if !r.Audience.note(s, r.Mark) {
		return true // told again
	}
	if s.Kind != domain.SignalProduct {
		return r.Audience.add(s, e.Lane, r.rules, r.clock)
	}
	s.At = max(0, s.At)
	if s.At < r.Mark-recentFor || len(r.Shopping) >= mostShopping {
		return false
	}
	s.At = max(s.At, r.Audience.Until()) // late: taken up with what comes next
	r.Shopping = insert(r.Shopping, shopping{sourceOf(e, r.clock), s}, byShopping)
	return true
}

func byShopping(a, b shopping) int {
	return cmp.Or(cmp.Compare(a.Signal.At, b.Signal.At), strings.Compare(a.Signal.ID, b.Signal.ID))
}

// cuts puts changes of the picture aside. It reports false when one is lost.
func (r *room) cuts(at []time.Duration) bool {
	for _, c := range at {
		if len(r.Cuts) >= mostCuts {
			return false
		}
		if i, known := slices.BinarySearch(r.Cuts, c); !known && c >= 0 {
			r.Cuts = slices.Insert(r.Cuts, i, c)
		}
	}
	return true
}

func insert[T any](into []T, v T, order func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(into, v, order)
	return slices.Insert(into, i, v)
}

// advance takes up, in media-time order, everything up to the mark, and gives what it decided.
func (r *room) advance(mark time.Duration) []decision {
	r.Mark = max(r.Mark, mark)
	var decisions []decision
	for {
		h, ok := r.next()
		if !ok {
			return decisions
		}
		r.forget(h.At)
		decisions = append(decisions, r.take(h)...)
	}
}

// next takes out the earliest thing whose time has come: sound before the picture before the shop before what was said before
// the audience, where they are of one time.
func (r *room) next() (happening, bool) {
	const never = time.Duration(math.MaxInt64)
	sound, cut, shop, line := never, never, never, never
	grace := r.rules.Comments.Grace
	for len(r.Sounds) > 0 && !r.Sounds[0].after(r.Loudness.Until) { // told again, otherwise cut
		first(&r.Sounds)
	}
	if len(r.Sounds) > 0 {
		sound = r.Sounds[0].until(1) + hearing
	}
	if len(r.Cuts) > 0 {
		cut = r.Cuts[0] + hearing
	}
	if len(r.Shopping) > 0 {
		shop = r.Shopping[0].Signal.At + grace
	}
	if len(r.Lines) > 0 {
		line = r.Lines[0].Line.End + hearing
	}
	audience := r.Audience.due(grace)
	next := min(sound, cut, shop, line, audience)
	if next > r.Mark {
		return happening{}, false
	}
	switch next {
	case sound:
		return happening{At: next - hearing, Sound: ptr(r.Sounds[0].cut(min(cut, shop, line, audience, r.Mark) - hearing))}, true
	case cut:
		return happening{At: first(&r.Cuts), Cut: true}, true
	case shop:
		return happening{At: next - grace, Shop: ptr(first(&r.Shopping))}, true
	case line:
		return happening{At: next - hearing, Line: r.speak(first(&r.Lines))}, true
	}
	h := r.Audience.next()
	return happening{At: h.end(), Hop: &h}, true
}

// first takes the first of a list out of it.
func first[T any](of *[]T) T {
	v := (*of)[0]
	*of = slices.Delete(*of, 0, 1)
	return v
}

func ptr[T any](v T) *T { return &v }

// finish takes up all that is left of a broadcast that ended.
func (r *room) finish(end time.Duration) []decision {
	if n := len(r.Lines); n > 0 {
		end = max(end, r.Lines[n-1].Line.End)
	}
	if n := len(r.Sounds); n > 0 {
		end = max(end, r.Sounds[n-1].end())
	}
	return r.advance(max(end, r.Mark) + hopLength + hearing + r.rules.Comments.Grace)
}

// take lets every signal see what happened, and considers the moments they speak of.
func (r *room) take(h happening) []decision {
	var said, done []evidence
	for _, s := range r.signals() {
		for _, e := range s.take(h, r) {
			if e.Said {
				said = append(said, e)
			} else {
				done = append(done, e)
			}
		}
	}
	r.Lag.take(h, r, said)
	switch {
	case h.Line != nil:
		r.keep(*h.Line)
	case h.Cut, h.Shop != nil:
		r.Edges = newest(append(r.Edges, h.At), mostEdges)
	}
	var decisions []decision
	for _, m := range moments(said, r.rules.Close) {
		decisions = append(decisions, r.consider(m, h.At)...)
	}
	for _, e := range done {
		decisions = append(decisions, r.consider([]evidence{e}, h.At)...)
	}
	return decisions
}

// moments sorts what was said in a line into moments: what begins nearer than apart to a moment's first words is of it.
func moments(said []evidence, apart time.Duration) [][]evidence {
	slices.SortStableFunc(said, func(a, b evidence) int { return cmp.Compare(a.Moment.Start, b.Moment.Start) })
	var all [][]evidence
	for _, e := range said {
		n := len(all)
		if n == 0 || e.Moment.Start-all[n-1][0].Moment.Start >= apart {
			all = append(all, nil)
			n++
		}
		e.Number = n - 1
		all[n-1] = together(all[n-1], e)
	}
	for _, m := range all {
		for i := range m {
			m[i].tell()
		}
	}
	return all
}

// together adds evidence to a moment's. Of one feature the weightier stands for the others, with all that they rest on.
func together(moment []evidence, e evidence) []evidence {
	for i := range moment {
		known := &moment[i]
		switch {
		case known.Feature != e.Feature:
		case known.Value >= e.Value:
			known.with(e)
			return moment
		default:
			e.with(*known)
		}
	}
	return append(moment, e)
}

// keep remembers a line that was taken up.
func (r *room) keep(l spokenLine) {
	tail := l.spoken[max(0, len(l.spoken)-carriedTokens):]
	t := pastLine{ID: l.ID, Span: domain.Window{Start: l.Start, End: l.End}, Words: l.Words, Tail: slices.Clone(tail)}
	if len(l.Words) == 0 {
		t.Text = l.Text
	}
	r.Spoke = max(r.Spoke, l.End)
	r.Recent = insert(r.Recent, t, func(a, b pastLine) int { return cmp.Compare(a.Span.End, b.Span.End) })
	for i := range len(r.Recent) - 1 {
		r.Recent[i].Tail = nil // a phrase goes on from the newest line only
	}
	r.Sentences = append(r.Sentences, l.sentences...)
}

// text is what was said in the window so far.
func (r *room) text(w domain.Window) string {
	var lines []domain.TranscriptLine
	for _, l := range r.Recent {
		if l.Span.Overlap(w) > 0 {
			lines = append(lines, domain.TranscriptLine{Start: l.Span.Start, End: l.Span.End, Text: l.Text, Words: l.Words})
		}
	}
	return caption.Said(lines, w)
}

// forget lets go of what is of no use at media time now. It goes by what is taken up, not by the mark, so that a mark that
// comes late forgets nothing that many small ones would have used.
func (r *room) forget(now time.Duration) {
	old := now - recentFor
	r.Recent = drop(r.Recent, mostRecent, func(t pastLine) bool { return t.Span.End < old })
	r.Evidence = drop(r.Evidence, mostEvidence, func(e evidence) bool { return e.Moment.End < old })
	r.Fired = drop(r.Fired, mostFired, func(f fired) bool { return f.Window.End < now-firedFor })
	r.Sentences = drop(r.Sentences, 4*mostRecent, func(s sentence) bool { return s.End < old })
	r.Edges = drop(r.Edges, mostEdges, func(at time.Duration) bool { return at < old })
}

// drop lets go of what is old, and of the oldest beyond most.
func drop[T any](of []T, most int, old func(T) bool) []T {
	if len(of) > 0 && (len(of) > most || slices.ContainsFunc(of, old)) {
		return newest(slices.DeleteFunc(of, old), most)
	}
	return of
}

func newest[T any](of []T, most int) []T {
	if n := len(of) - most; n > 0 {
		return slices.Delete(of, 0, n)
	}
	return of
}
