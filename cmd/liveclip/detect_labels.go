package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/logit"
	"liveclip/internal/record"
	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
	"liveclip/services/detect"
)

// mostLabel bounds one kept label.
const mostLabel = 1 << 20

// examples gathers what there is to learn from and says what of it could not be used.
func (c detectTuneCommand) examples(ctx context.Context, rules *detect.Rules, s settings, out io.Writer) ([]logit.Example, error) {
	var sets []roomSet
	for _, folder := range c.Labels {
		set, err := labelledSet(folder)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if c.Synthetic > 0 {
		set, err := madeRooms(roomgen.Train, c.Synthetic)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	var examples []logit.Example
	for _, set := range sets {
		more, err := setExamples(ctx, rules, set)
		if err != nil {
			return nil, err
		}
		examples = append(examples, more...)
	}
	if len(sets) > 0 {
		return examples, nil
	}
	store, err := openStore(ctx, s, c.Data)
	if err != nil {
		return nil, err
	}
	labels, err := c.kept(ctx, store)
	if err != nil {
		return nil, err
	}
	examples, unused, err := fromPeople(ctx, rules, labels, func(l domain.Label) iter.Seq2[roomlog.Entry, error] {
		return detect.ReadLog(ctx, store, domain.Ref{Tenant: domain.Tenant(c.Tenant), Stream: l.Stream}, l.Broadcast)
	})
	if unused > 0 {
		fmt.Fprintf(out, "%d of %d labels could not be used: nothing was considered where a window by hand lies, or its broadcast's log is gone.\n", unused, unused+len(examples))
	}
	return examples, err
}

// category is that of the rooms whose labels are learned from, where it is known and one: what they were noticed under.
func (c detectTuneCommand) category(ctx context.Context, s settings) (string, error) {
	if c.Category != "" || c.Preset != "" || len(c.Labels) > 0 || c.Synthetic > 0 {
		return c.Category, nil
	}
	store, err := openStore(ctx, s, c.Data)
	if err != nil {
		return "", err
	}
	labels, err := c.kept(ctx, store)
	if err != nil || len(labels) == 0 {
		return "", err
	}
	for _, l := range labels {
		if l.Category != labels[0].Category {
			return "", nil
		}
	}
	return labels[0].Category, nil
}

// kept are the labels in the store that are asked for; of several of one clip the newest.
func (c detectTuneCommand) kept(ctx context.Context, store blob.Store) ([]domain.Label, error) {
	if _, err := domain.ParseTenant(c.Tenant); err != nil {
		return nil, err
	}
	if _, err := domain.ParseStreamID(c.Stream); c.Stream != "" && err != nil {
		return nil, err
	}
	newest := map[domain.ClipID]domain.Label{}
	for info, err := range store.List(ctx, record.Labels(domain.Tenant(c.Tenant), domain.StreamID(c.Stream)), "") {
		if err != nil {
			return nil, fmt.Errorf("list labels: %w", err)
		}
		l, err := readLabel(ctx, store, info.Key)
		if err != nil {
			return nil, err
		}
		if c.Category != "" && l.Category != c.Category {
			continue
		}
		if known, ok := newest[l.Clip]; !ok || l.At.After(known.At) {
			newest[l.Clip] = l
		}
	}
	var labels []domain.Label
	for _, id := range slices.Sorted(maps.Keys(newest)) {
		labels = append(labels, newest[id])
	}
	return labels, nil
}

func readLabel(ctx context.Context, store blob.Store, key string) (l domain.Label, err error) {
	text, _, err := store.Get(ctx, key, 0, -1)
	if err != nil {
		return l, fmt.Errorf("read label %s: %w", key, err)
	}
	defer text.Close()
	if err := json.NewDecoder(io.LimitReader(text, mostLabel)).Decode(&l); err != nil {
		return l, fmt.Errorf("read label %s: %w", key, err)
	}
	if l.Clip == "" || l.Verdict != domain.VerdictApproved && l.Verdict != domain.VerdictRejected {
		return l, fmt.Errorf("label %s: names no clip, or neither approves nor rejects it", key)
	}
	return l, nil
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

// fromPeople makes examples of what people decided; log gives a label's broadcast.
func fromPeople(ctx context.Context, rules *detect.Rules, labels []domain.Label, log func(domain.Label) iter.Seq2[roomlog.Entry, error]) (examples []logit.Example, unused int, err error) {
	replayed := map[domain.BroadcastID][]detect.Decision{}
	for _, l := range labels {
		example := logit.Example{Features: l.Features, Good: l.Verdict == domain.VerdictApproved, Group: string(l.Broadcast)}
		if l.Manual {
			decisions, known := replayed[l.Broadcast]
			if !known {
				report, err := detect.Replay(ctx, gathering(rules), roomlog.Marked(log(l)))
				if err != nil && !errors.Is(err, detect.ErrNoLog) {
					return nil, 0, err
				}
				decisions = considered(report.Decisions)
				replayed[l.Broadcast] = decisions
			}
			// sorted by score: the first is the one of most evidence
			i := slices.IndexFunc(decisions, func(d detect.Decision) bool { return same(d.Highlight.Window, l.Window) })
			if i >= 0 {
				example.Features = decisions[i].Highlight.Features
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
