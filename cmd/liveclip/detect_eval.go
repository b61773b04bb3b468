package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
	"liveclip/internal/tally"
	"liveclip/services/detect"
)

type detectEvalCommand struct {
	Sets      []string `arg:"" optional:"" help:"Labelled sets: folders of NAME.jsonl with NAME.labels.json beside it."`
	Synthetic int      `help:"Measure on this many made rooms of two hours, to tune on." placeholder:"N"`
	Unseen    int      `help:"Measure on this many other made rooms, and on them once more with none of the rules' phrases known." placeholder:"N"`
	HeldOut   int      `help:"Measure on this many made rooms that nothing was tuned on." placeholder:"N"`
	Ablate    int      `help:"Also switch each signal off in turn, on this many made rooms to tune on." placeholder:"N"`
	Rules     string   `help:"Rules file (YAML); without it the built-in rules."`
	Comments  string   `help:"Also replay the comment files (Bilibili XML) of this folder, whose moments nobody knows." type:"path" placeholder:"DIR"`
	Load      bool     `help:"Also measure what detection costs: a thousand rooms on one core, one room for a day."`
	Mistakes  bool     `help:"List what was missed, and what was clipped and is no moment."`
	JSON      string   `name:"json" help:"Also write the figures to this file." type:"path"`
}

func (detectEvalCommand) Help() string {
	return `A clip matches a moment when they share half of what they span; start error is the median over matches. The format of a
labelled set is in internal/roomlog.

Example: liveclip detect eval my-rooms/ --rules beauty.yaml
         liveclip detect eval --synthetic 20 --mistakes`
}

// labelledRoom is a room that can be read, and its moments.
type labelledRoom struct {
	name    string
	entries iter.Seq2[roomlog.Entry, error]
	moments []roomlog.Moment
}

// roomSet is rooms that are measured together. room may be called by several at once.
type roomSet struct {
	name  string
	rooms int
	room  func(number int) labelledRoom
}

// figures are all that was measured.
type figures struct {
	Sets         []measured    `json:"sets"`
	CommentFiles []commentFile `json:"comment_files,omitempty"`
	Load         *loadFigures  `json:"load,omitempty"`
}

// measured is one row of the table.
type measured struct {
	Set     string `json:"set"`
	Without string `json:"without,omitempty"` // the signal that was switched off
	tally.Table
}

func (c detectEvalCommand) Run(ctx context.Context, io stdio) error {
	rules, err := detect.LoadRules(c.Rules)
	if err != nil {
		return failure{2, fmt.Errorf("detect eval: %w", err)}
	}
	sets, err := c.sets()
	if err != nil {
		return failure{2, fmt.Errorf("detect eval: %w", err)}
	}
	var rows []measured
	for _, set := range sets {
		rooms, err := replaySet(ctx, rules, set)
		if err != nil {
			return fmt.Errorf("detect eval: %w", err)
		}
		rows = append(rows, measured{Set: set.name, Table: tally.Of(rooms)})
		if c.Mistakes {
			listMistakes(io.out, set, rooms)
		}
	}
	if c.Unseen > 0 {
		more, err := unseen(ctx, rules, c.Unseen)
		if err != nil {
			return fmt.Errorf("detect eval: %w", err)
		}
		rows = append(rows, more...)
	}
	if c.Ablate > 0 {
		more, err := ablate(ctx, rules, c.Ablate)
		if err != nil {
			return fmt.Errorf("detect eval: %w", err)
		}
		rows = append(rows, more...)
	}
	printMeasured(io.out, rows)
	out := figures{Sets: rows}
	if err := c.beside(ctx, rules, io.out, &out); err != nil {
		return fmt.Errorf("detect eval: %w", err)
	}
	if c.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.JSON, append(text, '\n'), 0o644)
}

// beside measures what has no labels.
func (c detectEvalCommand) beside(ctx context.Context, rules *detect.Rules, w io.Writer, out *figures) error {
	if c.Comments != "" {
		files, err := commentFiles(ctx, rules, c.Comments)
		if err != nil {
			return err
		}
		out.CommentFiles = files
		printCommentFiles(w, files)
	}
	if c.Load {
		load, err := measureLoad(ctx, rules)
		if err != nil {
			return err
		}
		out.Load = &load
		load.print(w)
	}
	return nil
}

