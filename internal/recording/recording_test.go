package recording_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/recording"
	recordingv1 "liveclip/proto/recording/v1"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	room  = domain.Ref{Tenant: "default", Stream: "room"}
)

const show domain.BroadcastID = "show-1"

// owner is a process that may own the room: a Recording service that can be stopped.
type owner struct {
	hot     *recording.Hot
	server  *grpc.Server
	address string
}

func startOwner(t *testing.T) *owner {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{hot: recording.NewHot(), server: grpc.NewServer(), address: listener.Addr().String()}
	recordingv1.RegisterRecordingServer(o.server, o.hot)
	go func() { _ = o.server.Serve(listener) }()
	t.Cleanup(o.server.Stop)
	return o
}

// finder knows who owns the room.
type finder struct {
	mu      sync.Mutex
	address string
}

func (f *finder) set(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.address = address
}

func (f *finder) FindAddress(context.Context, domain.Ref) (string, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address, f.address != "", nil
}

func openStore(t *testing.T) blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func create(t *testing.T, store blob.Store, change func(*recording.WriterConfig)) *recording.Writer {
	t.Helper()
	cfg := recording.WriterConfig{Folder: t.TempDir(), Ref: room, Broadcast: show, Epoch: 1, StartedAt: time.Unix(1780000000, 0)}
	if change != nil {
		change(&cfg)
	}
	w, err := recording.Create(cfg, store, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const soonLost = 300 * time.Millisecond

// newReader has all patience with an owner that there is, and little where there is none.
func newReader(t *testing.T, store blob.Store, owners recording.Finder) *recording.Reader {
	r := recording.NewReader(store, owners, quiet)
	r.Lost = 2 * time.Minute
	if _, found, _ := owners.FindAddress(t.Context(), room); !found {
		r.Lost = soonLost
	}
	t.Cleanup(r.Close)
	return r
}

// the parts of a room: half a second each, a keyframe every gop parts.
func part(n, gop int) recording.Part {
	start := time.Duration(n) * 500 * time.Millisecond
	return recording.Part{Window: domain.Window{Start: start, End: start + 500*time.Millisecond}, Keyframe: n%gop == 0,
		Data: fmt.Appendf(nil, "part %d", n)}
}

func runInit(run int) recording.Init {
	return recording.Init{Run: run, Parameters: domain.MediaParameters{VideoCodec: "h264", Width: 1280, Height: 720, FrameRate: 25, AudioCodec: "aac", SampleRate: 48000, Channels: 2},
		Data: fmt.Appendf(nil, "init %d", run)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, w *recording.Writer, from, to, gop int) {
	t.Helper()
	for n := from; n < to; n++ {
		must(t, w.Part(part(n, gop)))
	}
}

// runUntilStored runs a closed Writer to its end.
func runUntilStored(t *testing.T, w *recording.Writer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must(t, w.Run(ctx))
	must(t, ctx.Err())
}

func window(start, end float64) domain.Window {
	return domain.Window{Start: time.Duration(start * float64(time.Second)), End: time.Duration(end * float64(time.Second))}
}

// read gives what a Reader emits, in words.
func read(t *testing.T, r *recording.Reader, w domain.Window) (chunks []string, end recording.End) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	end, err := r.Read(ctx, room, show, w, func(c recording.Chunk) error {
		if c.Init != nil {
			if c.Init.Parameters != runInit(c.Init.Run).Parameters {
				t.Errorf("parameters of run %d: %+v", c.Init.Run, c.Init.Parameters)
			}
			chunks = append(chunks, string(c.Init.Data))
		}
		if c.Part != nil {
			chunks = append(chunks, string(c.Part.Data))
		}
		return nil
	})
	must(t, err)
	return chunks, end
}

func span(from, to int) []string {
	chunks := []string{"init 0"}
	for n := from; n < to; n++ {
		chunks = append(chunks, fmt.Sprintf("part %d", n))
	}
	return chunks
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestAWindowIsReadFromItsRandomAccessPointHotAndStored(t *testing.T) {
	store, owners := openStore(t), &finder{}
	o := startOwner(t)
	w := create(t, store, nil)
	o.hot.Add(w)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 4) // 30 s, a keyframe every 2 s
	cases := []struct {
		name     string
		window   domain.Window
		from, to int
	}{
		{"from the beginning", window(0, 3), 0, 6},
		{"on a keyframe", window(4, 6), 8, 12},
		{"between keyframes", window(5.2, 6.1), 8, 13},
		{"just before a keyframe", window(5.9999, 6.1), 8, 13},
		{"to the end", window(29, 30), 56, 60},
		{"across segments", window(5, 23), 8, 46},
	}
	for _, c := range cases {
		owners.set(o.address)
		got, end := read(t, newReader(t, store, owners), c.window)
		same(t, c.name+", hot", got, span(c.from, c.to))
		same(t, c.name+", hot: end", end, recording.End{At: time.Duration(c.to) * 500 * time.Millisecond})
	}
	must(t, w.Close(30*time.Second, "the source ended"))
	runUntilStored(t, w)
	owners.set("")
	for _, c := range cases {
		got, end := read(t, newReader(t, store, owners), c.window)
		same(t, c.name+", stored", got, span(c.from, c.to))
		same(t, c.name+", stored: end", end, recording.End{At: time.Duration(c.to) * 500 * time.Millisecond})
	}
}

func TestAReaderGetsEachPartAsItIsWritten(t *testing.T) {
	store, o := openStore(t), startOwner(t)
	w := create(t, store, nil)
	o.hot.Add(w)
	must(t, w.Init(runInit(0)))
	got := make(chan string)
	done := make(chan error, 1)
	r := newReader(t, store, &finder{address: o.address})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		_, err := r.Read(ctx, room, show, window(0, 5), func(c recording.Chunk) error {
			if c.Part != nil {
				got <- string(c.Part.Data)
			}
			return nil
		})
		done <- err
	}()
	for n := range 10 {
		must(t, w.Part(part(n, 4)))
		select {
		case data := <-got:
			same(t, "part", data, string(part(n, 4).Data))
		case <-ctx.Done():
			t.Fatalf("part %d never came", n)
		}
	}
	must(t, <-done)
}

func TestAWindowPastTheEndOfAClosedBroadcastGivesNothing(t *testing.T) {
	store, owners, o := openStore(t), &finder{}, startOwner(t)
	w := create(t, store, nil)
	o.hot.Add(w)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 8, 4)
	must(t, w.Close(4*time.Second, "the publisher left"))
	runUntilStored(t, w)
	want := recording.End{At: 4 * time.Second, Reason: "broadcast closed: the publisher left"}
	clipped := want
	clipped.Clipped = domain.ClippedToEnd
	for _, address := range []string{o.address, ""} {
		owners.set(address)
		got, end := read(t, newReader(t, store, owners), window(10, 20))
		same(t, "past the end", len(got), 0)
		same(t, "end", end, want)
		got, end = read(t, newReader(t, store, owners), window(3, 20))
		same(t, "across the end", got, span(4, 8))
		same(t, "end", end, clipped)
	}
}

