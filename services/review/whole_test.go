package review

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/record"
	"liveclip/internal/recording"
	"liveclip/internal/sidecar"
	recordingv1 "liveclip/proto/recording/v1"
)

// house is the service with everything real around it: broker, Redis, store, recording, media child.
type house struct {
	*testing.T
	store blob.Store
	bus   *bus.Bus
	hot   *recording.Hot
	work  string
	// announce, if set, picks what is told of a cut.
	announce func(fact, step event.Event) []event.Event

	mu     sync.Mutex
	told   []event.Event
	change chan struct{}
}

// owner is the process that records every stream.
type owner string

func (o owner) FindAddress(context.Context, domain.Ref) (string, bool, error) {
	return string(o), true, nil
}

func newHouse(t *testing.T, set func(*Config)) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("LIVECLIP_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	kafka := bus.Defaults()
	kafka.Brokers = []string{embeddedtest.Broker(t)}
	h := &house{T: t, store: newStore(t), bus: bus.New(kafka, log, prometheus.NewRegistry()), hot: recording.NewHot(), work: t.TempDir(), change: make(chan struct{})}
	if err := h.bus.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	recordingv1.RegisterRecordingServer(server, h.hot)
	go func() { _ = server.Serve(listener) }()
	reader := recording.NewReader(h.store, owner(listener.Addr().String()), log)

	cfg := Defaults()
	cfg.Preset, cfg.Work, cfg.Drain = "ultrafast", h.work, 100*time.Millisecond
	if set != nil {
		set(&cfg)
	}
	rdb := embeddedtest.Redis(t)
	s, err := New(cfg, Deps{Bus: h.bus, Store: h.store, Redis: rdb, Media: childtest.Starter(t), Recording: reader, Log: log, Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("the service ended: %v", err)
		}
	})
	running.Go(func() {
		_ = h.bus.Tail(ctx, append(slices.Clone(Gives), event.Dead(event.CutReady)), bus.FromStart, h.hear, nil)
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		reader.Close()
		server.Stop()
		if left, _ := filepath.Glob(filepath.Join(h.work, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if err := h.bus.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) hear(_ context.Context, e event.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, e)
	close(h.change)
	h.change = make(chan struct{})
	return nil
}

// wait gives the first event about a clip that wanted accepts.
func (h *house) wait(what string, id domain.ClipID, wanted func(any) bool) event.Event {
	h.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		h.mu.Lock()
		change := h.change
		for _, e := range h.told {
			if clipOf(e) == id && wanted(e.Payload) {
				h.mu.Unlock()
				return e
			}
		}
		h.mu.Unlock()
		select {
		case <-change:
		case <-deadline:
			h.Fatalf("clip %s: %s never came; told was %s", id, what, h.about(id))
		}
	}
}

func (h *house) step(id domain.ClipID, step domain.Step) domain.ClipStep {
	h.Helper()
	e := h.wait(string(step), id, func(p any) bool { s, ok := p.(domain.ClipStep); return ok && s.Step == step })
	return e.Payload.(domain.ClipStep)
}

func (h *house) decision(id domain.ClipID, want string) domain.Decided {
	h.Helper()
	e := h.wait(want, id, func(p any) bool { d, ok := p.(domain.Decided); return ok && decision(d) == want })
	return e.Payload.(domain.Decided)
}

func decision(d domain.Decided) string {
	line := string(d.Verdict) + " by " + d.By
	if d.Hash != "" {
		line += ", playable"
	}
	return line
}

func (h *house) about(id domain.ClipID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, e := range h.told {
		if clipOf(e) != id {
			continue
		}
		switch p := e.Payload.(type) {
		case domain.ClipStep:
			lines = append(lines, "step "+string(p.Step)+" "+p.Note)
		case domain.Decided:
			lines = append(lines, decision(p)+" "+p.Reason)
		default:
			lines = append(lines, fmt.Sprintf("%T", p))
		}
	}
	return strings.Join(lines, "\n")
}

func clipOf(e event.Event) domain.ClipID {
	switch p := e.Payload.(type) {
	case domain.ClipStep:
		return p.Clip
	case domain.Decided:
		return p.Clip
	case domain.Rendered:
		return p.Clip
	}
	return ""
}

func (h *house) manifest(id domain.ClipID) (m domain.Manifest, etag string, found bool) {
	h.Helper()
	etag, err := blob.ReadJSON(h.Context(), h.store, record.Manifest(tenant, id), &m)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		h.Fatal(err)
	}
	return m, etag, err == nil
}

