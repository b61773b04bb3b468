package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/app"
	"liveclip/internal/audience"
	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
	"liveclip/internal/roomlog"
	"liveclip/internal/telemetry"
	"liveclip/services/detect"
)

type detectExplainCommand struct {
	Source   string `arg:"" help:"STREAM or STREAM/BROADCAST in the store, a room log (.jsonl, .jsonl.gz), or a recording."`
	Explain  bool   `help:"What this command does anyway."`
	Rules    string `help:"Rules file (YAML); without it the built-in rules." type:"path"`
	Preset   string `help:"Preset of the room; without it the one of its category."`
	Comments string `help:"Comments of a recording: Bilibili XML, or a JSON array of {at_s, user, text}." type:"path"`
	Out      string `help:"Page to write." default:"explain.html" type:"path"`
	Data     string `help:"Data folder of the up whose broadcast is meant." default:"data" type:"path"`
	Tenant   string `help:"Tenant of the stream." default:"default"`
	Config   string `help:"Settings file (YAML), for its store." type:"path"`
}

func (detectExplainCommand) Help() string {
	return "Example: liveclip detect --explain room-42 --rules beauty.yaml\n         liveclip detect --explain recording.mp4 --comments danmaku.xml --out why.html"
}

func (c detectExplainCommand) Run(ctx context.Context, stdio stdio, flags settingFlags) error {
	s, err := loadSettings(defaultSettings(), c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	book, err := detect.LoadBook(c.Rules, c.Preset)
	if err != nil {
		return failure{2, fmt.Errorf("detect: %w", err)}
	}
	entries, err := c.entries(ctx, s, stdio)
	if err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	rules := book.Of(categoryOf(entries))
	report, err := detect.Replay(ctx, rules, roomlog.Marked(entries))
	if err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	if err := c.write(rules, report); err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	fmt.Fprintf(stdio.out, "%d highlights in %s: %s\n", len(report.Highlights), report.Length.Round(time.Second), c.Out)
	return nil
}

func (c detectExplainCommand) write(rules *detect.Rules, report detect.Report) (err error) {
	file, err := os.Create(c.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return detect.Explain(file, c.Source, rules, report)
}

// entries gives the log of what is meant.
func (c detectExplainCommand) entries(ctx context.Context, s settings, stdio stdio) (iter.Seq2[roomlog.Entry, error], error) {
	if strings.HasSuffix(c.Source, ".jsonl") || strings.HasSuffix(c.Source, ".jsonl.gz") {
		return roomlog.ReadFile(c.Source), nil
	}
	if info, err := os.Stat(c.Source); err == nil && !info.IsDir() || strings.Contains(c.Source, "://") {
		return c.heard(ctx, s, stdio)
	}
	return c.logged(ctx, s)
}

// logged gives the log that detect kept of a broadcast; of a stream, that of the newest.
func (c detectExplainCommand) logged(ctx context.Context, s settings) (iter.Seq2[roomlog.Entry, error], error) {
	store, err := openStore(ctx, s, c.Data)
	if err != nil {
		return nil, fmt.Errorf("%s is no file, and %w", c.Source, err)
	}
	stream, broadcast, named := strings.Cut(c.Source, "/")
	ref := domain.Ref{Tenant: domain.Tenant(c.Tenant), Stream: domain.StreamID(stream)}
	if !named {
		newest, err := detect.NewestLog(ctx, store, ref)
		if err != nil {
			return nil, err
		}
		broadcast = string(newest)
	}
	return detect.ReadLog(ctx, store, ref, domain.BroadcastID(broadcast)), nil
}

// openStore opens the configured store, or that of an up's data folder.
func openStore(ctx context.Context, s settings, data string) (blob.Store, error) {
	if s.Store.URL == "" {
		folder, err := filepath.Abs(filepath.Join(data, "store"))
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(folder); err != nil {
			return nil, failure{2, fmt.Errorf("there is no store in %s: name one with --data or --store.url", data)}
		}
		s.Store.URL = fileurl.Of(folder)
	}
	return blob.Open(ctx, s.Store)
}

// heard runs a recording through the recogniser and gives what detection was told of it.
func (c detectExplainCommand) heard(ctx context.Context, s settings, stdio stdio) (iter.Seq2[roomlog.Entry, error], error) {
	var comments []domain.AudienceSignal
	if c.Comments != "" {
		var err error
		if comments, err = audience.ReadFile(c.Comments); err != nil {
			return nil, failure{2, err}
		}
	}
	url, id, err := identify(c.Source)
	if err != nil {
		return nil, err
	}
	s.Log.Level = "error"
	log := telemetry.Logger(s.Log, stdio.err)
	ctx, stop := app.Signals(ctx, log)
	defer stop()
	run, err := openBatch(ctx, s, batchCommand{Rules: c.Rules}, []string{"asr", "detect"}, log)
	if err != nil {
		return nil, err
	}
	defer run.close()
	ref := domain.Ref{Tenant: domain.DefaultTenant, Stream: id}
	if err := run.start(ctx, ref, url, comments); err != nil {
		return nil, err
	}
	if err := run.judged(ctx, ref); err != nil {
		return nil, err
	}
	return wholeLog(ctx, run.platform.Store, ref)
}

// judged waits until a recording was heard and judged to its end.
func (b *batch) judged(ctx context.Context, ref domain.Ref) error {
	last := time.Now()
	for {
		heardTo, _, changed := b.follow.progress(ref)
		state := b.follow.state(ref)
		if state.heardAll && state.judgedAll {
			return state.fault()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-b.ended:
			b.ended <- err
			return fmt.Errorf("the pipeline ended: %w", err)
		case <-changed:
			last = time.Now()
		case <-time.After(stalled - time.Since(last)):
			return fmt.Errorf("nothing came for %s after %s of the recording", stalled, heardTo.Round(time.Second))
		}
	}
}

// wholeLog reads a broadcast's log into memory once it was written to its end, which is a second after it was judged.
func wholeLog(ctx context.Context, store blob.Store, ref domain.Ref) (iter.Seq2[roomlog.Entry, error], error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		var entries []roomlog.Entry
		for e, err := range detect.ReadLog(ctx, store, ref, domain.ArchivedBroadcast(ref)) {
			if err != nil && !errors.Is(err, detect.ErrNoLog) {
				return nil, err
			}
			if err == nil {
				entries = append(entries, e)
			}
		}
		if n := len(entries); n > 0 && entries[n-1].Progress != nil && entries[n-1].Progress.Closed {
			return func(yield func(roomlog.Entry, error) bool) {
				for _, e := range entries {
					if !yield(e, nil) {
						return
					}
				}
			}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the log of stream %s was not written: %w", ref, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// categoryOf gives the category of the room that a log is of, where it begins with one.
func categoryOf(entries iter.Seq2[roomlog.Entry, error]) string {
	looked := 0
	for e, err := range entries {
		if looked++; err != nil || looked > 20 {
			break
		}
		if e.Context != nil {
			return e.Context.Category
		}
	}
	return ""
}