func TestSegmentsAreStoredUnderTheirIndexAndAnnounced(t *testing.T) {
	store := openStore(t)
	var announced []domain.SegmentRecorded
	w := create(t, store, func(c *recording.WriterConfig) {
		c.Epoch = 42
		c.Stored = func(_ context.Context, s domain.SegmentRecorded) error {
			announced = append(announced, s)
			return nil
		}
	})
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 30, 7) // keyframes at 0, 3.5, 7, 10.5, 14 s
	must(t, w.Init(runInit(1)))
	last := part(30, 7)
	last.Run, last.Keyframe = 1, true
	must(t, w.Part(last))
	must(t, w.Close(15500*time.Millisecond, "over"))
	runUntilStored(t, w)
	folder := recording.Folder(room, show)
	var keys []string
	for info, err := range store.List(t.Context(), folder, "") {
		must(t, err)
		keys = append(keys, strings.TrimPrefix(info.Key, folder))
	}
	same(t, "keys", keys, []string{
		"000000000000-000000007000-0000000000000042-000000-k.m4s",
		"0000000000000042-000000.init.mp4",
		"0000000000000042-000001.init.mp4",
		"000000007000-000000014000-0000000000000042-000000-k.m4s",
		"000000014000-000000015000-0000000000000042-000000-k.m4s",
		"000000015000-000000015500-0000000000000042-000001-k.m4s",
		"closed.json",
		"lines/000000000000-000000000000-0000000000000042.json",
	})
	if len(announced) != 4 || announced[1].Window != window(7, 14) || announced[3].Run != 1 || announced[3].InitKey != folder+"0000000000000042-000001.init.mp4" {
		t.Errorf("announced: %+v", announced)
	}
	got, _ := read(t, newReader(t, store, &finder{}), window(13, 99))
	same(t, "over the change of runs", got, []string{"init 0", "part 21", "part 22", "part 23", "part 24", "part 25", "part 26", "part 27", "part 28", "part 29", "init 1", "part 30"})
}

