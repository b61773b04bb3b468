package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"liveclip/internal/app"
	"liveclip/internal/audience"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/export"
	"liveclip/internal/telemetry"
	"liveclip/internal/workfolder"
	mediav1 "liveclip/proto/media/v1"
)

type batchCommand struct {
	Sources  []string      `arg:"" help:"Recordings: files, folders of them, or URLs."`
	Out      string        `help:"Folder for the clips, subtitles, EDL and page." required:"" type:"path"`
	Rules    string        `help:"Rules file for detection (YAML)." type:"path"`
	Vertical bool          `help:"Make a 9:16 rendition of every clip, too, that follows who speaks."`
	Comments string        `help:"Comments of the recording: Bilibili XML, or a JSON array of {at_s, user, text}." type:"path"`
	Lossless bool          `help:"Cut clips exactly without encoding more than their ends: the recording's own picture and sound, nothing drawn."`
	Recap    time.Duration `help:"Also make one reel of the best of each recording, at most so long (such as 3m)." placeholder:"LENGTH"`
	Config   string        `help:"Settings file (YAML)." type:"path"`
}

func (batchCommand) Help() string {
	return "Example: liveclip batch recordings/ --out clips\n         liveclip batch room.flv --out clips --rules beauty.yaml --comments danmaku.xml"
}

// batchServices are what a recording passes; nothing is pushed anywhere.
var batchServices = []string{"asr", "detect", "prompt", "t2v", "review"}

