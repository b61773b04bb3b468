// Package logit fits the weights of a sum of features to labels: logistic regression, the logistic of bias + Σ weight·value,
// by Newton's method, with a pull towards weights that are there already, so that few labels change little (Gaussian prior;
// Bishop, Pattern Recognition and Machine Learning, 4.3.3 and 4.5).
package logit

import (
	"maps"
	"math"
	"slices"
)

// Example is something that was considered, and whether it was worth it. Features that it does not name are 0.
type Example struct {
	Features map[string]float64
	Good     bool
	Group    string // examples of one group (a broadcast) are never both learned from and measured on
}

// Model is a bias and weights by feature.
type Model struct {
	Bias    float64
	Weights map[string]float64
}

// Score is between 0 and 1.
func (m Model) Score(features map[string]float64) float64 {
	sum := m.Bias
	for _, name := range slices.Sorted(maps.Keys(features)) { // in one order, so that sums are the same every time
		sum += m.Weights[name] * features[name]
	}
	return 1 / (1 + math.Exp(-sum))
}

// Fit gives the model that explains the examples best, less pull/2 times the squared distance from prior. Weights of features
// that no example has stay as they are; so do those of fixed features.
func Fit(examples []Example, prior Model, pull float64, fixed func(feature string) bool) Model {
	names := free(examples, fixed)
	at := map[string]int{}
	start := make([]float64, 0, len(names)+1)
	for i, name := range names {
		at[name] = i
		start = append(start, prior.Weights[name])
	}
	start = append(start, prior.Bias)
	n := len(start)
	x := slices.Clone(start)
	model := func() Model {
		m := Model{Bias: x[n-1], Weights: maps.Clone(prior.Weights)}
		if m.Weights == nil {
			m.Weights = map[string]float64{}
		}
		for i, name := range names {
			m.Weights[name] = x[i]
		}
		return m
	}
	const steps = 50
	for range steps {
		m := model()
		slope, bend := make([]float64, n), make([]float64, n*n)
		for i := range n {
			slope[i], bend[i*n+i] = pull*(x[i]-start[i]), pull
		}
		for _, e := range examples {
			p := m.Score(e.Features)
			off := p
			if e.Good {
				off--
			}
			row := make([]float64, n)
			row[n-1] = 1
			for name, v := range e.Features {
				if i, ok := at[name]; ok {
					row[i] = v
				}
			}
			for i, v := range row {
				if v == 0 {
					continue
				}
				slope[i] += off * v
				for j, u := range row {
					bend[i*n+j] += p * (1 - p) * v * u
				}
			}
		}
		step, ok := solve(bend, slope, n)
		if !ok {
			break
		}
		moved := 0.
		for i := range x {
			// A whole Newton step may overshoot where the labels part cleanly; 4 is a large change of a weight.
			d := max(-4, min(4, step[i]))
			x[i] -= d
			moved = max(moved, math.Abs(d))
		}
		if moved < 1e-7 {
			break
		}
	}
	return model()
}

func free(examples []Example, fixed func(string) bool) []string {
	names := map[string]bool{}
	for _, e := range examples {
		for name, v := range e.Features {
			if v != 0 && !fixed(name) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// solve gives y with a·y = b, of a symmetric n by n matrix, by elimination with pivots. It changes both.
func solve(a, b []float64, n int) ([]float64, bool) {
	for k := range n {
		pivot := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[pivot*n+k]) {
				pivot = i
			}
		}
		if math.Abs(a[pivot*n+k]) < 1e-12 {
			return nil, false
		}
		for j := range n {
			a[k*n+j], a[pivot*n+j] = a[pivot*n+j], a[k*n+j]
		}
		b[k], b[pivot] = b[pivot], b[k]
		for i := k + 1; i < n; i++ {
			f := a[i*n+k] / a[k*n+k]
			for j := k; j < n; j++ {
				a[i*n+j] -= f * a[k*n+j]
			}
			b[i] -= f * b[k]
		}
	}
	for k := n - 1; k >= 0; k-- {
		for j := k + 1; j < n; j++ {
			b[k] -= a[k*n+j] * b[j]
		}
		b[k] /= a[k*n+k]
	}
	return b, true
}