func TestASegmentWithoutKeyframesEndsAllTheSame(t *testing.T) {
	store := openStore(t)
	w := create(t, store, nil)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 1000)
	must(t, w.Close(30*time.Second, "over"))
	runUntilStored(t, w)
	got, _ := read(t, newReader(t, store, &finder{}), window(27, 28))
	same(t, "read from the only random access point", got, span(0, 56))
}

func TestWhatAKilledProcessLeftIsReadUpToTheTornPart(t *testing.T) {
	folder := t.TempDir()
	store := openStore(t)
	w := create(t, store, func(c *recording.WriterConfig) { c.Folder = folder })
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 4, 4)
	must(t, w.Line(domain.TranscriptLine{ID: "a", Final: true, Start: 0, End: time.Second, Text: "half off"}))
	must(t, w.Heard(1500*time.Millisecond))
	path, err := filepath.Glob(filepath.Join(folder, string(show), "*.open"))
	must(t, err)
	whole, err := os.ReadFile(path[0])
	must(t, err)
	for cut := len(whole); cut >= 0; cut-- {
		must(t, os.WriteFile(path[0], whole[:cut], 0o644))
		copied := t.TempDir()
		must(t, os.CopyFS(copied, os.DirFS(folder)))
		left, err := recording.Recover(copied, quiet)
		must(t, err)
		parts := cut / (len(whole) / 4)
		want := []recording.Left{{Ref: room, Broadcast: show, Epoch: 1, StartedAt: time.Unix(1780000000, 0), RecordedTo: time.Duration(parts) * 500 * time.Millisecond,
			HeardTo: 1500 * time.Millisecond, Runs: 1}}
		for i := range left {
			left[i].StartedAt = left[i].StartedAt.Local()
		}
		same(t, fmt.Sprintf("left after a cut at %d of %d", cut, len(whole)), left, want)
	}
}

func TestABroadcastGoesOnUnderAGreaterEpoch(t *testing.T) {
	folder, store := t.TempDir(), openStore(t)
	w := create(t, store, func(c *recording.WriterConfig) { c.Folder = folder })
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 6, 4)
	must(t, w.Line(domain.TranscriptLine{ID: "a", Final: true, Start: 0, End: time.Second, Text: "half off"}))
	must(t, w.Heard(2*time.Second))
	// The process is killed here; another takes the spool up.
	again := create(t, store, func(c *recording.WriterConfig) { c.Folder, c.Epoch = folder, 2 })
	o := startOwner(t)
	o.hot.Add(again)
	must(t, again.Init(recording.Init{Run: 1, Parameters: runInit(1).Parameters, Data: []byte("init 1")}))
	for n := 6; n < 10; n++ {
		p := part(n, 6)
		p.Run = 1
		must(t, again.Part(p))
	}
	must(t, again.Line(domain.TranscriptLine{ID: "b", Final: true, Start: 3 * time.Second, End: 4 * time.Second, Text: "today only"}))
	must(t, again.Heard(5*time.Second))
	want := append(span(0, 6), "init 1", "part 6", "part 7", "part 8", "part 9")
	owners := &finder{address: o.address}
	got, _ := read(t, newReader(t, store, owners), window(0, 5))
	same(t, "hot", got, want)
	must(t, again.Close(5*time.Second, "over"))
	runUntilStored(t, again)
	owners.set("")
	r := newReader(t, store, owners)
	got, _ = read(t, r, window(0, 5))
	same(t, "stored", got, want)
	heard, err := r.Heard(t.Context(), room, show, window(0, 5))
	must(t, err)
	if l := heard.Lines; len(l) != 2 || l[0].ID != "a" || l[1].ID != "b" || heard.To != 5*time.Second {
		t.Errorf("heard %+v", heard)
	}
	left, err := recording.Recover(folder, quiet)
	must(t, err)
	same(t, "left after everything was stored", len(left), 0)
}

