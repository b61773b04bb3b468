package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"gopkg.in/yaml.v3"

	"liveclip/internal/logit"
	"liveclip/services/detect"
)

type detectTuneCommand struct {
	Labels    []string `arg:"" optional:"" help:"Labelled sets: folders of NAME.jsonl with NAME.labels.json beside it. Without any, what people approved, rejected and cut by hand in the store."`
	Stream    string   `help:"Of the store, only the labels of this stream."`
	Category  string   `help:"Of the store, only the labels of rooms of this category."`
	Synthetic int      `help:"Learn from this many made rooms." placeholder:"N"`
	Rules     string   `help:"Rules file (YAML) to begin from; without it the built-in rules." type:"path"`
	Preset    string   `help:"Preset to begin from; without it the one of the category, or of the stream's labels where they are of one."`
	Write     string   `help:"Write the rules with the new weights to this file; without it nothing is changed." placeholder:"FILE" type:"path"`
	Data      string   `help:"Data folder of the up whose store is meant." default:"data" type:"path"`
	Tenant    string   `help:"Tenant whose labels are meant." default:"default"`
	Config    string   `help:"Settings file (YAML), for its store." type:"path"`
}

func (detectTuneCommand) Help() string {
	return `Fits the weights of the score to what people approved, rejected and cut by hand: logistic regression, pulled towards the
weights there are, so that few labels change little. The gain is measured by cross-validation, on broadcasts that were not learned from.

Example: liveclip detect tune --category beauty
         liveclip detect tune my-rooms/ --rules beauty.yaml --write beauty.yaml`
}

const (
	tuneFolds     = 5
	leastPerKind  = 20 // labels of each kind: fewer say nothing of a dozen weights
	largestWeight = 20 // what a rules file may say
)

