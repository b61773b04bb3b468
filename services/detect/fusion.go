package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Kinds of highlights that no group of keywords names.
const (
	kindBurst   = "burst"   // only the audience told
	kindProduct = "product" // another one came on show
	kindSoldOut = "sold_out"
)

const (
	firedFor  = time.Hour // over which clips are counted
	mostFired = 1000
)

// fired is a highlight already given.
type fired struct {
	Moment, Window domain.Window
	Score          float64
}

// consider weighs new evidence of one moment together with what is known near it.
func (r *room) consider(now []evidence, at time.Duration) []decision {
	for _, e := range now {
		r.remember(e)
	}
	near := r.near(now[0].Moment.Start)
	if !slices.ContainsFunc(near, func(i int) bool { return r.Evidence[i].Kind != "" }) {
		return nil // nothing that makes a moment by itself
	}
	parts := make([]evidence, 0, len(near)+1)
	for _, i := range near {
		parts = append(parts, r.Evidence[i])
	}
	d := r.decide(parts, at)
	if d.Outcome == outcomeFired || d.Outcome == outcomeSwallowed {
		for _, i := range near {
			r.Evidence[i].Used = true
		}
	}
	if d.Outcome == outcomeFired {
		r.Fired = append(r.Fired, fired{r.anchorOf(parts).Moment, d.Highlight.Window, d.Highlight.Score})
	}
	return []decision{d}
}

// remember adds evidence; what the audience did grows, and replaces what it was.
func (r *room) remember(e evidence) {
	for i, known := range r.Evidence {
		if e.Burst != 0 && known.Feature == e.Feature && (known.Burst == e.Burst || (known.Moment.Start-e.Moment.Start).Abs() < r.rules.Close) {
			e.Used = known.Used
			r.Evidence[i] = e
			return
		}
	}
	r.Evidence = append(r.Evidence, e)
}

// near gives the evidence of the moment at t that made no highlight yet, of each feature the greatest, the anchor first.
func (r *room) near(t time.Duration) []int {
	best := map[string]int{}
	for i, e := range r.Evidence {
		if apart := (e.Moment.Start - t).Abs(); apart > r.rules.Together || e.Used && e.Moment.Start != t {
			continue
		}
		if known, ok := best[e.Feature]; !ok || e.Value > r.Evidence[known].Value {
			best[e.Feature] = i
		}
	}
	found := make([]int, 0, len(best))
	for _, i := range best {
		found = append(found, i)
	}
	slices.Sort(found)
	slices.SortStableFunc(found, func(a, b int) int { return r.before(r.Evidence[a], r.Evidence[b]) })
	return found
}

// before orders evidence by how well it anchors a moment: what was said before what the shop did before what the audience
// did, the weightier before the lighter.
func (r *room) before(a, b evidence) int {
	rank := func(e evidence) int {
		switch {
		case e.Said && e.Signal != signalSpeech:
			return 0
		case e.Said, e.Signal == signalProduct:
			return 1
		}
		return 2
	}
	weight := func(e evidence) float64 { return r.rules.weights[e.Feature] * e.Value }
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(weight(b), weight(a)))
}

// anchorOf gives the first of the parts that makes a moment by itself.
func (r *room) anchorOf(parts []evidence) evidence {
	if i := slices.IndexFunc(parts, func(e evidence) bool { return e.Kind != "" }); i > 0 {
		return parts[i]
	}
	return parts[0]
}

// decide makes the highlight of a moment and says what becomes of it.
func (r *room) decide(parts []evidence, at time.Duration) decision {
	anchor := r.anchorOf(parts)
	envelope, id := r.anchor(anchor)
	envelope.At = anchor.Moment.Start
	for _, e := range r.silence(parts, at) {
		e.Moment = anchor.Moment
		parts = append(parts, e)
	}
	parts = append(parts, r.conditions(parts, at)...)
	item := r.Product.at(anchor.Moment.End)
	h := domain.Highlight{
		ID:       domain.NewHighlightID(envelope.Broadcast, id),
		Kind:     anchor.Kind,
		Score:    r.rules.score(parts),
		Features: map[string]float64{},
		Shortest: r.rules.Window.Shortest,
		Product:  item.ID,
		Item:     item,
	}
	d := decision{Outcome: outcomeFired, Anchor: envelope, Bar: r.bar(at)}
	for _, p := range parts {
		h.Features[p.Feature] = p.Value
		d.came = max(d.came, p.Source.came)
	}
	h.Reasons = r.rules.reasons(parts, h.Score)
	h.Window = r.window(anchor, parts)
	h.Text = r.text(h.Window)
	d.Highlight = h
	d.Outcome, d.Why, d.WhyChinese = r.outcome(anchor, parts, d)
	return d
}

