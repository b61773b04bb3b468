package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"liveclip/internal/app"
	"liveclip/internal/audience"
	"liveclip/internal/blob"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/export"
	"liveclip/internal/telemetry"
	mediav1 "liveclip/proto/media/v1"
)

type batchCommand struct {
	Sources  []string `arg:"" help:"Recordings: files, folders of them, or URLs."`
	Out      string   `help:"Folder for the clips, subtitles, EDL and page." required:"" type:"path"`
	Rules    string   `help:"Rules file for detection (YAML)." type:"path"`
	Comments string   `help:"Comments of the recording: Bilibili XML, or a JSON array of {at_s, user, text}." type:"path"`
	Config   string   `help:"Settings file (YAML)." type:"path"`
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
	run, err := openBatch(ctx, s, b, log)
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

// listSources spells out folders; a name that is neither file, folder nor URL stays, and fails when its turn comes.
func listSources(given []string) ([]string, error) {
	var sources []string
	for _, source := range given {
		info, err := os.Stat(source)
		if err != nil || !info.IsDir() {
			sources = append(sources, source)
			continue
		}
		var found []string
		err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && isRecording(path) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read folder %s: %w", source, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("folder %s: holds no recording", source)
		}
		slices.Sort(found)
		sources = append(sources, found...)
	}
	return sources, nil
}

func isRecording(path string) bool {
	return slices.Contains([]string{".mp4", ".m4v", ".mov", ".flv", ".ts", ".mkv", ".webm", ".m4s", ".aac", ".adts", ".mp3", ".m4a", ".wav"}, strings.ToLower(filepath.Ext(path)))
}

// batch is one run over archived recordings, on embedded parts in a folder that goes when it ends.
type batch struct {
	batchCommand
	embedded *embeddedParts
	platform *app.Platform
	folder   string
	follow   *follower
	ended    chan error
	cancel   context.CancelFunc
}

// batchProcess is the asr process of a batch.
const batchProcess = "batch"

func openBatch(ctx context.Context, s settings, command batchCommand, log logger) (_ *batch, err error) {
	b := &batch{batchCommand: command, ended: make(chan error, 2)}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.folder, err = os.MkdirTemp("", "liveclip-batch-"); err != nil {
		return nil, err
	}
	if b.embedded, err = openEmbedded(ctx, b.folder, log); err != nil {
		return nil, err
	}
	b.embedded.settle(&s)
	s.ASR.Process, s.ASR.RTMP, s.ASR.AllowFiles = batchProcess, "", true
	s.ASR.Recognisers = max(s.ASR.Recognisers, runtime.NumCPU()) // nothing live waits beside it
	if command.Rules != "" {
		s.Detect.Rules = command.Rules
	}
	if err := s.check(batchServices); err != nil {
		return nil, err
	}
	if b.platform, err = app.Open(ctx, s.platform(), log, telemetry.Registry()); err != nil {
		return nil, err
	}
	services, err := build(batchServices, s, b.platform)
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
	os.RemoveAll(b.folder)
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
	fmt.Fprintf(stdio.out, "%d clips from %d of %d recordings: %s\n", clips, len(sources)-len(unread), len(sources), filepath.Join(b.Out, "index.html"))
	if len(unread) > 0 {
		return failure{1, errors.New("could not be read:\n  " + strings.Join(unread, "\n  "))}
	}
	return nil
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
	bar.end()
	if err != nil {
		result.Error = err.Error()
	}
	if state != nil {
		b.collect(ctx, ref, state, &result)
	}
	return result
}

