// Command t2v measures the queue and the schedule of text-to-video: jobs that do nothing beside bare asynq, in turns on
// a Redis of their own; how soon an idle worker begins, how soon an engine hears of a cancel, how soon a killed
// worker's job runs again; and an hour of 200 rooms against four simulated GPUs. It prints a table, and writes JSON and
// a page with the hour's plot. Nothing else should run beside it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/embedded"
)

// row is one figure.
type row struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Reach string  `json:"reach,omitempty"`
}

type bench struct {
	jobs, rounds int
	rows         []row
}

func main() {
	b := bench{}
	out := flag.String("json", "bench-t2v.json", "file to write the figures to")
	page := flag.String("plot", "bench-t2v.html", "file to write the hour's plot to")
	worker := flag.String("worker", "", "")
	flag.IntVar(&b.jobs, "jobs", 60_000, "jobs of a turn")
	flag.IntVar(&b.rounds, "rounds", 3, "turns of each queue")
	flag.Parse()
	ctx := context.Background()
	if *worker != "" {
		beKilled(ctx, *worker)
		return
	}
	if err := b.run(ctx, *out, *page); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, out, page string) error {
	for _, measure := range []func(context.Context) error{b.queue, b.pickUp, b.cancel, b.killed} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	if err := b.hours(page); err != nil {
		return err
	}
	return b.print(out)
}

func (b *bench) add(what string, value float64, unit, reach string) {
	b.rows = append(b.rows, row{what, value, unit, reach})
}

func (b *bench) print(out string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "on %d cores\n", runtime.NumCPU())
	for _, r := range b.rows {
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\n", r.What, r.Value, r.Unit, r.Reach)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	body, err := json.MarshalIndent(map[string]any{"at": time.Now().UTC(), "cores": runtime.NumCPU(), "rows": b.rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, body, 0o644)
}

// withRedis runs measure on a new redis-server with its append-only file on, as `liveclip up` has it.
func withRedis(ctx context.Context, measure func(rdb redis.UniversalClient, address string) error) error {
	folder, err := os.MkdirTemp("", "liveclip-bench-t2v-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	server, err := embedded.StartRedis(ctx, folder, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	rdb := redis.NewClient(&redis.Options{Addr: server.Address()})
	defer func() { _ = rdb.Close() }()
	return measure(rdb, server.Address())
}
