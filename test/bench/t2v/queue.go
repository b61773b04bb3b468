package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/job"
	"liveclip/internal/job/jobbench"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
)

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// queue measures jobs that do nothing, of 200 streams, in turns with bare asynq.
func (b *bench) queue(ctx context.Context) error {
	var ours, bare, ratio, put []float64
	for range b.rounds {
		var mine, theirs jobbench.Rate
		for _, turn := range []func(rdb redis.UniversalClient) error{
			func(rdb redis.UniversalClient) (err error) { mine, err = jobbench.Queue(ctx, rdb, b.jobs, 200); return },
			func(rdb redis.UniversalClient) (err error) { theirs, err = jobbench.Bare(ctx, rdb, b.jobs); return },
		} {
			if err := withRedis(ctx, func(rdb redis.UniversalClient, _ string) error { return turn(rdb) }); err != nil {
				return err
			}
		}
		ours, bare, ratio, put = append(ours, mine.Run), append(bare, theirs.Run), append(ratio, mine.Run/theirs.Run), append(put, mine.Put)
	}
	b.add("jobs that do nothing, of 200 streams", median(ours), "jobs/s", "≥ 12,000")
	b.add("bare asynq, in turns", median(bare), "jobs/s", "")
	b.add("of bare asynq's", median(ratio), "×", "")
	b.add("jobs put on the queue by 16 at once", median(put), "jobs/s", "")
	return nil
}

func (b *bench) pickUp(ctx context.Context) error {
	return withRedis(ctx, func(rdb redis.UniversalClient, _ string) error {
		times, err := jobbench.PickUp(ctx, rdb, 400, 18*time.Millisecond)
		if err != nil {
			return err
		}
		for _, q := range []float64{0.5, 0.99} {
			b.add(fmt.Sprintf("an idle worker begins after, p%g", 100*q), ms(times.At(q)), "ms", "≤ 20")
		}
		return nil
	})
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// cancel measures from the call that cancels a job until the engine that works on it hears so.
func (b *bench) cancel(ctx context.Context) error {
	film := &enginestest.Film{}
	for kind, start := range map[string]func(*enginestest.Film, enginestest.Failure) (*enginestest.StandIn, error){
		engines.KindOwn: enginestest.Own, engines.KindVideos: enginestest.Videos,
	} {
		err := withRedis(ctx, func(rdb redis.UniversalClient, _ string) error {
			engine, err := start(film, enginestest.Endless)
			if err != nil {
				return err
			}
			defer engine.Close()
			times, err := cancelled(ctx, rdb, engine, engines.Config{Kind: kind, Address: engine.Address, Key: enginestest.Key}.Over(engines.Defaults()))
			if err != nil {
				return err
			}
			for _, q := range []float64{0.5, 0.99} {
				b.add(fmt.Sprintf("cancel to the engine hearing it, %s, p%g", kind, 100*q), ms(times.At(q)), "ms", "≤ 100")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func cancelled(ctx context.Context, rdb redis.UniversalClient, engine *enginestest.StandIn, cfg engines.Config) (jobbench.Times, error) {
	client, err := engines.New(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := job.NewServer(rdb, job.Config{Service: "cancel", Workers: 2}, map[string]job.Handler{"generate": func(ctx context.Context, j job.Job) error {
		_, err := client.Generate(ctx, engines.Order{ID: j.ID, Prompt: "a mug", Width: 832, Height: 480, Length: 5 * time.Second}, io.Discard)
		return err
	}}, nil, slog.New(slog.DiscardHandler), nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, time.Second) }()
	queue := job.NewClient(rdb, "cancel")
	var times jobbench.Times
	for i := range 60 {
		id := "generate/" + strconv.Itoa(i)
		if err := queue.Enqueue(ctx, job.Job{Kind: "generate", ID: id}); err != nil {
			return nil, err
		}
		<-engine.Orders
		time.Sleep(20 * time.Millisecond)
		asked := time.Now()
		if err := queue.Cancel(ctx, id); err != nil {
			return nil, err
		}
		select {
		case heard := <-engine.Canceled:
			times = append(times, heard.Sub(asked))
		case <-time.After(10 * time.Second):
			return nil, errors.New("an engine heard nothing of a cancel")
		}
	}
	slices.Sort(times)
	stop()
	return times, <-ended
}

// killed measures from kill -9 of a worker until its job runs in another process.
func (b *bench) killed(ctx context.Context) error {
	var worst time.Duration
	for range 2 {
		err := withRedis(ctx, func(rdb redis.UniversalClient, address string) error {
			took, err := killedOnce(ctx, rdb, address)
			worst = max(worst, took)
			return err
		})
		if err != nil {
			return err
		}
	}
	b.add("kill -9 of a worker to its job running again, worst of 2", worst.Seconds(), "s", "≤ 15")
	return nil
}

func killedOnce(ctx context.Context, rdb redis.UniversalClient, address string) (time.Duration, error) {
	worker := exec.CommandContext(ctx, os.Args[0], "-worker", address)
	out, err := worker.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := worker.Start(); err != nil {
		return 0, err
	}
	if err := job.NewClient(rdb, "killed").Enqueue(ctx, job.Job{Kind: "work", ID: "work/1"}); err != nil {
		return 0, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return 0, fmt.Errorf("the worker said %q: %w", line, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	again := make(chan time.Time, 1)
	server := job.NewServer(rdb, job.Config{Service: "killed"}, map[string]job.Handler{"work": func(context.Context, job.Job) error {
		again <- time.Now()
		return nil
	}}, nil, slog.New(slog.DiscardHandler), nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, time.Second) }()
	time.Sleep(2 * time.Second)
	_ = worker.Process.Kill()
	killed := time.Now()
	_ = worker.Wait()
	took := (<-again).Sub(killed)
	stop()
	return took, <-ended
}

// beKilled takes a job and never ends it.
func beKilled(ctx context.Context, address string) {
	rdb := redis.NewClient(&redis.Options{Addr: address})
	_ = job.NewServer(rdb, job.Config{Service: "killed"}, map[string]job.Handler{"work": func(context.Context, job.Job) error {
		fmt.Println("began")
		select {}
	}}, nil, slog.New(slog.DiscardHandler), nil).Run(ctx, 0)
}