// live is a room that is recorded a second at a time.
type live struct {
	*recording.Writer
	t     *testing.T
	ref   domain.Ref
	id    domain.BroadcastID
	parts [][]byte
	next  int
}

const rate = 30

// film is twenty seconds of picture and sound: its initialisation segment, and one part a second that begins on a keyframe.
var film = sync.OnceValues(func() ([][]byte, error) {
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=640x360:rate=%d:duration=20", rate),
		"-f", "lavfi", "-i", "sine=frequency=440:duration=20:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
		"-g", strconv.Itoa(rate), "-keyint_min", strconv.Itoa(rate), "-sc_threshold", "0", "-bf", "0", "-c:a", "aac",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1").Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	var pieces [][]byte
	begin := 0
	for at := 0; at+8 <= len(out); at += int(binary.BigEndian.Uint32(out[at:])) {
		if kind := string(out[at+4 : at+8]); (kind == "moof" || kind == "mfra") && at > begin {
			pieces, begin = append(pieces, out[begin:at]), at
		}
	}
	return pieces, nil
})

func (h *house) room(id string) *live {
	h.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		h.Skip("needs ffmpeg, which is not installed")
	}
	pieces, err := film()
	if err != nil {
		h.Fatal(err)
	}
	l := &live{t: h.T, ref: domain.Ref{Tenant: tenant, Stream: domain.StreamID(id)}, id: domain.BroadcastID("b-" + id), parts: pieces[1:]}
	l.Writer, err = recording.Create(recording.WriterConfig{Folder: h.TempDir(), Ref: l.ref, Broadcast: l.id, Epoch: 1, StartedAt: time.Now()}, h.store, slog.New(slog.DiscardHandler))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(h.hot.Add(l.Writer))
	l.must(l.Init(recording.Init{Data: pieces[0], Parameters: domain.MediaParameters{VideoCodec: "h264", Width: 640, Height: 360, FrameRate: rate, AudioCodec: "aac", SampleRate: 48000, Channels: 1}}))
	return l
}

func (l *live) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// recordTo appends the parts up to a second.
func (l *live) recordTo(second int) {
	l.t.Helper()
	for ; l.next < second; l.next++ {
		window := domain.Window{Start: time.Duration(l.next) * time.Second, End: time.Duration(l.next+1) * time.Second}
		l.must(l.Part(recording.Part{Window: window, Keyframe: true, Data: l.parts[l.next]}))
	}
}

// say adds a line of one word a half second.
func (l *live) say(at time.Duration, text string) {
	l.t.Helper()
	line := domain.TranscriptLine{ID: text, Final: true, Start: at, Text: text, Language: "en"}
	for i, word := range strings.Fields(text) {
		start := at + time.Duration(i)*500*time.Millisecond
		line.End = start + 500*time.Millisecond
		line.Words = append(line.Words, domain.Word{Text: word, Start: start, End: line.End, Confidence: 1})
	}
	l.must(l.Line(line))
}