// What it means that no comment answers a moment. Awaited: the audience is there and has not reacted yet; its weight is
// what the answer is worth waiting for, and what is only said becomes a highlight once somebody reacts. Absent: no
// answer could be heard, and what is said has to do; alone, a phrase that the rules know, unless it speaks of another
// time. And of a room whose host is not heard at all, what the audience does has to do.
const (
	awaited = "comments.awaited"
	absent  = "comments.absent"
	unheard = "speech.absent"
	alone   = "speech.alone"

	unheardAfter = 10 * time.Minute // without a line
)

// silence gives the features of what is not heard about a moment.
func (r *room) silence(parts []evidence, at time.Duration) []evidence {
	answered := slices.ContainsFunc(parts, func(e evidence) bool { return e.Signal == signalComments })
	switch {
	case answered && (r.Spoke == 0 || at-r.Spoke > unheardAfter):
		return []evidence{{Feature: unheard, Value: 1}}
	case answered:
		return nil
	case r.Comments.settled(r.rules.Comments) && at-r.Comments.Heard <= feedMemory:
		return []evidence{{Feature: awaited, Value: 1}}
	}
	out := []evidence{{Feature: absent, Value: 1}}
	if value := r.rules.known(parts); value > 0 {
		out = append(out, evidence{Feature: alone, Value: value})
	}
	return out
}

const fullyKnown = 0.8 // the weight of a phrase that says all by itself

// known is how much of an offer was said in phrases that the rules know, and of now: 0 to 1.
func (r *Rules) known(parts []evidence) float64 {
	sum := 0.
	for _, p := range parts {
		if p.Feature == "speech.elsewhere" {
			return 0
		}
		if p.Said && p.Kind != "" && p.Signal != signalSpeech {
			sum += r.weights[p.Feature] * p.Value
		}
	}
	return min(1, max(0, sum/fullyKnown))
}

