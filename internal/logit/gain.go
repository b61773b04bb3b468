package logit

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
)

// Scored is what a model said of an example it had not learned from.
type Scored struct {
	Score float64
	Good  bool
}

// Fold is which of n parts a group belongs to: the same each time.
func Fold(group string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(group))
	return int(h.Sum32() % uint32(n))
}

// pulls are tried from weak to strong.
var pulls = [...]float64{0.1, 0.3, 1, 3, 10, 30}

// Choose gives the pull whose models do best, by log-loss, on examples they had not learned from.
func Choose(examples []Example, prior Model, folds int, fixed func(string) bool) float64 {
	best, least := pulls[len(pulls)-1], math.Inf(1)
	for _, pull := range slices.Backward(pulls[:]) {
		if loss := LogLoss(heldOut(examples, folds, func(rest []Example) Model { return Fit(rest, prior, pull, fixed) })); loss < least-1e-9 {
			best, least = pull, loss
		}
	}
	return best
}

// CrossValidated scores every example by a model fitted to the other folds' examples, its pull chosen among those alone.
func CrossValidated(examples []Example, prior Model, folds int, fixed func(string) bool) []Scored {
	return heldOut(examples, folds, func(rest []Example) Model {
		return Fit(rest, prior, Choose(rest, prior, folds, fixed), fixed)
	})
}

func heldOut(examples []Example, folds int, fit func([]Example) Model) []Scored {
	var scored []Scored
	for fold := range folds {
		var rest, out []Example
		for _, e := range examples {
			if Fold(e.Group, folds) == fold {
				out = append(out, e)
			} else {
				rest = append(rest, e)
			}
		}
		if len(out) == 0 {
			continue
		}
		scored = append(scored, fit(rest).All(out)...)
	}
	return scored
}

// All scores examples.
func (m Model) All(examples []Example) []Scored {
	scored := make([]Scored, 0, len(examples))
	for _, e := range examples {
		scored = append(scored, Scored{m.Score(e.Features), e.Good})
	}
	return scored
}

// LogLoss is the mean surprise at the labels, in nats; 0.69 knows nothing.
func LogLoss(scored []Scored) float64 {
	sum := 0.
	for _, s := range scored {
		p := min(max(s.Score, 1e-9), 1-1e-9)
		if !s.Good {
			p = 1 - p
		}
		sum -= math.Log(p)
	}
	return sum / float64(max(1, len(scored)))
}

// AUC is the chance that a good example scores above one that is not; 0.5 where one kind is missing.
func AUC(scored []Scored) float64 {
	sorted := slices.SortedFunc(slices.Values(scored), func(a, b Scored) int { return cmp.Compare(a.Score, b.Score) })
	good, wins := 0, 0.
	for from := 0; from < len(sorted); {
		to, ties := from, 0
		for ; to < len(sorted) && sorted[to].Score == sorted[from].Score; to++ {
			if sorted[to].Good {
				ties++
			}
		}
		wins += float64(ties) * (float64(from-good) + float64(to-from-ties)/2)
		good += ties
		from = to
	}
	if bad := len(sorted) - good; good > 0 && bad > 0 {
		return wins / (float64(good) * float64(bad))
	}
	return 0.5
}

// F1 at a threshold.
func F1(scored []Scored, threshold float64) float64 {
	var hits, wrong, missed float64
	for _, s := range scored {
		switch {
		case s.Good && s.Score >= threshold:
			hits++
		case s.Good:
			missed++
		case s.Score >= threshold:
			wrong++
		}
	}
	if hits == 0 {
		return 0
	}
	return 2 * hits / (2*hits + wrong + missed)
}