// identify gives a source's URL and the stream ID it has in a batch: a hash of its content, or of a URL's text.
func identify(source string) (url string, id domain.StreamID, err error) {
	sum := sha256.New()
	if strings.Contains(source, "://") {
		sum.Write([]byte(source))
		url = source
	} else {
		file, err := os.Open(source)
		if err != nil {
			return "", "", err
		}
		defer file.Close()
		if _, err := io.Copy(sum, file); err != nil {
			return "", "", fmt.Errorf("read %s: %w", source, err)
		}
		path, err := filepath.Abs(source)
		if err != nil {
			return "", "", err
		}
		url = "file://" + path
	}
	return url, domain.StreamID("file-" + hex.EncodeToString(sum.Sum(nil)[:8])), nil
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

// collect copies a stream's clips out of the store.
func (b *batch) collect(ctx context.Context, ref domain.Ref, state *heardStream, result *export.Source) {
	result.Duration, result.FrameRate = state.recordedTo.Seconds(), state.parameters.FrameRate
	result.Transcript, result.Engine = state.transcript(), state.engine
	for id, steps := range state.clips {
		clip, err := b.clip(ctx, ref, id, steps)
		if err != nil {
			result.Error = err.Error()
			continue
		}
		result.Clips = append(result.Clips, clip)
	}
	if len(result.Clips) == 0 && result.Error == "" {
		result.Note = "no highlight found · 没有发现高光"
		if len(result.Transcript) == 0 {
			result.Note += " (no speech was recognised in it)"
		}
	}
}

func (b *batch) clip(ctx context.Context, ref domain.Ref, id domain.ClipID, steps map[domain.Step]domain.ClipStep) (export.Clip, error) {
	clip := export.Clip{ID: id}
	if plan := steps[domain.StepPlanned].Plan; plan != nil {
		clip.Start, clip.End, clip.Score = plan.Window.Start.Seconds(), plan.Window.End.Seconds(), plan.Score
		clip.Title, clip.Text = plan.Title, plan.Text
		for _, r := range plan.Reasons {
			clip.Reasons = append(clip.Reasons, export.Reason{Signal: r.Signal, Detail: r.Detail, At: r.At.Seconds()})
		}
	}
	if decided := steps[domain.StepDecided].Decided; decided != nil {
		clip.Verdict, clip.Note = decided.Verdict, decided.Reason
	}
	clip.Note = strings.TrimSpace(clip.Note + " " + steps[domain.StepFailed].Note)
	rendered := steps[domain.StepRendered].Rendered
	if rendered == nil {
		return clip, nil
	}
	clip.Start, clip.End, clip.Text = rendered.Window.Start.Seconds(), rendered.Window.End.Seconds(), rendered.Text
	folder := filepath.Join(string(ref.Stream), string(id))
	if err := os.MkdirAll(filepath.Join(b.Out, folder), 0o755); err != nil {
		return clip, fmt.Errorf("clip %s: %w", id, err)
	}
	for _, r := range rendered.Renditions {
		path := filepath.Join(folder, r.Profile+".mp4")
		if err := fetch(ctx, b.platform.Store, r.Key, filepath.Join(b.Out, path)); err != nil {
			return clip, fmt.Errorf("clip %s: %w", id, err)
		}
		clip.Renditions = append(clip.Renditions, export.Rendition{
			Profile: r.Profile, Path: filepath.ToSlash(path), Width: r.Width, Height: r.Height, Duration: r.Length.Seconds(), Bytes: r.Bytes,
		})
	}
	clip.Cover = filepath.ToSlash(filepath.Join(folder, "cover.jpg"))
	return clip, fetch(ctx, b.platform.Store, rendered.Cover, filepath.Join(b.Out, folder, "cover.jpg"))
}

func fetch(ctx context.Context, store blob.Store, key, path string) error {
	content, _, err := store.Get(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	defer content.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}

// bars draws progress when the output is a terminal.
type bars struct{ progress *mpb.Progress }

func newBars(ctx context.Context, stdio stdio) *bars {
	if file, ok := stdio.out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return &bars{}
	}
	return &bars{mpb.NewWithContext(ctx, mpb.WithOutput(stdio.out), mpb.WithWidth(40))}
}

func (b *bars) wait() {
	if b.progress != nil {
		b.progress.Wait()
	}
}

// bar is nil inside when nothing is drawn.
type bar struct{ *mpb.Bar }

func (b *bars) add(name string, length time.Duration) *bar {
	if b.progress == nil {
		return &bar{}
	}
	return &bar{b.progress.AddBar(max(1, length.Milliseconds()),
		mpb.PrependDecorators(decor.Name(name+" "), decor.Percentage()),
		mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO)))}
}

func (b *bar) set(at time.Duration) {
	if b.Bar != nil {
		b.SetCurrent(at.Milliseconds())
	}
}

func (b *bar) end() {
	if b.Bar != nil {
		b.SetTotal(-1, true)
	}
}
