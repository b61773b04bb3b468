package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/standing"
)

type jobsCommands struct {
	List   jobsListCommand   `cmd:"" default:"withargs" help:"What waits, runs and died on every queue, and how the video engines are."`
	Pause  jobsPauseCommand  `cmd:"" help:"Begin no more jobs of a service; those that run end."`
	Resume jobsResumeCommand `cmd:"" help:"End a pause."`
	Drain  jobsDrainCommand  `cmd:"" help:"Pause a service, and return when nothing of it runs."`
	Dead   jobsDeadCommand   `cmd:"" help:"The jobs of a service that failed for good, and why."`
	Retry  jobsRetryCommand  `cmd:"" help:"Try dead jobs again."`
	Cancel jobsCancelCommand `cmd:"" help:"End a job wherever it is, and what an engine does for it."`
}

// queues is where they lie: in the Redis of the settings, else in that of a running liveclip up.
type queues struct {
	Data   string `help:"Data folder of a running liveclip up, where the settings name no Redis." default:"data" type:"path"`
	Config string `help:"Settings file (YAML)." type:"path" env:"LIVECLIP_CONFIG"`
}

// with runs do on the queues.
func (q queues) with(flags settingFlags, do func(control *job.Control, rdb redis.UniversalClient) error) error {
	s, err := loadSettings(defaultSettings(), q.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	if len(s.Redis.Addresses) == 0 {
		address, err := os.ReadFile(filepath.Join(q.Data, redisAddressFile))
		if errors.Is(err, os.ErrNotExist) {
			return failure{2, fmt.Errorf("no queues: the settings name no redis.addresses, and no liveclip up has run on %s (--data)", q.Data)}
		}
		if err != nil {
			return err
		}
		s.Redis.Addresses = []string{strings.TrimSpace(string(address))}
	}
	rdb, err := s.Redis.Open()
	if err != nil {
		return err
	}
	defer rdb.Close()
	err = do(job.NewControl(rdb), rdb)
	if domain.IsPermanent(err) {
		return failure{2, err}
	}
	return err
}

// lanesOf is which queues of a service are meant.
type lanesOf struct {
	Service string      `arg:"" help:"t2v, review, review-batch, review-hear or publish."`
	Lane    domain.Lane `help:"live, manual or batch; without it all."`
}

type jobsListCommand struct{ queues }

func (jobsListCommand) Help() string { return "Example: liveclip jobs" }

func (c jobsListCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	return c.with(flags, func(control *job.Control, rdb redis.UniversalClient) error {
		all, err := control.Queues(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SERVICE\tLANE\tWAITING\tOLDEST\tPARKED\tRUNNING\tLATER\tDEAD\t")
		for _, q := range all {
			state := ""
			if q.Paused {
				state = "paused"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\n", q.Service, q.Lane, q.Waiting, q.Oldest.Round(time.Second/10), q.Parked, q.Running, q.Later, q.Dead, state)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return listEngines(ctx, io, rdb)
	})
}

// listEngines says how the engines of text-to-video are, as each t2v process sees them.
func listEngines(ctx context.Context, io stdio, rdb redis.UniversalClient) error {
	shown, err := standing.List(ctx, rdb, time.Now())
	if err != nil || len(shown) == 0 {
		return err
	}
	chinese := map[standing.State]string{
		standing.Ready: "就绪", standing.Warming: "预热中", standing.Away: "无应答", standing.Broken: "故障", standing.Busy: "繁忙",
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nENGINE\tPROCESS\tSTATE\tRUNNING\tOPENINGS\t")
	for _, p := range shown {
		for _, e := range p.Engines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", e.Name, p.Name, phrase(string(e.State), chinese[e.State]), e.Running, e.Openings, phrase(e.Why, note.Chinese(e.Why)))
		}
	}
	return w.Flush()
}

type jobsPauseCommand struct {
	queues
	lanesOf
}

func (jobsPauseCommand) Help() string { return "Example: liveclip jobs pause t2v --lane batch" }

func (c jobsPauseCommand) Run(ctx context.Context, flags settingFlags) error {
	return c.with(flags, func(control *job.Control, _ redis.UniversalClient) error {
		return control.Pause(ctx, c.Service, c.Lane)
	})
}

type jobsResumeCommand struct {
	queues
	lanesOf
}

func (jobsResumeCommand) Help() string { return "Example: liveclip jobs resume t2v" }

func (c jobsResumeCommand) Run(ctx context.Context, flags settingFlags) error {
	return c.with(flags, func(control *job.Control, _ redis.UniversalClient) error {
		return control.Resume(ctx, c.Service, c.Lane)
	})
}

type jobsDrainCommand struct {
	queues
	lanesOf
	Within time.Duration `help:"Give up after so long; the pause stays." default:"10m"`
}

func (jobsDrainCommand) Help() string { return "Example: liveclip jobs drain t2v --within 5m" }

func (c jobsDrainCommand) Run(ctx context.Context, flags settingFlags) error {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	return c.with(flags, func(control *job.Control, _ redis.UniversalClient) error {
		return control.Drain(ctx, c.Service, c.Lane)
	})
}

type jobsDeadCommand struct {
	queues
	Service string `arg:"" help:"Whose."`
}

func (jobsDeadCommand) Help() string { return "Example: liveclip jobs dead review" }

func (c jobsDeadCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	return c.with(flags, func(control *job.Control, _ redis.UniversalClient) error {
		dead, err := control.Dead(ctx, c.Service)
		for _, d := range dead {
			fmt.Fprintf(io.out, "%s  %s  %s\n    %s\n", d.At.Format(time.RFC3339), d.Lane, d.ID, d.Why)
		}
		return err
	})
}

type jobsRetryCommand struct {
	queues
	Service string `arg:"" help:"Whose."`
	ID      string `arg:"" optional:"" help:"One job."`
	All     bool   `help:"All of the service."`
}

func (jobsRetryCommand) Help() string {
	return "Example: liveclip jobs retry review clip:finish/0c1f/all/1\n         liveclip jobs retry t2v --all"
}

func (c jobsRetryCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	if (c.ID == "") != c.All {
		return failure{2, errors.New("name one job, or give --all")}
	}
	return c.with(flags, func(control *job.Control, _ redis.UniversalClient) error {
		n, err := control.Retry(ctx, c.Service, c.ID)
		if err == nil {
			fmt.Fprintf(io.out, "%d queued again\n", n)
		}
		return err
	})
}

type jobsCancelCommand struct {
	queues
	Service string `arg:"" help:"Whose."`
	ID      string `arg:"" help:"The job."`
}

func (jobsCancelCommand) Help() string {
	return "Example: liveclip jobs cancel t2v t2v:shots/0c1f/shots/1"
}

func (c jobsCancelCommand) Run(ctx context.Context, flags settingFlags) error {
	return c.with(flags, func(_ *job.Control, rdb redis.UniversalClient) error {
		return job.NewClient(rdb, c.Service).Cancel(ctx, c.ID)
	})
}