// cut announces a clip of the room.
func (h *house) cut(l *live, id domain.ClipID, window domain.Window, change func(*domain.Plan)) event.Event {
	h.Helper()
	plan := domain.Plan{
		Clip: id, Revision: 1, Kind: "flash_sale", Window: window, Title: "Last three minutes", Triggered: time.Now(),
		Shots:    []domain.Shot{{Kind: domain.ShotFootage, Window: window}},
		Profiles: []domain.Profile{{Name: "360p", Width: 640, Height: 360, Watermark: true}, {Name: "180p", Width: 320, Height: 180}},
	}
	if change != nil {
		change(&plan)
	}
	e := event.Envelope{ID: "plan-" + string(id), Tenant: tenant, Stream: l.ref.Stream, Broadcast: l.id, Lane: domain.LaneLive, Wall: time.Now().UTC()}
	h.write(record.Plan(tenant, id, 1), &record.Of[domain.Plan]{Envelope: e, Value: plan})
	cut := domain.Cut{Clip: id, Revision: 1, Mode: plan.Mode}
	for _, shot := range plan.Shots {
		cut.Parts = append(cut.Parts, domain.CutPart{Window: shot.Window, File: shot.Template, Generated: shot.Kind == domain.ShotGenerated})
	}
	fact := e.Follow(cut, e.Wall, "cut")
	written := &record.Of[domain.Cut]{Envelope: fact.Envelope, Value: cut}
	if _, err := blob.WriteNewJSON(h.Context(), h.store, record.Cut(tenant, id, 1), written); err != nil {
		h.Fatal(err)
	}
	step := fact.Follow(domain.ClipStep{Clip: id, Revision: 1, Step: domain.StepCut, At: e.Wall}, e.Wall, "cut")
	said := []event.Event{fact, step}
	if h.announce != nil {
		said = h.announce(fact, step)
	}
	if err := h.bus.Publish(h.Context(), said...); err != nil {
		h.Fatal(err)
	}
	return fact
}

func (h *house) write(key string, plan *record.Of[domain.Plan]) {
	h.Helper()
	if _, err := blob.WriteNewJSON(h.Context(), h.store, key, plan); err != nil {
		h.Fatal(err)
	}
}

func (h *house) decide(l *live, d domain.Decided) {
	h.Helper()
	e := event.Envelope{ID: "decision-" + string(d.Clip), Tenant: tenant, Stream: l.ref.Stream, Broadcast: l.id, Lane: domain.LaneLive, Wall: time.Now().UTC()}
	if err := h.bus.Publish(h.Context(), event.Event{Envelope: e, Payload: d}); err != nil {
		h.Fatal(err)
	}
}

func seconds(from, to float64) domain.Window {
	return domain.Window{Start: time.Duration(from * float64(time.Second)), End: time.Duration(to * float64(time.Second))}
}

// frames counts the pictures of a rendition, and gives the value of a metadata key.
func (h *house) frames(r domain.Rendition, tag string) (int, string) {
	h.Helper()
	file := filepath.Join(h.TempDir(), "rendition.mp4")
	h.fetch(r.Key, file)
	count := h.ffprobe("-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", file)
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		h.Fatal(err)
	}
	return n, strings.TrimSpace(h.ffprobe("-show_entries", "format_tags="+tag, file))
}

func (h *house) ffprobe(args ...string) string {
	h.Helper()
	out, err := exec.Command("ffprobe", append([]string{"-v", "error", "-of", "default=nw=1:nk=1"}, args...)...).Output()
	if err != nil {
		h.Fatal(err)
	}
	return string(out)
}

func (h *house) fetch(key, file string) []byte {
	h.Helper()
	r, _, err := h.store.Get(h.Context(), key, 0, -1)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	if err == nil && file != "" {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		h.Fatal(err)
	}
	return data
}