func TestABroadcastTakenUpTwiceEndsWhereItsRecordingEnded(t *testing.T) {
	folder, store := t.TempDir(), openStore(t)
	stored := make(chan struct{})
	takeUp := func(epoch int64) *recording.Writer {
		return create(t, store, func(c *recording.WriterConfig) {
			c.Folder, c.Epoch = folder, epoch
			c.Stored = func(context.Context, domain.SegmentRecorded) error { close(stored); return nil }
		})
	}
	first := takeUp(1)
	must(t, first.Init(runInit(0)))
	write(t, first, 0, 6, 4)
	// Killed; the second one stores what was left and is killed before the source is back.
	second := takeUp(2)
	must(t, second.Heard(second.RecordedTo()))
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	<-stored
	for names := []string(nil); len(names) == 0; {
		names, _ = filepath.Glob(filepath.Join(folder, string(show), "*.stored"))
	}
	kill()
	must(t, <-ended)
	third := takeUp(3)
	same(t, "recorded to", third.RecordedTo(), 3*time.Second)
	same(t, "recorded to, taken up once more", takeUp(4).RecordedTo(), 3*time.Second)
}

func TestALateOwnersWritesDoNotCount(t *testing.T) {
	store := openStore(t)
	late := create(t, store, nil)
	must(t, late.Init(runInit(0)))
	write(t, late, 0, 20, 4)
	must(t, late.Close(10*time.Second, "it thinks"))
	owner := create(t, store, func(c *recording.WriterConfig) { c.Epoch = 2 })
	must(t, owner.Init(runInit(1)))
	for n := 12; n < 24; n++ {
		p := part(n, 4)
		p.Run, p.Data = 1, fmt.Appendf(nil, "owner's %d", n)
		must(t, owner.Part(p))
	}
	must(t, owner.Close(12*time.Second, "over"))
	runUntilStored(t, owner)
	runUntilStored(t, late)
	got, end := read(t, newReader(t, store, &finder{}), window(4, 11))
	want := []string{"init 0", "part 8", "part 9", "part 10", "part 11", "init 1"}
	for n := 12; n < 22; n++ {
		want = append(want, fmt.Sprintf("owner's %d", n))
	}
	same(t, "parts", got, want)
	same(t, "end", end, recording.End{At: 11 * time.Second})
}

func TestAReaderGoesOnFromTheStoreWhenTheOwnerIsLost(t *testing.T) {
	store, owners, o := openStore(t), &finder{}, startOwner(t)
	stored := func() {}
	w := create(t, store, func(c *recording.WriterConfig) {
		c.Stored = func(context.Context, domain.SegmentRecorded) error { stored(); return nil }
	})
	owners.set(o.address)
	o.hot.Add(w)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 4, 4)
	r := newReader(t, store, owners)
	r.Lost = soonLost
	var got []string
	end, err := r.Read(t.Context(), room, show, window(0, 60), func(c recording.Chunk) error {
		if c.Init != nil {
			got = append(got, string(c.Init.Data))
			return nil
		}
		got = append(got, string(c.Part.Data))
		if string(c.Part.Data) == "part 3" { // the owner dies; what it had written reaches the store later
			o.server.Stop()
			for n := 4; n < 30; n++ {
				if err := w.Part(part(n, 4)); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stored = func() {
				if countSegments(store) == 2 {
					cancel()
				}
			}
			return w.Run(ctx)
		}
		return nil
	})
	must(t, err)
	same(t, "parts", got, span(0, 24))
	if end.At != 12*time.Second || !end.Lost {
		t.Errorf("end: %+v", end)
	}
}

func TestAClosedBroadcastWhoseEndWasNotStoredIsEndedLater(t *testing.T) {
	folder, store := t.TempDir(), openStore(t)
	w := create(t, store, func(c *recording.WriterConfig) { c.Folder = folder })
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 8, 4)
	must(t, w.Line(domain.TranscriptLine{ID: "a", Final: true, Start: 0, End: time.Second, Text: "half off"}))
	must(t, w.Heard(4*time.Second))
	must(t, w.Close(4*time.Second, "the publisher left"))
	// The process is killed before Run stored anything.
	left, err := recording.Recover(folder, quiet)
	must(t, err)
	if len(left) != 1 || !left[0].Closed || left[0].RecordedTo != 4*time.Second || left[0].HeardTo != 4*time.Second {
		t.Fatalf("left %+v", left)
	}
	again := create(t, store, func(c *recording.WriterConfig) { c.Folder, c.Epoch = folder, 2 })
	if err := again.Part(part(8, 4)); err == nil {
		t.Error("a part of a closed broadcast was taken")
	}
	must(t, again.Close(time.Hour, "owner died"))
	runUntilStored(t, again)
	r := newReader(t, store, &finder{})
	got, end := read(t, r, window(0, 60))
	same(t, "parts", got, span(0, 8))
	same(t, "end", end, recording.End{At: 4 * time.Second, Reason: "broadcast closed: the publisher left", Clipped: domain.ClippedToEnd})
	heard, err := r.Heard(t.Context(), room, show, window(0, 60))
	must(t, err)
	if len(heard.Lines) != 1 || heard.To != 4*time.Second {
		t.Errorf("heard %+v", heard)
	}
}