func (c detectEvalCommand) sets() ([]roomSet, error) {
	var sets []roomSet
	for _, folder := range c.Sets {
		set, err := labelledSet(folder)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if c.HeldOut > roomgen.HeldOutRooms {
		return nil, fmt.Errorf("--held-out: there are %d", roomgen.HeldOutRooms)
	}
	for _, split := range []roomgen.Split{roomgen.Train, roomgen.HeldOut} {
		rooms := map[roomgen.Split]int{roomgen.Train: c.Synthetic, roomgen.HeldOut: c.HeldOut}[split]
		if rooms < 0 {
			return nil, errors.New("a number of rooms is at least 0")
		}
		if rooms == 0 {
			continue
		}
		set, err := madeRooms(split, rooms)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 && c.Ablate == 0 && c.Unseen == 0 && c.Comments == "" && !c.Load {
		return nil, errors.New("name labelled sets, or --synthetic, --unseen, --held-out or --ablate with a number of rooms")
	}
	return sets, nil
}

func labelledSet(folder string) (roomSet, error) {
	labelled, err := roomlog.ReadSet(folder)
	return roomSet{folder, len(labelled), func(n int) labelledRoom {
		l := labelled[n]
		return labelledRoom{l.Name, roomlog.Marked(roomlog.ReadFile(l.Log)), l.Labels.Moments}
	}}, err
}

func madeRooms(split roomgen.Split, rooms int) (roomSet, error) {
	if err := roomgen.Frozen(); err != nil {
		return roomSet{}, err
	}
	maker, err := roomgen.New()
	if err != nil {
		return roomSet{}, err
	}
	return roomSet{"made, " + string(split), rooms, func(n int) labelledRoom {
		room := maker.Room(split, n)
		return labelledRoom{room.Name, func(yield func(roomlog.Entry, error) bool) {
			for _, e := range room.Entries {
				if !yield(e, nil) {
					return
				}
			}
		}, room.Labels.Moments}
	}}, nil
}

// replaySet replays every room of a set, on every core.
func replaySet(ctx context.Context, rules *detect.Rules, set roomSet) ([]tally.Room, error) {
	rooms := make([]tally.Room, set.rooms)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for n := range rooms {
		work.Go(func() error {
			room := set.room(n)
			report, err := detect.Replay(ctx, rules, room.entries)
			if err != nil {
				return fmt.Errorf("room %s: %w", room.name, err)
			}
			rooms[n] = tallied(room, report)
			return nil
		})
	}
	return rooms, work.Wait()
}

func tallied(room labelledRoom, report detect.Report) tally.Room {
	r := tally.Room{Name: room.name, Moments: room.moments, Length: report.Length}
	for _, d := range report.Decisions {
		found := tally.Found{Window: d.Highlight.Window, Score: d.Highlight.Score, Clip: d.Outcome == "fired", At: d.At, Needed: d.Needed}
		for _, reason := range d.Highlight.Reasons {
			found.Why = append(found.Why, reason.Detail)
		}
		r.Found = append(r.Found, found)
	}
	return r
}

// unseen measures on rooms that were not tuned on, with the rules' phrases and without them.
func unseen(ctx context.Context, rules *detect.Rules, rooms int) ([]measured, error) {
	set, err := madeRooms(roomgen.Validation, rooms)
	if err != nil {
		return nil, err
	}
	known, err := replaySet(ctx, rules, set)
	if err != nil {
		return nil, err
	}
	unknown, err := replaySet(ctx, rules.WithoutPhrases(), set)
	if err != nil {
		return nil, err
	}
	return []measured{{Set: set.name, Table: tally.Of(known)}, {Set: set.name, Without: "any known phrase", Table: tally.Of(unknown)}}, nil
}

// ablate measures with everything, and with each signal switched off in turn.
func ablate(ctx context.Context, rules *detect.Rules, rooms int) ([]measured, error) {
	set, err := madeRooms(roomgen.Train, rooms)
	if err != nil {
		return nil, err
	}
	var rows []measured
	for _, without := range append([]string{""}, signals(rules)...) {
		under := rules
		if without != "" {
			under = silenced(rules, without)
		}
		found, err := replaySet(ctx, under, set)
		if err != nil {
			return nil, err
		}
		rows = append(rows, measured{Set: "ablation", Without: without, Table: tally.Of(found)})
	}
	return rows, nil
}

// signals are the first parts of the features' names, sorted.
func signals(rules *detect.Rules) []string {
	names := map[string]bool{}
	for feature := range rules.FeatureWeights() {
		name, _, _ := strings.Cut(feature, ".")
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// silenced is rules in which no feature of a signal counts.
func silenced(rules *detect.Rules, signal string) *detect.Rules {
	weights := rules.FeatureWeights()
	for feature := range weights {
		if strings.HasPrefix(feature, signal+".") {
			weights[feature] = 0
		}
	}
	return rules.WithWeights(rules.Bias, weights)
}

func printMeasured(w io.Writer, rows []measured) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "set\trooms\tmoments\tclips\tprecision\trecall\tF1\tAP\tstart error\tstart off\tend off\tmisplaced\tfalse/h\tdecided after (p99)\t")
	for _, r := range rows {
		name := r.Set
		if r.Without != "" {
			name = "without " + r.Without
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.2f s\t%+.1f s\t%+.1f s\t%d\t%.2f\t%.2f s\t\n", name, r.Rooms, r.Moments, r.Clips,
			r.Precision, r.Recall, r.F1, r.AP, r.StartError, r.StartOff, r.EndOff, r.Misplaced, r.FalsePerHour, r.Decision.P99)
	}
	t.Flush()
}

// listMistakes prints, room by room, the moments that no clip matches and the clips that match no moment.
func listMistakes(w io.Writer, set roomSet, rooms []tally.Room) {
	s := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	for _, room := range rooms {
		missed, wrong := room.Mistakes()
		for _, m := range missed {
			fmt.Fprintf(w, "%s: %s missed %s %s–%s; best near it: %s\n", set.name, room.Name, m.Kind, s(m.Start), s(m.End), room.Nearest(m))
		}
		for _, f := range wrong {
			fmt.Fprintf(w, "%s: %s no moment %s–%s score %.2f: %s\n", set.name, room.Name, s(f.Window.Start), s(f.Window.End), f.Score, strings.Join(f.Why, "; "))
		}
	}
}
