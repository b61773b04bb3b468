package detect

import (
	"slices"
	"time"

	"liveclip/internal/domain"
)

// LagRules say how long after the picture its audience is heard from.
type LagRules struct {
	Prior time.Duration `yaml:"prior"` // what is assumed of a room of which nothing is known
	Least time.Duration `yaml:"least"`
	Most  time.Duration `yaml:"most"`
	Trust float64       `yaml:"trust"` // how many answered moments the prior weighs as much as
}

const (
	lagReach  = 26              // seconds after a moment in which its answer is looked for
	lagFade   = 0.95            // of what was learned, with every moment learned from
	lagApart  = 5 * time.Second // moments nearer than this are learned from once
	lagSure   = 8.              // comments beyond the usual that make an answer count fully
	mostAsked = 16
)

// lag learns how long after the picture the room's comments come: it correlates their rate with what was said and sold. The
// answers to many moments, each a second's deviations from the usual, are added up; where their sum rises is the lag.
type lag struct {
	Sum      []float64       // by second after the moment; a moment adds one in all
	Awaiting []time.Duration // moments whose answer is still coming
}

func (l *lag) take(h happening, r *room, said []evidence) {
	for _, e := range said {
		if e.Kind != "" && e.Value >= lagValue && r.rules.weights[e.Feature] > 0 {
			l.await(e.Moment.End)
		}
	}
	if h.Shop != nil && r.rules.weights[productFeatures[h.Shop.Signal.Action]] > 0 {
		l.await(h.At)
	}
	if h.Hop == nil || h.At%time.Second != 0 {
		return
	}
	for len(l.Awaiting) > 0 && l.Awaiting[0]+lagReach*time.Second <= h.At {
		moment := first(&l.Awaiting)
		l.learn(answer(r.Comments.Series, h.At, moment, r.Comments.Median))
	}
}

const lagValue = 0.6 // of what was said that is learned from

func (l *lag) await(moment time.Duration) {
	if n := len(l.Awaiting); n == 0 || moment-l.Awaiting[n-1] >= lagApart {
		l.Awaiting = newest(append(l.Awaiting, moment), mostAsked)
	}
}

// answer gives the comments a second beyond the usual, by second after a moment; nil where they were not counted.
func answer(series []int, now, moment time.Duration, usually float64) []float64 {
	from := len(series) - int((now-moment)/time.Second)
	if from < 0 || from+lagReach > len(series) {
		return nil
	}
	out := smooth(floats(series[from : from+lagReach]))
	for i := range out {
		out[i] = max(0, out[i]-usually/window.Seconds())
	}
	return out
}

// learn adds one moment's answer: the more comments, the surer, and one moment never more than another with many.
func (l *lag) learn(answer []float64) {
	sum := 0.
	for _, v := range answer {
		sum += v
	}
	if sum == 0 {
		return
	}
	if l.Sum == nil {
		l.Sum = make([]float64, lagReach)
	}
	weight := min(1, sum/lagSure)
	for i, v := range answer {
		l.Sum[i] = (1-(1-lagFade)*weight)*l.Sum[i] + weight*v/sum
	}
}

// is gives the lag, between the rules' bounds.
func (l *lag) is(r LagRules) time.Duration {
	sum := make([]float64, lagReach)
	copy(sum, l.Sum)
	for i := range sum {
		sum[i] += r.Trust * prior(time.Duration(i)*time.Second-r.Prior)
	}
	sum = smooth(sum)
	at := time.Duration(rise(sum, base(sum))) * time.Second
	return min(max(at, r.Least), r.Most)
}

// prior is how an answer usually goes, by the time since it began: quickly up, slowly down.
func prior(since time.Duration) float64 {
	switch s := since.Seconds(); {
	case s < -1:
		return 0
	case s < 1:
		return 0.1 * (s + 1)
	default:
		return 0.2 * max(0, 1-(s-1)/8)
	}
}

// base is what an answer rises from: the median of a series, most of which it does not take up.
func base(series []float64) float64 { return middle(slices.Clone(series)) }

// answered is what an audience that began to react at a time reacts to.
func (r *room) answered(began time.Duration) (moment domain.Window) {
	moment.End = max(0, began-r.Lag.is(r.rules.Lag))
	moment.Start = max(0, moment.End-2*time.Second)
	return moment
}
