package logit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"liveclip/internal/logit"
)

func none(string) bool { return false }

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Of 100 with the feature 80 are good, of 100 without 20: the weights that say just that are known.
func TestWithoutAPullTheFitSaysWhatTheLabelsSay(t *testing.T) {
	var examples []logit.Example
	for i := range 100 {
		examples = append(examples, logit.Example{Features: map[string]float64{"a": 1}, Good: i < 80}, logit.Example{Good: i < 20})
	}
	m := logit.Fit(examples, logit.Model{}, 1e-9, none)
	near(t, "bias", m.Bias, math.Log(0.25), 1e-4)
	near(t, "weight", m.Weights["a"], 2*math.Log(4), 1e-4)
	near(t, "score with", m.Score(map[string]float64{"a": 1}), 0.8, 1e-5)
	near(t, "score without", m.Score(nil), 0.2, 1e-5)
}

func TestFewLabelsChangeLittleAndManyMuch(t *testing.T) {
	prior := logit.Model{Bias: -1, Weights: map[string]float64{"a": 2, "never": 5, "fixed": 3}}
	moved := func(n int) float64 {
		var examples []logit.Example
		for range n {
			examples = append(examples, logit.Example{Features: map[string]float64{"a": 1, "fixed": 0.5}})
		}
		m := logit.Fit(examples, prior, 10, func(name string) bool { return name == "fixed" })
		if m.Weights["never"] != 5 || m.Weights["fixed"] != 3 {
			t.Errorf("weights that nothing speaks of moved: %v", m.Weights)
		}
		return prior.Weights["a"] - m.Weights["a"]
	}
	if one, many := moved(1), moved(1000); !(one > 0 && one < 0.1 && many > 1) {
		t.Errorf("one label moves it by %v, a thousand by %v", one, many)
	}
	if got := logit.Fit(nil, prior, 1, none); !reflect.DeepEqual(got, prior) {
		t.Errorf("no labels: %v", got)
	}
}

func TestCleanlyPartedLabelsStayBounded(t *testing.T) {
	var examples []logit.Example
	for i := range 20 {
		examples = append(examples, logit.Example{Features: map[string]float64{"a": float64(i % 2), "b": float64(i % 2)}, Good: i%2 == 1})
	}
	m := logit.Fit(examples, logit.Model{}, 0.1, none)
	if math.IsNaN(m.Bias) || math.Abs(m.Weights["a"]) > 20 || math.Abs(m.Weights["a"]-m.Weights["b"]) > 1e-6 {
		t.Errorf("got %+v", m)
	}
}

func TestMeasuresAreWhatHandsWorkOut(t *testing.T) {
	scored := []logit.Scored{{0.9, true}, {0.8, false}, {0.6, true}, {0.6, false}, {0.1, false}}
	// of the six pairs 0.9 wins three, 0.6 wins one, ties one, loses one
	near(t, "AUC", logit.AUC(scored), 4.5/6, 1e-12)
	near(t, "F1 at 0.6", logit.F1(scored, 0.6), 2.*2/(4+2), 1e-12)
	near(t, "F1 at 0.95", logit.F1(scored, 0.95), 0, 0)
	near(t, "log-loss", logit.LogLoss([]logit.Scored{{0.5, true}, {0.25, false}}), (math.Log(2)+math.Log(4./3))/2, 1e-12)
	near(t, "AUC of one kind", logit.AUC(scored[:1]), 0.5, 0)
}

func TestWhatIsHeldOutIsNotLearnedFrom(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	var noise, real []logit.Example
	for i := range 400 {
		a := d.Float64()
		group := fmt.Sprint("broadcast ", i/10)
		noise = append(noise, logit.Example{Features: map[string]float64{"a": a, "room " + group: 1}, Good: d.Float64() < 0.5, Group: group})
		real = append(real, logit.Example{Features: map[string]float64{"a": a}, Good: d.Float64() < 1/(1+math.Exp(3-6*a)), Group: group})
	}
	if auc := logit.AUC(logit.CrossValidated(noise, logit.Model{}, 5, none)); auc > 0.6 {
		t.Errorf("labels without sense are told with AUC %v", auc)
	}
	if auc := logit.AUC(logit.CrossValidated(real, logit.Model{}, 5, none)); auc < 0.75 {
		t.Errorf("labels with sense are told with AUC %v only", auc)
	}
}