// score is the logistic of the weighted sum of the features: between 0 and 1.
func (r *Rules) score(parts []evidence) float64 {
	sum := r.Bias
	for _, p := range parts {
		sum += r.weights[p.Feature] * p.Value
	}
	return logistic(sum)
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// reasons shares the score out among what raised it.
func (r *Rules) reasons(parts []evidence, score float64) []domain.Reason {
	sum := 0.
	for _, p := range parts {
		if p.Signal != "" {
			sum += max(0, r.weights[p.Feature]*p.Value)
		}
	}
	var reasons []domain.Reason
	for _, p := range parts {
		weight := r.weights[p.Feature] * p.Value
		if p.Signal == "" || weight <= 0 {
			continue // a silence, or what speaks against it
		}
		reasons = append(reasons, domain.Reason{
			Signal: p.Signal, Detail: p.Detail, Chinese: p.Chinese, At: p.Moment.Start, Weight: score * weight / max(sum, 1e-9),
			Phrases: p.Phrases, Offer: p.Offer, Left: p.Left,
		})
	}
	slices.SortStableFunc(reasons, func(a, b domain.Reason) int { return cmp.Compare(b.Weight, a.Weight) })
	return reasons
}

// outcome says what becomes of a moment, and why where it is no highlight, in English and in Chinese.
func (r *room) outcome(anchor evidence, parts []evidence, d decision) (o outcome, why, chinese string) {
	score := 100 * d.Highlight.Score
	if rule, vetoed := r.rules.vetoed(parts); vetoed {
		return outcomeVetoed, fmt.Sprintf("the rule %q forbids it", rule), fmt.Sprintf("规则“%s”禁止", rule)
	}
	switch {
	case d.Highlight.Score < r.rules.Threshold:
		least := 100 * r.rules.Threshold
		return outcomeWeak, fmt.Sprintf("score %.0f, needs %.0f", score, least), fmt.Sprintf("得分 %.0f，需要 %.0f", score, least)
	case r.covered(anchor):
		return outcomeSwallowed, "the moment has its clip already", "这一刻已有切片"
	case d.Highlight.Score < d.Bar:
		n, bar := r.recently(anchor.Moment.Start), min(100, 100*d.Bar)
		return outcomeBarred, fmt.Sprintf("score %.0f, but after %d clips in the last hour it needs more than %.0f", score, n, bar),
			fmt.Sprintf("得分 %.0f，但最近一小时已有 %d 条切片，要高于 %.0f", score, n, bar)
	}
	return outcomeFired, "", ""
}

// anchor is the event a highlight follows from, and what names it.
func (r *room) anchor(e evidence) (event.Envelope, string) {
	envelope := r.Envelope
	if e.Source.ID == "" {
		envelope.ID = domain.H("burst", string(envelope.Broadcast), e.Feature, strconv.FormatInt(e.Burst, 10))
		return envelope, envelope.ID
	}
	envelope.ID, envelope.Epoch, envelope.Lane, envelope.Trace = e.Source.ID, e.Source.Epoch, e.Source.Lane, e.Source.Trace
	envelope.Sequence = 0
	if e.Number > 0 {
		return envelope, envelope.ID + "/" + strconv.Itoa(e.Number)
	}
	return envelope, envelope.ID
}

// covered tells a moment that has its highlight already: it is too near, or shown already, or the score has not fallen
// since, or it is the audience's answer.
func (r *room) covered(e evidence) bool {
	for _, f := range r.Fired {
		apart := (e.Moment.Start - f.Moment.Start).Abs()
		shown := e.Moment.Start >= f.Window.Start && e.Moment.End <= f.Window.End
		if apart < r.rules.Close || apart < r.rules.Apart && (shown || !r.fell(f.Moment.Start, e.Moment.Start)) {
			return true
		}
		if since := e.Moment.Start - f.Moment.End; !e.Said && since >= -r.rules.Apart && since < r.rules.Comments.Echo {
			return true
		}
	}
	return false
}

// fell tells whether the score fell to the rules' lower bound between two moments.
func (r *room) fell(from, to time.Duration) bool {
	if to < from {
		from, to = to, from
	}
	const step = 500 * time.Millisecond
	for at := from; at < to; at += step {
		if r.scoreAt(at) <= r.rules.Fall {
			return true
		}
	}
	return false
}

// scoreAt is the score at a media time, of all that is known by now: evidence counts from its first moment on, and fades
// after its last.
func (r *room) scoreAt(at time.Duration) float64 {
	best := map[string]float64{}
	for _, e := range r.Evidence {
		if e.Moment.Start > at {
			continue
		}
		past := max(0, at-e.Moment.End)
		if left := 1 - 2*past.Seconds()/r.rules.Together.Seconds(); left > 0 {
			best[e.Feature] = max(best[e.Feature], left*e.Value)
		}
	}
	sum := r.rules.Bias
	for _, feature := range r.rules.features { // in one order, so that sums are the same every time
		sum += r.rules.weights[feature] * best[feature]
	}
	return logistic(sum)
}

// recently counts the highlights of the hour before a media time.
func (r *room) recently(at time.Duration) int {
	n := 0
	for _, f := range r.Fired {
		if f.Moment.Start > at-firedFor {
			n++
		}
	}
	return n
}

// bar is the score that a moment needs now. It is the threshold while the hour's budget is hardly used, and rises from there
// to the budget's best: so that what is left is for the best.
func (r *room) bar(at time.Duration) float64 {
	b := r.rules.Budget
	used := float64(r.recently(at)) / float64(b.PerHour)
	if used >= 1 {
		return math.Nextafter(1, 2) // nothing more
	}
	return r.rules.Threshold + (max(b.Best, r.rules.Threshold)-r.rules.Threshold)*ramp(used, b.Free, 1)
}