func (c detectTuneCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	s, err := loadSettings(defaultSettings(), c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	book, err := detect.LoadBook(c.Rules, c.Preset)
	if err != nil {
		return failure{2, fmt.Errorf("detect tune: %w", err)}
	}
	category, err := c.category(ctx, s)
	if err != nil {
		return fmt.Errorf("detect tune: %w", err)
	}
	rules := book.Of(category)
	everywhere, err := detect.LoadBook(c.Rules, "")
	if err != nil {
		return failure{2, fmt.Errorf("detect tune: %w", err)}
	}
	general := everywhere.Of("").FeatureWeights()
	examples, err := c.examples(ctx, rules, s, io.out)
	if err != nil {
		return fmt.Errorf("detect tune: %w", err)
	}
	if err := enough(examples); err != nil {
		return fmt.Errorf("detect tune: %w", err)
	}
	before := logit.Model{Bias: rules.Bias, Weights: rules.FeatureWeights()}
	// A rules file stands over every preset, so it cannot weigh what only one of them has phrases for.
	fixed := func(feature string) bool { _, known := general[feature]; return !known }
	scored := logit.CrossValidated(examples, before, tuneFolds, fixed)
	after := bounded(logit.Fit(examples, before, logit.Choose(examples, before, tuneFolds, fixed), fixed))
	shift, cut := atThreshold(scored, rules.Threshold)
	after.Bias = math.Round((after.Bias+shift)*100) / 100
	printTuned(io.out, examples, rules.Threshold, cut, before, after, scored)
	if c.Write == "" {
		fmt.Fprintln(io.out, "Nothing was changed; --write FILE keeps the new weights.")
		return nil
	}
	maps.DeleteFunc(after.Weights, func(feature string, _ float64) bool { return fixed(feature) })
	return c.write(after)
}

// enough refuses what no fit can be trusted on.
func enough(examples []logit.Example) error {
	good, groups := 0, map[string]bool{}
	for _, e := range examples {
		groups[e.Group] = true
		if e.Good {
			good++
		}
	}
	if bad := len(examples) - good; good < leastPerKind || bad < leastPerKind {
		return fmt.Errorf("too few labels: %d moments that were wanted and %d that were not; at least %d of each are needed", good, bad, leastPerKind)
	}
	folds := map[int]bool{}
	for g := range groups {
		folds[logit.Fold(g, tuneFolds)] = true
	}
	if len(folds) < 2 {
		return fmt.Errorf("too few broadcasts: %d; the gain is measured on broadcasts that were not learned from, so about %d are needed", len(groups), tuneFolds)
	}
	return nil
}

// atThreshold is how far scores must be shifted, as a bias, for the cut that serves best to lie at the threshold.
func atThreshold(scored []logit.Scored, threshold float64) (shift, cut float64) {
	best := -1.
	for at := 0.05; at < 0.951; at += 0.01 {
		if f1 := logit.F1(scored, at); f1 > best {
			best, cut = f1, at
		}
	}
	odds := func(p float64) float64 { return math.Log(p / (1 - p)) }
	return odds(min(max(threshold, 0.01), 0.99)) - odds(cut), cut
}

// bounded rounds weights to what a person can read, within what a rules file may say.
func bounded(m logit.Model) logit.Model {
	for name, w := range m.Weights {
		m.Weights[name] = math.Round(min(max(w, -largestWeight), largestWeight)*100) / 100
	}
	return m
}

func printTuned(w io.Writer, examples []logit.Example, threshold, cut float64, before, after logit.Model, scored []logit.Scored) {
	good := 0
	for _, e := range examples {
		if e.Good {
			good++
		}
	}
	fmt.Fprintf(w, "%d decisions to learn from, %d of them wanted. On broadcasts that were not learned from:\n", len(examples), good)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	were := before.All(examples)
	fmt.Fprintln(t, "\tlog-loss\tAUC\tF1 at the threshold\t")
	fmt.Fprintf(t, "before\t%.3f\t%.3f\t%.3f\t\n", logit.LogLoss(were), logit.AUC(were), logit.F1(were, threshold))
	fmt.Fprintf(t, "after\t%.3f\t%.3f\t%.3f\t\n", logit.LogLoss(scored), logit.AUC(scored), logit.F1(scored, cut))
	fmt.Fprintln(t, "\t\t\t\t\nweight\tbefore\tafter\t\t")
	fmt.Fprintf(t, "bias\t%.2f\t%.2f\t\t\n", before.Bias, after.Bias)
	for _, name := range slices.Sorted(maps.Keys(after.Weights)) {
		if after.Weights[name] != before.Weights[name] {
			fmt.Fprintf(t, "%s\t%.2f\t%.2f\t\t\n", name, before.Weights[name], after.Weights[name])
		}
	}
	t.Flush()
}

// write puts bias and weights into the rules file, or a new one that says nothing else, and keeps all that stands there.
func (c detectTuneCommand) write(m logit.Model) error {
	var text []byte
	if c.Rules != "" {
		var err error
		if text, err = os.ReadFile(c.Rules); err != nil {
			return fmt.Errorf("detect tune: %w", err)
		}
	}
	tuned, err := withWeights(text, m)
	if err != nil {
		return fmt.Errorf("detect tune: %w", err)
	}
	if err := os.WriteFile(c.Write, tuned, 0o644); err != nil {
		return fmt.Errorf("detect tune: %w", err)
	}
	if _, err := detect.LoadRules(c.Write); err != nil {
		return fmt.Errorf("detect tune: what was written cannot be read again: %w", err)
	}
	return nil
}

// withWeights sets bias and weights in the YAML of a rules file; comments and all else stay.
func withWeights(text []byte, m logit.Model) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if document.Kind == 0 {
		document = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("the rules file is no mapping")
	}
	set(root, "bias", m.Bias)
	weights := under(root, "weights")
	for _, feature := range slices.Sorted(maps.Keys(m.Weights)) {
		if signal, name, ok := strings.Cut(feature, "."); ok {
			set(under(weights, signal), name, m.Weights[feature])
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := errors.Join(encoder.Encode(&document), encoder.Close())
	return out.Bytes(), err
}

// value of a key in a mapping; nil: there is none.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// under gives the mapping at a key, made where it is missing.
func under(mapping *yaml.Node, key string) *yaml.Node {
	if v := value(mapping, key); v != nil && v.Kind == yaml.MappingNode {
		return v
	}
	v := &yaml.Node{Kind: yaml.MappingNode}
	put(mapping, key, v)
	return v
}

func set(mapping *yaml.Node, key string, number float64) {
	v := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: fmt.Sprint(number)}
	if old := value(mapping, key); old != nil {
		v.LineComment, v.HeadComment, v.FootComment = old.LineComment, old.HeadComment, old.FootComment
	}
	put(mapping, key, v)
}

func put(mapping *yaml.Node, key string, v *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = v
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, v)
}
