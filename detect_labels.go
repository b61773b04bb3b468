package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/domain"
	"liveclip/internal/logit"
	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
	"liveclip/services/detect"
)

// mostLabel bounds one kept label.
const mostLabel = 1 << 20

// examples gathers what there is to learn from and says what of it could not be used.
func (c detectTuneCommand) examples(ctx context.Context, rules *detect.Rules, out io.Writer) ([]logit.Example, error) {
	var sets []roomSet
	var examples []logit.Example
	for _, folder := range c.Labels {
		if logs, _ := filepath.Glob(filepath.Join(folder, "*.jsonl*")); len(logs) > 0 {
			set, err := labelledSet(folder)
			if err != nil {
				return nil, err
			}
			sets = append(sets, set)
			continue
		}
		labels, err := readLabels(folder)
		if err != nil {
			return nil, err
		}
		more, unused, err := c.fromPeople(ctx, rules, labels)
		if err != nil {
			return nil, err
		}
		if unused > 0 {
			fmt.Fprintf(out, "%s: %d labels could not be used: a window by hand needs its broadcast's log (--logs), a clip the values it was noticed by.\n", folder, unused)
		}
		examples = append(examples, more...)
	}
	if c.Synthetic > 0 {
		set, err := madeRooms(roomgen.Train, c.Synthetic)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		more, err := setExamples(ctx, rules, set)
		if err != nil {
			return nil, err
		}
		examples = append(examples, more...)
	}
	return examples, nil
}

// gathering are rules under which nothing is noticed, so that all of a moment's evidence comes together.
func gathering(rules *detect.Rules) *detect.Rules { return rules.WithThreshold(1) }

// setExamples are all decisions over a set's rooms, good where a moment was.
func setExamples(ctx context.Context, rules *detect.Rules, set roomSet) ([]logit.Example, error) {
	byRoom := make([][]logit.Example, set.rooms)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for n := range byRoom {
		work.Go(func() error {
			room := set.room(n)
			report, err := detect.Replay(ctx, gathering(rules), room.entries)
			if err != nil {
				return fmt.Errorf("room %s: %w", room.name, err)
			}
			for _, d := range considered(report.Decisions) {
				good := slices.ContainsFunc(room.moments, func(m roomlog.Moment) bool { return same(d.Highlight.Window, m.Window()) })
				byRoom[n] = append(byRoom[n], logit.Example{Features: d.Highlight.Features, Good: good, Group: set.name + "/" + room.name})
			}
			return nil
		})
	}
	err := work.Wait()
	return slices.Concat(byRoom...), err
}

// considered gives of each moment the decision of most evidence: it is considered again whenever something more is known.
func considered(decisions []detect.Decision) []detect.Decision {
	slices.SortStableFunc(decisions, func(a, b detect.Decision) int { return cmp.Compare(b.Highlight.Score, a.Highlight.Score) })
	var kept []detect.Decision
	for _, d := range decisions {
		if !slices.ContainsFunc(kept, func(k detect.Decision) bool { return same(k.Highlight.Window, d.Highlight.Window) }) {
			kept = append(kept, d)
		}
	}
	return kept
}

// same tells windows of one moment: they share half of the shorter.
func same(a, b domain.Window) bool { return 2*a.Overlap(b) >= max(1, min(a.Length(), b.Length())) }

// fromPeople makes examples of what people decided. Of several decisions on a clip the newest counts.
func (c detectTuneCommand) fromPeople(ctx context.Context, rules *detect.Rules, labels []domain.Label) (examples []logit.Example, unused int, err error) {
	newest := map[domain.ClipID]domain.Label{}
	for _, l := range labels {
		if c.Stream != "" && string(l.Stream) != c.Stream || c.Category != "" && l.Category != c.Category {
			continue
		}
		if known, ok := newest[l.Clip]; !ok || l.At.After(known.At) {
			newest[l.Clip] = l
		}
	}
	logs := map[domain.BroadcastID][]detect.Decision{}
	for _, id := range slices.Sorted(maps.Keys(newest)) {
		l := newest[id]
		example := logit.Example{Features: l.Features, Good: l.Verdict == domain.VerdictApproved, Group: string(l.Broadcast)}
		if l.Manual {
			if example.Features, err = c.featuresAt(ctx, rules, l, logs); err != nil {
				return nil, 0, err
			}
		}
		if len(example.Features) == 0 {
			unused++
			continue
		}
		examples = append(examples, example)
	}
	return examples, unused, nil
}

// featuresAt is what a broadcast's log says of a window that a person chose: of the decisions on it the one of most evidence.
func (c detectTuneCommand) featuresAt(ctx context.Context, rules *detect.Rules, l domain.Label, logs map[domain.BroadcastID][]detect.Decision) (map[string]float64, error) {
	decisions, read := logs[l.Broadcast]
	if !read {
		path := roomLogFile(c.Logs, l.Broadcast)
		if path != "" {
			report, err := detect.Replay(ctx, gathering(rules), roomlog.Marked(roomlog.ReadFile(path)))
			if err != nil {
				return nil, err
			}
			decisions = report.Decisions
		}
		logs[l.Broadcast] = decisions
	}
	var features map[string]float64
	most := -1.
	for _, d := range decisions {
		if same(d.Highlight.Window, l.Window) && d.Highlight.Score > most {
			features, most = d.Highlight.Features, d.Highlight.Score
		}
	}
	return features, nil
}

// roomLogFile is a broadcast's log in a folder; empty: there is none.
func roomLogFile(folder string, b domain.BroadcastID) string {
	if folder == "" || b == "" {
		return ""
	}
	for _, suffix := range []string{".jsonl", ".jsonl.gz"} {
		path := filepath.Join(folder, filepath.Base(string(b))+suffix)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// readLabels reads every label below a folder, or the one file.
func readLabels(path string) ([]domain.Label, error) {
	var labels []domain.Label
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(file, ".json") {
			return err
		}
		label, err := readLabel(file)
		if err != nil {
			return fmt.Errorf("read label %s: %w", file, err)
		}
		labels = append(labels, label)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("%s: holds no labels", path)
	}
	return labels, nil
}

func readLabel(path string) (l domain.Label, err error) {
	file, err := os.Open(path)
	if err != nil {
		return l, err
	}
	defer file.Close()
	decoder := json.NewDecoder(io.LimitReader(file, mostLabel))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return l, err
	}
	if l.Clip == "" || l.Verdict != domain.VerdictApproved && l.Verdict != domain.VerdictRejected {
		return l, errors.New("is no label: it names no clip, or neither approves nor rejects it")
	}
	return l, nil
}