func countSegments(store blob.Store) (n int) {
	for info, err := range store.List(context.Background(), recording.Folder(room, show), "") {
		if err == nil && strings.HasSuffix(info.Key, ".m4s") {
			n++
		}
	}
	return n
}

func TestAWindowIsReadAcrossTheStoreAndTheHotTail(t *testing.T) {
	store, o := openStore(t), startOwner(t)
	var mu sync.Mutex
	now := time.Unix(1780000000, 0)
	w := create(t, store, func(c *recording.WriterConfig) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	o.hot.Add(w)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 4)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	stored := func() int {
		files, _ := filepath.Glob(filepath.Join(w.Folder(), "*.stored"))
		return len(files)
	}
	waitFor(t, "everything closed to be stored", func() bool { return stored() == 4 })
	mu.Lock()
	now = now.Add(time.Hour) // everything stored is cold
	mu.Unlock()
	r := newReader(t, store, &finder{address: o.address})
	waitFor(t, "the spool to be swept", func() bool { return stored() == 0 })
	got, end := read(t, r, window(3, 30))
	same(t, "parts", got, span(4, 60))
	same(t, "end", end, recording.End{At: 30 * time.Second})
	cancel()
	must(t, <-ran)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestLinesWaitUntilTheirWindowWasHeard(t *testing.T) {
	store, o := openStore(t), startOwner(t)
	w := create(t, store, nil)
	o.hot.Add(w)
	line := func(id string, start, end float64) domain.TranscriptLine {
		span := window(start, end)
		return domain.TranscriptLine{ID: id, Final: true, Start: span.Start, End: span.End, Text: id, Engine: "pocketsphinx", Language: "en",
			Words: []domain.Word{{Text: id, Start: span.Start, End: span.End, Confidence: 0.5}}}
	}
	must(t, w.Line(line("before", 0, 2)))
	must(t, w.Line(line("across", 4, 6)))
	must(t, w.Heard(7*time.Second))
	r := newReader(t, store, &finder{address: o.address})
	type answer struct {
		heard recording.Heard
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		heard, err := r.Heard(t.Context(), room, show, window(5, 10))
		answers <- answer{heard, err}
	}()
	for w.Awaited() != 10*time.Second {
		runtime.Gosched() // until the reader waits
	}
	must(t, w.Line(line("within", 8, 9)))
	must(t, w.Line(line("across", 4, 6))) // again: harmless
	must(t, w.Heard(10*time.Second))
	want := answer{recording.Heard{Lines: []domain.TranscriptLine{line("across", 4, 6), line("within", 8, 9)}, To: 10 * time.Second}, nil}
	same(t, "lines", <-answers, want)
	same(t, "what is still awaited", w.Awaited(), time.Duration(0))

	must(t, w.Close(12*time.Second, "over"))
	runUntilStored(t, w)
	heard, err := newReader(t, store, &finder{}).Heard(t.Context(), room, show, window(5, 60))
	same(t, "stored lines of a window past the end", answer{heard, err}, want)
}

func TestAPartOutOfOrderIsRefused(t *testing.T) {
	w := create(t, openStore(t), nil)
	if err := w.Part(part(0, 1)); err == nil {
		t.Error("a part of a run that was not begun was taken")
	}
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 3, 1)
	if err := w.Part(part(1, 1)); err == nil {
		t.Error("a part of a time that was recorded already was taken")
	}
	must(t, w.Close(time.Second, "over"))
	if err := w.Part(part(3, 1)); err == nil {
		t.Error("a part of a closed broadcast was taken")
	}
	must(t, w.Close(time.Second, "again"))
}