func TestAClipIsFinishedWhileItsMomentStillHappensAndIsPlayableOnceItWasHeard(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.SubtitlesWait = 20 * time.Second })
	l := h.room("room")
	l.recordTo(7)
	fact := h.cut(l, "future", seconds(5.2, 11.7), nil)
	l.recordTo(10)
	l.say(6*time.Second, "only three minutes left")
	l.must(l.Heard(8 * time.Second))
	l.recordTo(12)
	if _, _, found := h.manifest("future"); found {
		t.Error("a manifest was written before the window was heard to its end")
	}
	l.must(l.Heard(12 * time.Second))

	h.decision("future", "approved by rule, playable")
	h.wait("rendered", "future", func(p any) bool { _, ok := p.(domain.Rendered); return ok })
	for _, step := range []domain.Step{domain.StepRendered, domain.StepDecided, domain.StepPublished} {
		h.step("future", step)
	}
	m, etag, found := h.manifest("future")
	if !found || m.Tenant != tenant || m.Stream != "room" || m.Broadcast != l.id || m.Rendered.Window != seconds(5.2, 11.7) || m.Rendered.ClippedTo != "" ||
		m.Rendered.Title != "Last three minutes" || m.Rendered.Text != "only three minutes left" || len(m.Rendered.Renditions) != 2 {
		t.Fatalf("manifest %+v", m)
	}
	for i, want := range []domain.Rendition{{Profile: "360p", Width: 640, Height: 360}, {Profile: "180p", Width: 320, Height: 180}} {
		r := m.Rendered.Renditions[i]
		if r.Profile != want.Profile || r.Width != want.Width || r.Height != want.Height || r.Length != 6500*time.Millisecond ||
			r.Key != record.File(tenant, "future", m.Rendered.Hash, want.Profile+".mp4") {
			t.Errorf("rendition %+v", r)
		}
		if n, title := h.frames(r, "title"); n != 195 || title != "Last three minutes" {
			t.Errorf("%s has %d pictures, want 195, and the title %q", r.Profile, n, title)
		}
		x, err := sidecar.Read(bytes.NewReader(h.fetch(r.Index, "")))
		if err != nil || x.Bytes != r.Bytes || x.Tracks[0].Samples != 195 || r.Header != x.Header || r.Heads != domain.Heads(x.Heads) || !x.Independent() {
			t.Errorf("index of %s: %v, %+v", r.Profile, err, x)
		}
	}
	// The room's pictures lie 12 ms before whole frames: the clip begins with one of them.
	if vtt := string(h.fetch(m.Rendered.Subtitles, "")); vtt != "WEBVTT\n\n00:00:00.812 --> 00:00:02.812\nonly three minutes left\n" {
		t.Errorf("subtitles are %q", vtt)
	}
	if cover := h.fetch(m.Rendered.Cover, ""); !bytes.HasPrefix(cover, []byte{0xff, 0xd8}) {
		t.Error("the cover is no JPEG")
	}

	h.mu.Lock()
	before := len(h.told)
	h.mu.Unlock()
	if err := h.bus.Publish(t.Context(), fact); err != nil {
		t.Fatal(err)
	}
	again := func() (repeats int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range h.told[before:] {
			if !slices.ContainsFunc(h.told[:before], func(o event.Event) bool { return o.ID == e.ID }) {
				t.Errorf("the repeat told something new: %+v", e)
			}
			repeats++
		}
		return repeats
	}
	for deadline := time.Now().Add(2 * time.Minute); again() < 6 && time.Now().Before(deadline); {
		h.mu.Lock()
		change := h.change
		h.mu.Unlock()
		select {
		case <-change:
		case <-time.After(time.Second):
		}
	}
	if _, now, _ := h.manifest("future"); now != etag {
		t.Error("the repeat wrote another manifest")
	}
}

func TestWhatMayNotBePublishedIsNot(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.SubtitlesWait = time.Second })
	l := h.room("shop")
	l.recordTo(10)
	l.say(2*time.Second, "guaranteed returns for everybody")
	l.must(l.Heard(10 * time.Second))
	h.cut(l, "title", seconds(6, 8), func(p *domain.Plan) { p.Title, p.Titled, p.By = "全网最低价", true, "ann" })
	h.cut(l, "spoken", seconds(1, 4), nil)
	h.cut(l, "past", seconds(30, 35), nil)
	h.cut(l, "down", seconds(1, 4), nil)

	rejected := h.decision("title", "rejected by rule")
	if rejected.Reason != `absolute term "全网最低" in the title; absolute term "最低价" in the title` {
		t.Errorf("rejected because %s", rejected.Reason)
	}
	asked := h.decision("spoken", "needs_person by rule")
	want := []domain.Finding{{List: "investment", Term: "guaranteed returns", Where: "transcript", At: 2 * time.Second, Severity: "person"}}
	if !slices.Equal(asked.Findings, want) {
		t.Errorf("findings %+v, want %+v", asked.Findings, want)
	}
	h.decide(l, domain.Decided{Clip: "down", Revision: 1, By: "ann", TakeDown: true, Reason: "rights"})
	h.step("down", domain.StepTakenDown)
	for _, id := range []domain.ClipID{"title", "spoken"} {
		h.step(id, domain.StepRendered)
		if _, _, found := h.manifest(id); found {
			t.Errorf("clip %s is playable", id)
		}
	}
	h.decide(l, domain.Decided{Clip: "spoken", Revision: 1, By: "ann", Verdict: domain.VerdictApproved})
	h.decision("spoken", "approved by ann, playable")
	if m, _, _ := h.manifest("spoken"); m.Rendered.Window != seconds(1, 4) {
		t.Errorf("manifest %+v", m)
	}
	l.must(l.Close(10*time.Second, "publisher left"))
	if failed := h.step("past", domain.StepFailed); !strings.HasPrefix(failed.Note, "could not be finished: ") || !strings.Contains(failed.Note, "nothing between 30s and 35s") {
		t.Errorf("failed because %q", failed.Note)
	}
	if _, _, found := h.manifest("down"); found {
		t.Error("a clip that was taken down is playable")
	}
}

