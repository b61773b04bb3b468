// Command vod measures the VOD path of `liveclip serve publish`, with the shipped defaults, against nginx: the same file, bounded
// ranges, signed URLs and accounts on both sides, in turns on the same machine. It prints a table and writes JSON. Nothing
// else should run beside it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// row is one figure of both servers.
type row struct {
	What     string  `json:"what"`
	Unit     string  `json:"unit"`
	Liveclip float64 `json:"liveclip"`
	Nginx    float64 `json:"nginx"`
	Ratio    float64 `json:"ratio"` // liveclip / nginx
	Reach    string  `json:"reach"`
}

type bench struct {
	folder     string
	rounds     int
	each       time.Duration
	idle       int
	sizes      []int // of ranges, in bytes
	ours, them *server
	rows       []row
}

func main() {
	b := bench{}
	bin := flag.String("bin", "bin", "folder of liveclip and liveclip-media")
	out := flag.String("json", "bench-vod.json", "file to write the figures to")
	flag.IntVar(&b.rounds, "rounds", 3, "turns of each server at each size")
	flag.DurationVar(&b.each, "each", 3*time.Second, "length of a turn")
	flag.IntVar(&b.idle, "idle", 10_000, "connections that wait")
	kib := flag.String("kib", "1,64,512,1024", "sizes of ranges, in KiB")
	quick := flag.Bool("speed", false, "measure requests a second and CPU time only")
	flag.Parse()
	for size := range strings.SplitSeq(*kib, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || n<<10 > filmSize {
			fmt.Fprintf(os.Stderr, "bench: -kib: %q is no size of a range\n", size)
			os.Exit(2)
		}
		b.sizes = append(b.sizes, n<<10)
	}
	if err := b.run(context.Background(), *bin, *out, *quick); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, bin, out string, quick bool) (err error) {
	if err := raiseFiles(uint64(b.idle) + 1000); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "liveclip-bench-vod-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.folder) }()
	on, err := startParts(ctx, b.folder)
	defer on.stop()
	if err != nil {
		return err
	}
	if b.ours, err = startLiveclip(ctx, bin, b.folder, on); err != nil {
		return err
	}
	defer b.ours.stop()
	if b.them, err = startNginx(ctx, b.folder, b.ours.film, b.sizes); err != nil {
		return err
	}
	defer b.them.stop()
	measures := []func(context.Context) error{b.speed, b.firstBytes, b.calls, b.leaving, b.waiting}
	if quick {
		measures = measures[:1]
	}
	for _, measure := range measures {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return b.print(out)
}

func (b *bench) print(out string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "what\tliveclip\tnginx\tratio\treach\t(%d cores, the client on them too)\n", runtime.NumCPU())
	for _, r := range b.rows {
		fmt.Fprintf(table, "%s\t%.4g %s\t%.4g %s\t%.2f\t%s\t\n", r.What, r.Liveclip, r.Unit, r.Nginx, r.Unit, r.Ratio, r.Reach)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

func (b *bench) add(what, unit string, ours, theirs float64, reach string) {
	ratio := 0.0
	if theirs != 0 {
		ratio = ours / theirs
	}
	b.rows = append(b.rows, row{what, unit, ours, theirs, ratio, reach})
}

// turns measures both servers in turns and gives the median of each.
func (b *bench) turns(rounds int, measure func(*server) ([]float64, error)) (ours, theirs []float64, err error) {
	var all [2][][]float64
	for i := range 2 * rounds {
		of := (i + i/2) % 2 // A B, B A, A B: who comes second has no advantage
		got, err := measure([]*server{b.ours, b.them}[of])
		if err != nil {
			return nil, nil, err
		}
		all[of] = append(all[of], got)
	}
	return medians(all[0]), medians(all[1]), nil
}

// medians gives the median of each place over the turns.
func medians(turns [][]float64) []float64 {
	out := make([]float64, len(turns[0]))
	for i := range out {
		var values []float64
		for _, turn := range turns {
			values = append(values, turn[i])
		}
		out[i] = quantile(values, 0.5)
	}
	return out
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func raiseFiles(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < n {
		return fmt.Errorf("needs %d open files, ulimit -n allows %d", n, limit.Max)
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
