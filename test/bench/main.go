// Command bench prints what liveclip reaches on this machine, with the shipped defaults, as a table and as JSON. It
// measures the programs in bin/ from outside; nothing else should run beside it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"liveclip/internal/demo"
	"liveclip/internal/font"
)

// figure is one measured value.
type figure struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Reach string  `json:"reach"`
}

// bench is a run of all measurements.
type bench struct {
	bin, folder, font string
	rooms             int
	minutes           int
	figures           []figure
}

func main() {
	b := bench{}
	flag.StringVar(&b.bin, "bin", "bin", "folder of liveclip and liveclip-media")
	flag.IntVar(&b.rooms, "rooms", 3, "sample rooms to perform")
	flag.IntVar(&b.minutes, "minutes", 10, "length of the recording for batch")
	out := flag.String("json", "bench.json", "file to write the figures to")
	only := flag.String("only", "room,cost,batch", "which measurements")
	flag.Parse()
	if err := b.run(context.Background(), strings.Split(*only, ","), *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only []string, out string) (err error) {
	if b.font, err = font.Find(); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "liveclip-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	for _, m := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"room", b.performRooms}, {"cost", b.roomCost}, {"batch", b.batchSpeed},
		{"record", b.recording}, {"finish", b.finishing}, {"cut", b.cutting}, {"live", b.liveRoom}, {"four", b.fourRooms}, {"busy", b.busyRooms},
	} {
		if !slices.Contains(only, m.name) {
			continue
		}
		if err := m.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "what\tmeasured\treach\t(%d cores)\n", runtime.NumCPU())
	for _, f := range b.figures {
		fmt.Fprintf(table, "%s\t%.3g %s\t%s\t\n", f.What, f.Value, f.Unit, f.Reach)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

func (b *bench) add(what string, value float64, unit, reach string) {
	b.figures = append(b.figures, figure{what, value, unit, reach})
}

// makeRoom synthesises a room and gives it with its file.
func (b *bench) makeRoom(ctx context.Context, seed uint64) (demo.Room, string, error) {
	room := demo.NewRoom(seed)
	movie, err := b.synthesise(ctx, &room, seed)
	return room, movie, err
}

func (b *bench) synthesise(ctx context.Context, room *demo.Room, seed uint64) (string, error) {
	folder := filepath.Join(b.folder, fmt.Sprintf("room-%d", seed))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	return room.Synthesise(ctx, seed, folder, b.font)
}

// performRooms measures how long after its window's end a clip is playable, and how long a highlight takes to pass the
// topics when no long work is in its way.
func (b *bench) performRooms(ctx context.Context) error {
	up, err := b.startUp(ctx)
	if err != nil {
		return err
	}
	defer up.stop()
	var playable, passing []float64
	for seed := range uint64(b.rooms) {
		room, movie, err := b.makeRoom(ctx, seed+1)
		if err != nil {
			return err
		}
		show := &demo.Show{Room: room, Movie: movie, Stream: fmt.Sprintf("bench-%d", seed), Ops: up.ops, Out: os.Stderr}
		push, err := show.Attach(ctx)
		if err != nil {
			return err
		}
		if err := show.Play(ctx, push); err != nil {
			return err
		}
		show.Report()
		for _, clip := range show.Clips() {
			if clip.PlayableAt.IsZero() {
				continue
			}
			playable = append(playable, clip.After.Seconds())
			if took, ok := passed(clip); ok {
				passing = append(passing, took.Seconds()*1000)
			}
		}
	}
	if len(playable) == 0 {
		return errors.New("no clip became playable")
	}
	b.add("window's end → playable, median", quantile(playable, 0.5), "s", "≤ 3 s (design: ≤ 1 s)")
	b.add("window's end → playable, worst", quantile(playable, 1), "s", "design: p99 ≤ 2 s")
	if len(passing) > 0 {
		b.add("a highlight passes all topics, median", quantile(passing, 0.5), "ms", "≤ 100 ms")
	}
	return nil
}

// passed is the time a clip spent between its steps when no long work was in its way: found → planned → cut, and
// playable → sent.
func passed(clip *demo.Clip) (time.Duration, bool) {
	at := map[string]time.Time{}
	for _, step := range clip.Steps {
		if _, known := at[step.Step]; !known {
			at[step.Step] = step.At
		}
	}
	if at["found"].IsZero() || at["cut"].IsZero() {
		return 0, false
	}
	total := at["cut"].Sub(at["found"])
	if !at["sent"].IsZero() && !at["published"].IsZero() {
		total += at["sent"].Sub(at["published"])
	}
	return total, true
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
