package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/demo"
	fonts "liveclip/internal/font"
	"liveclip/internal/native"
)

type demoCommand struct {
	Seed      uint64        `help:"Draw the rooms from this seed; 0: from chance."`
	Languages []string      `help:"Of the rooms: ${enum}." enum:"en,zh" default:"en,zh"`
	Keep      bool          `help:"Leave the server up afterwards."`
	Data      string        `help:"Data folder; without one, a temporary folder." type:"path"`
	Crash     time.Duration `help:"Kill the server with -9 so long after the rooms went on air, and start it again on its data."`
}

func (demoCommand) Help() string {
	return "Example: liveclip demo\n         liveclip demo --keep --seed 7 --languages zh\n         liveclip demo --crash 30s"
}

func (d demoCommand) Run(ctx context.Context, io stdio) error {
	if d.Seed == 0 {
		d.Seed = uint64(rand.Uint32())
	}
	if d.Data == "" {
		folder, err := os.MkdirTemp("", "liveclip-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if !d.Keep {
			defer os.RemoveAll(folder)
		}
		d.Data = folder
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	shows, server, err := d.open(ctx, io)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer server.stop()
	if err := d.perform(ctx, shows, server); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	ok := true
	for _, show := range shows {
		ok = show.Report() && ok
	}
	if ops := shows[0].Ops; d.Keep {
		fmt.Fprintf(io.out, "data folder  %s\nconsole 控制台  %s/#token=%s\nAPI  %s/v1/\npress Ctrl-C to end\n", d.Data, ops.Server, ops.Token, ops.Server)
		server.wait(ctx)
	}
	if !ok {
		return failure{1, errors.New("demo: not every moment has exactly its clip")}
	}
	return nil
}

// open makes the rooms and starts the server side by side.
func (d demoCommand) open(ctx context.Context, io stdio) ([]*demo.Show, *server, error) {
	draw := map[string]func(uint64) demo.Room{"en": demo.NewRoom, "zh": demo.NewMandarinRoom}
	slices.Sort(d.Languages)
	var shows []*demo.Show
	for _, language := range slices.Compact(d.Languages) {
		if why := unheard(language); why != nil {
			fmt.Fprintf(io.out, "demo-%s is left out: %v\n", language, why)
			continue
		}
		show := &demo.Show{Room: draw[language](d.Seed), Stream: "demo-" + language, Out: io.out, Broken: d.Crash > 0}
		fmt.Fprintf(io.out, "seed %d: making the room %s, in which %s shows %s …\n", d.Seed, show.Stream, show.Room.Host, show.Room.Product)
		shows = append(shows, show)
	}
	if len(shows) == 0 {
		return nil, nil, errors.New("no room is left to show")
	}
	font, err := fonts.Find()
	if err != nil {
		return nil, nil, err
	}
	var up *server
	making, making1 := errgroup.WithContext(ctx)
	making.Go(func() error {
		for _, show := range shows {
			folder := filepath.Join(d.Data, show.Stream)
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			if show.Movie, err = show.Room.Synthesise(making1, d.Seed, folder, font); err != nil {
				return err
			}
		}
		return nil
	})
	making.Go(func() (err error) {
		up, err = startServer(making1, d.Data, io.err)
		return err
	})
	if err := making.Wait(); err != nil {
		up.stop()
		return nil, nil, err
	}
	for _, show := range shows {
		show.Ops = up.client()
	}
	return shows, up, nil
}

// unheard tells why a language can't be spoken or heard on this machine; nil: it can.
func unheard(language string) error {
	if language != "zh" {
		return nil
	}
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		return demo.ErrNoVoice
	}
	_, err := native.Library(native.Sherpa, "")
	return err
}

// perform plays all rooms at once.
func (d demoCommand) perform(ctx context.Context, shows []*demo.Show, server *server) error {
	performing, ctx := errgroup.WithContext(ctx)
	for _, show := range shows {
		push, err := show.Attach(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(show.Out, "%s: on air for %s, with %d moments to notice: %s/#token=%s\n", show.Stream,
			show.Room.Length.Round(time.Second), len(show.Room.Moments()), show.Ops.Server, show.Ops.Token)
		performing.Go(func() error { return show.Play(ctx, push) })
	}
	if d.Crash > 0 {
		performing.Go(func() error {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(d.Crash):
			}
			server.kill()
			fmt.Fprintf(shows[0].Out, "killed the server with -9 after %s, and started it again\n", d.Crash)
			return server.restart(ctx)
		})
	}
	return performing.Wait()
}