func TestAKilledFinisherAndAnEndedRoomStillGiveOneClip(t *testing.T) {
	h := newHouse(t, nil)
	l := h.room("crash")
	l.recordTo(6)
	h.cut(l, "killed", seconds(4, 30), nil)
	killChildOf(t, h.work)
	l.recordTo(9)
	l.must(l.Heard(9 * time.Second))
	l.must(l.Close(9*time.Second, "publisher left"))
	h.decision("killed", "approved by rule, playable")
	rendered := h.step("killed", domain.StepRendered)
	m, _, found := h.manifest("killed")
	if ended := m.Rendered.Window.End - 9*time.Second; !found || m.Rendered.Window.Start != 4*time.Second || ended < 0 || ended > 2*time.Second/rate || m.Rendered.ClippedTo != domain.ClippedToEnd || rendered.Note != m.Rendered.ClippedTo {
		t.Fatalf("manifest %+v, the story says %q", m, rendered.Note)
	}
	if n, _ := h.frames(m.Rendered.Renditions[0], "title"); n < 150 || n > 152 { // the sound of the last second is a little longer
		t.Errorf("the clip has %d pictures, want 150", n)
	}
}

func TestAClipWhoseEventWasLostIsSwept(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Sweep = 300 * time.Millisecond })
	l := h.room("swept")
	l.recordTo(4)
	l.must(l.Heard(4 * time.Second))
	h.announce = func(_, step event.Event) []event.Event { return []event.Event{step} } // cut.ready never comes
	h.cut(l, "lost", seconds(1, 3), nil)
	h.decision("lost", "approved by rule, playable")
}

func TestAGeneratedOpeningIsLabelled(t *testing.T) {
	h := newHouse(t, nil)
	l := h.room("label")
	l.recordTo(5)
	l.must(l.Heard(5 * time.Second))
	opening := filepath.Join(t.TempDir(), "opening.mp4")
	if out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=16", "-t", "2", "-c:v", "libx264",
		"-preset", "ultrafast", "-pix_fmt", "yuv420p", opening).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(opening)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	key := record.Shot(tenant, "dreamt", 1, 0)
	if _, err := h.store.Put(t.Context(), key, f); err != nil {
		t.Fatal(err)
	}
	h.cut(l, "dreamt", seconds(1, 4), func(p *domain.Plan) {
		p.Shots = append([]domain.Shot{{Kind: domain.ShotGenerated, Template: key}}, p.Shots...)
	})
	h.decision("dreamt", "approved by rule, playable")
	m, _, _ := h.manifest("dreamt")
	n, aigc := h.frames(m.Rendered.Renditions[0], "AIGC")
	wantLabel := `{"Label":"1","ContentProducer":"liveclip","ProduceID":"dreamt/1","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}`
	if n < 149 || n > 150 || aigc != wantLabel || !m.Rendered.Generated || m.Rendered.Window != seconds(1, 4) {
		t.Errorf("%d pictures, label %s, manifest %+v", n, aigc, m)
	}
}

// killChildOf kills the finisher that works in a folder, once there is one.
func killChildOf(t *testing.T, work string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for ; time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // another process's life has no channel to wait on
		if working, _ := filepath.Glob(filepath.Join(work, workPrefix+"*")); len(working) == 0 {
			continue
		}
		for _, pid := range children(t) {
			cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && bytes.Contains(cmdline, []byte("liveclip-media\x00finish")) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatal("no finisher was started")
}

// children of this process.
func children(t *testing.T) []int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