func (b batchCommand) Run(ctx context.Context, stdio stdio, flags settingFlags) error {
	defaults := defaultSettings()
	defaults.Log.Level = "error"
	s, err := loadSettings(defaults, b.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	if b.Lossless && b.Vertical {
		return failure{2, errors.New("--vertical: a lossless cut has the recording's own picture only")}
	}
	sources, err := listSources(b.Sources)
	if err != nil {
		return failure{2, err}
	}
	comments, err := b.readComments(len(sources))
	if err != nil {
		return failure{2, err}
	}
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	log := telemetry.Logger(s.Log, stdio.err)
	ctx, stop := app.Signals(ctx, log)
	defer stop()
	run, err := openBatch(ctx, s, b, batchServices, log)
	if err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	defer run.close()
	return run.all(ctx, sources, comments, stdio)
}

func (b batchCommand) readComments(sources int) ([]domain.AudienceSignal, error) {
	if b.Comments == "" {
		return nil, nil
	}
	if sources != 1 {
		return nil, errors.New("--comments: belongs to one recording; name one source")
	}
	return audience.ReadFile(b.Comments)
}

// batch is one run over archived recordings, on embedded parts in a folder that goes when it ends.
type batch struct {
	batchCommand
	embedded *embeddedParts
	platform *app.Platform
	work     *workfolder.Folder
	follow   *follower
	ended    chan error
	cancel   context.CancelFunc
}

// batchProcess is the asr process of a batch, and batchPrefix what the names of its folders begin with.
const (
	batchProcess = "batch"
	batchPrefix  = "liveclip-batch-"
)

func openBatch(ctx context.Context, s settings, command batchCommand, names []string, log logger) (_ *batch, err error) {
	b := &batch{batchCommand: command, ended: make(chan error, 2)}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := workfolder.Sweep("", batchPrefix); err != nil {
		log.Warn("folders of killed batches not removed", "error", err)
	}
	if b.work, err = workfolder.Make("", batchPrefix); err != nil {
		return nil, err
	}
	if b.embedded, err = openEmbedded(ctx, b.work.Path, log); err != nil {
		return nil, err
	}
	b.embedded.settle(&s)
	s.ASR.Process, s.ASR.RTMP, s.ASR.AllowFiles = batchProcess, "", true
	s.ASR.Recognisers = max(s.ASR.Recognisers, runtime.NumCPU()) // nothing live waits beside it
	s.T2V.Draw.Ahead = nil                                       // it ends before they were of use
	s.Prompt.Vertical = s.Prompt.Vertical || command.Vertical
	if command.Rules != "" {
		s.Detect.Rules = command.Rules
	}
	if command.Lossless {
		s.Prompt.Mode = domain.ModeCopy
	}
	if err := s.check(names); err != nil {
		return nil, err
	}
	if b.platform, err = app.Open(ctx, s.platform(), log, telemetry.Registry()); err != nil {
		return nil, err
	}
	services, err := build(names, s, b.platform)
	if err != nil {
		return nil, failure{2, err}
	}
	ctx, b.cancel = context.WithCancel(ctx)
	b.follow = newFollower()
	go func() { b.ended <- app.Run(ctx, log, services.parts, nil, nil) }()
	go func() { b.ended <- b.platform.Bus.Tail(ctx, followed, 0, b.follow.take, nil) }()
	return b, nil
}

func (b *batch) close() {
	if b.cancel != nil {
		b.cancel()
		<-b.ended
		<-b.ended
	}
	if b.platform != nil {
		_ = b.platform.Close(context.Background())
	}
	if b.embedded != nil {
		b.embedded.close()
	}
	if b.work != nil {
		_ = b.work.Remove()
	}
}

// all runs the sources one after another: one recording keeps every core busy.
func (b *batch) all(ctx context.Context, sources []string, comments []domain.AudienceSignal, stdio stdio) error {
	bars := newBars(ctx, stdio)
	done := make([]export.Source, 0, len(sources))
	var unread []string
	for _, source := range sources {
		result := b.one(ctx, source, comments, bars)
		if ctx.Err() != nil {
			return fmt.Errorf("batch: interrupted: %w", ctx.Err())
		}
		if result.Error != "" {
			unread = append(unread, fmt.Sprintf("%s: %s", source, result.Error))
		}
		done = append(done, result)
		if err := export.Write(b.Out, done); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
	}
	bars.wait()
	clips := 0
	for _, s := range done {
		clips += len(s.Clips)
		if s.Note != "" {
			fmt.Fprintf(stdio.out, "%s: %s\n", s.Source, s.Note)
		}
	}
	fmt.Fprintf(stdio.out, "%s from %d of %s: %s\n", counted(clips, "clip"), len(sources)-len(unread), counted(len(sources), "recording"), filepath.Join(b.Out, "index.html"))
	if len(unread) > 0 {
		return failure{1, errors.New("could not be read:\n  " + strings.Join(unread, "\n  "))}
	}
	return nil
}

func counted(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}

// one runs a source and gives what came of it; a fault of the source is in its Error.
func (b *batch) one(ctx context.Context, source string, comments []domain.AudienceSignal, bars *bars) export.Source {
	result := export.Source{Source: source}
	url, id, err := identify(source)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	result.StreamID = id
	probed, err := b.probe(ctx, url)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	ref := domain.Ref{Tenant: domain.DefaultTenant, Stream: id}
	if err := b.start(ctx, ref, url, comments); err != nil {
		result.Error = err.Error()
		return result
	}
	bar := bars.add(filepath.Base(source), time.Duration(probed.Duration))
	state, err := b.await(ctx, ref, bar)
	var recap domain.ClipID
	if err == nil && b.Recap > 0 {
		if recap, err = b.recap(ctx, ref, state); err == nil && recap != "" {
			state, err = b.await(ctx, ref, bar)
		}
	}
	bar.end()
	if err != nil {
		result.Error = err.Error()
	}
	if state != nil {
		b.collect(ctx, ref, state, recap, &result)
	}
	return result
}

func (b *batch) probe(ctx context.Context, url string) (*mediav1.Probed, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	order := &mediav1.ToChild{Message: &mediav1.ToChild_Probe{Probe: &mediav1.ProbeOrder{Url: url, AllowedSchemes: []string{"file", "http", "https", "rtmp", "rtmps", "srt"}}}}
	process, err := b.platform.Media.Start(ctx, child.Probe, order)
	if err != nil {
		return nil, err
	}
	defer process.Close()
	answer, err := process.Receive()
	if err != nil {
		return nil, err
	}
	return answer.GetProbed(), nil
}

// start publishes the comments, which belong to the one broadcast an archived recording is, then attaches it.
func (b *batch) start(ctx context.Context, ref domain.Ref, url string, comments []domain.AudienceSignal) error {
	now := time.Now()
	envelope := event.Envelope{Tenant: ref.Tenant, Stream: ref.Stream, Broadcast: domain.ArchivedBroadcast(ref), Wall: now, Lane: domain.LaneBatch}
	events := make([]event.Event, 0, len(comments)+1)
	for _, c := range comments {
		e := envelope
		e.ID, e.At = domain.H("comment", ref.String(), c.ID), c.At
		events = append(events, event.Event{Envelope: e, Payload: c})
	}
	envelope.ID = domain.H("batch", ref.String(), now.String())
	envelope.Broadcast = ""
	events = append(events, event.Event{Envelope: envelope, Payload: domain.StreamState{
		Ref: ref, Attached: true, Source: url, Lane: domain.LaneBatch, Owner: batchProcess, Changed: now,
	}})
	return b.platform.Bus.Publish(ctx, events...)
}

// stalled is how long a batch waits for any sign of progress.
const stalled = 60 * time.Second

// await follows a stream until everything in it was heard and every clip of it ended.
func (b *batch) await(ctx context.Context, ref domain.Ref, bar *bar) (*heardStream, error) {
	last := time.Now()
	for {
		heardTo, done, changed := b.follow.progress(ref)
		if done {
			state := b.follow.state(ref)
			return state, state.fault()
		}
		bar.set(heardTo)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-b.ended:
			b.ended <- err
			return nil, fmt.Errorf("the pipeline ended: %w", err)
		case <-changed:
			last = time.Now()
		case <-time.After(stalled - time.Since(last)):
			state := b.follow.state(ref)
			return state, fmt.Errorf("nothing came for %s after %s of the recording", stalled, heardTo.Round(time.Second))
		}
	}
}
