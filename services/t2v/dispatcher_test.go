package t2v

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/record"
	mediav1 "liveclip/proto/media/v1"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
	"liveclip/services/t2v/schedule"
)

// prober stands for the media child in tests of the engines alone: it asks ffprobe.
type prober struct{}

func (prober) Render(context.Context, *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	return nil, errors.New("not asked")
}

func (prober) Look(context.Context, string) (*mediav1.Looked, error) {
	return &mediav1.Looked{Frames: 32, Sharp: 0.02}, nil
}

func (prober) Probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,width,height:format=duration", "-of", "csv=p=0", file).Output()
	if err != nil {
		return nil, fmt.Errorf("ffprobe: %w", err)
	}
	fields := strings.FieldsFunc(string(out), func(r rune) bool { return r == ',' || r == '\n' })
	if len(fields) == 0 {
		return nil, errors.New("ffprobe: no video")
	}
	p := &mediav1.Probed{Parameters: &mediav1.Parameters{VideoCodec: fields[0]}}
	var seconds float64
	if _, err := fmt.Sscan(strings.Join(fields[1:], " "), &p.Parameters.Width, &p.Parameters.Height, &seconds); err != nil {
		return nil, err
	}
	p.Duration = int64(seconds * 1e9)
	return p, nil
}

func film(t *testing.T) *enginestest.Film {
	t.Helper()
	f, err := enginestest.Draw(640, 352, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var standIns = map[string]func(*enginestest.Film, enginestest.Failure) (*enginestest.StandIn, error){
	engines.KindOwn: enginestest.Own, engines.KindVideos: enginestest.Videos, engines.KindDashScope: enginestest.DashScope,
}

// standIn starts one, and gives its configuration.
func standIn(t *testing.T, kind string, failure enginestest.Failure) (engines.Config, *enginestest.StandIn) {
	t.Helper()
	s, err := standIns[kind](film(t), failure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cfg := engines.Config{Kind: kind, Address: s.Address, Key: enginestest.Key, Model: "wan", Private: true, Poll: 5 * time.Millisecond}
	if kind == engines.KindDashScope {
		cfg.Sizes, cfg.Lengths = []string{"640x352"}, []string{"2s"}
	}
	return cfg.Over(engines.Defaults()), s
}

func TestAGeneratedShotBecomesOneFileInTheStore(t *testing.T) {
	for kind := range standIns {
		t.Run(kind, func(t *testing.T) {
			cfg, engine := standIn(t, kind, enginestest.None)
			cfg.Steps = 4
			s, bus, _ := newService(t, cfg, prober{})
			_, j := planned(t, s, dreamt, footage)
			if err := s.makeShots(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			key := record.Shot("default", "c1", 1, 0)
			want := []domain.CutPart{{File: key, Generated: true}, {Window: footage.Window}}
			if cuts := bus.cuts(); len(cuts) != 1 || !reflect.DeepEqual(cuts[0].Parts, want) || cuts[0].Notes != nil {
				t.Errorf("cuts %+v, want %+v", cuts, want)
			}
			r, _, err := s.store.Get(t.Context(), key, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, film(t).Whole()) {
				t.Errorf("the file has %d bytes (%v), the engine sent %d", len(got), err, len(film(t).Whole()))
			}
			ordered := <-engine.Orders
			if ordered.Seed == 0 {
				t.Error("ordered without a seed")
			}
			wanted := enginestest.Order{Prompt: "a mug", Width: 640, Height: 352, Length: 2 * time.Second, Steps: 4, Seed: ordered.Seed, Model: "wan", Tenant: "default"}
			if kind == engines.KindDashScope { // it has no such parameters
				wanted.Steps, wanted.Tenant = 0, ""
			}
			if ordered != wanted {
				t.Errorf("ordered %+v, want %+v", ordered, wanted)
			}
			if err := s.makeShots(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			if len(engine.Orders) != 0 || len(bus.cuts()) != 2 {
				t.Error("the repeat generated the shot again, or told nothing")
			}
		})
	}
}

// What each engine's failures count as; the rest of the row is what a person reads.
func TestEveryFailureOfEveryEngineIsSortedAndMeansFootageAndANote(t *testing.T) {
	const busy, away, wrong, memory, unfit, refused = engines.Busy, engines.Away, engines.Wrong, engines.Memory, engines.Unfit, engines.Refused
	matrix := map[enginestest.Failure]struct {
		own, videos, dashScope engines.Kind
		says                   string // in every note; empty: they differ
	}{
		enginestest.TooMany:    {busy, busy, busy, ""},
		enginestest.Broken:     {away, away, away, ""},
		enginestest.NotThere:   {away, away, away, "the generation engine is not ready"},
		enginestest.NoMemory:   {memory, memory, memory, "out of memory"},
		enginestest.Refuses:    {refused, refused, refused, ""},
		enginestest.BadOrder:   {unfit, unfit, unfit, "no generation engine can make it"},
		enginestest.BadKey:     {away, away, away, ""},
		enginestest.Silent:     {away, away, away, "the engine went silent"},
		enginestest.Endless:    {away, away, away, "the engine took too long"},
		enginestest.Truncated:  {wrong, wrong, wrong, ""},
		enginestest.Lies:       {wrong, wrong, wrong, ""},
		enginestest.Flood:      {wrong, wrong, wrong, "the engine sent more than 4194304 bytes"},
		enginestest.Rubbish:    {wrong, wrong, wrong, "the engine's answer is no MP4"},
		enginestest.OtherSize:  {wrong, wrong, wrong, "the engine's answer is 96x64 pixels, 640x352 were ordered"},
		enginestest.TooShort:   {wrong, wrong, wrong, "2s was ordered"},
		enginestest.Empty:      {wrong, wrong, wrong, "the engine finished without a picture"},
		enginestest.Forgets:    {wrong, unfit, away, ""},
		enginestest.Gibberish:  {wrong, wrong, wrong, ""},
		enginestest.BreaksOnce: {away, away, away, ""},
	}
	for _, failure := range enginestest.Failures() {
		row, known := matrix[failure]
		if !known {
			t.Errorf("the matrix lacks: %s", failure)
		}
		for kind, want := range map[string]engines.Kind{engines.KindOwn: row.own, engines.KindVideos: row.videos, engines.KindDashScope: row.dashScope} {
			t.Run(kind+" "+string(failure), func(t *testing.T) {
				t.Parallel()
				cfg, _ := standIn(t, kind, failure)
				cfg.MaxBytes, cfg.Idle, cfg.Timeout = 4<<20, time.Minute, time.Minute
				switch failure {
				case enginestest.Silent:
					cfg.Idle = 150 * time.Millisecond
				case enginestest.Endless:
					cfg.Timeout = 300 * time.Millisecond
				}
				s, bus, _ := newService(t, cfg, prober{})
				_, err := s.dispatcher.callEngine(t.Context(), s.dispatcher.engines[0], engines.Order{
					ID: "x", Prompt: "a mug", Width: 640, Height: 352, Length: 2 * time.Second, FrameRate: 16, Deadline: time.Now().Add(time.Hour),
				}, filepath.Join(t.TempDir(), "x.mp4"))
				var f *engines.Fault
				if !errors.As(err, &f) || f.Kind != want {
					t.Errorf("%v, want a fault of kind %s", err, want)
				}
				if err != nil && (strings.Contains(err.Error(), enginestest.Key) || strings.Contains(err.Error(), "Signature")) {
					t.Errorf("a secret in %q", err)
				}
				_, j := planned(t, s, dreamt, footage)
				if err := s.makeShots(t.Context(), j); err != nil {
					t.Fatal(err)
				}
				parts, notes := []domain.CutPart{{Window: footage.Window}}, 1
				if failure == enginestest.BreaksOnce { // it was asked again
					parts, notes = []domain.CutPart{{File: record.Shot("default", "c1", 1, 0), Generated: true}, {Window: footage.Window}}, 0
				}
				cuts := bus.cuts()
				if len(cuts) != 1 || !reflect.DeepEqual(cuts[0].Parts, parts) || len(cuts[0].Notes) != notes {
					t.Fatalf("cuts %+v, want %+v and %d note", cuts, parts, notes)
				}
				if notes == 1 && (!strings.Contains(cuts[0].Notes[0], row.says) || !strings.Contains(cuts[0].Notes[0], "used footage instead") || strings.Contains(cuts[0].Notes[0], enginestest.Key)) {
					t.Errorf("the note says %q, want %q", cuts[0].Notes[0], row.says)
				}
				if left, _ := filepath.Glob(filepath.Join(s.cfg.Work, "*")); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

func TestAVideoThatWasPaidForIsFetchedToItsEnd(t *testing.T) {
	half := fmt.Sprintf("bytes=%d-", len(film(t).Whole())/2)
	for failure, want := range map[enginestest.Failure]struct{ asks, says string }{
		enginestest.HangsUp:  {half, ""},
		enginestest.NoRanges: {"", ""},
		enginestest.Swaps:    {half, "became another"},
	} {
		t.Run(string(failure), func(t *testing.T) {
			cfg, engine := standIn(t, engines.KindDashScope, failure)
			s, _, _ := newService(t, cfg, prober{})
			file := filepath.Join(t.TempDir(), "x.mp4")
			_, err := s.dispatcher.callEngine(t.Context(), s.dispatcher.engines[0], engines.Order{
				ID: "x", Prompt: "a mug", Width: 640, Height: 352, Length: 2 * time.Second, FrameRate: 16, Deadline: time.Now().Add(time.Hour),
			}, file)
			if got := <-engine.Fetched; failure != enginestest.NoRanges && got != want.asks {
				t.Errorf("asked for %q, want %q", got, want.asks)
			}
			if len(engine.Orders) != 1 {
				t.Errorf("ordered %d times", len(engine.Orders))
			}
			if want.says != "" {
				if engines.KindOf(err) != engines.Wrong || !strings.Contains(err.Error(), want.says) {
					t.Errorf("error %v, want %q", err, want.says)
				}
				return
			}
			if got, _ := os.ReadFile(file); err != nil || !bytes.Equal(got, film(t).Whole()) {
				t.Errorf("%d bytes were kept, of %d: %v", len(got), len(film(t).Whole()), err)
			}
		})
	}
}

func TestWithoutAnEngineAShotBecomesFootage(t *testing.T) {
	s, bus, _ := newService(t, engines.Config{}, prober{})
	_, j := planned(t, s, dreamt, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if cuts := bus.cuts(); len(cuts) != 1 || len(cuts[0].Notes) != 1 || !strings.Contains(cuts[0].Notes[0], "no generation engine configured") {
		t.Errorf("cuts %+v", cuts)
	}
}

func TestAnotherEngineIsAskedWhenOneFails(t *testing.T) {
	for _, failure := range []enginestest.Failure{enginestest.Broken, enginestest.OtherSize, enginestest.BadOrder, enginestest.NoMemory, enginestest.NotThere} {
		bad, _ := standIn(t, engines.KindOwn, failure)
		good, asked := standIn(t, engines.KindVideos, enginestest.None)
		good.Cost = 5 // the schedule tries the other first
		s, bus, _ := newService(t, bad, prober{}, good)
		_, j := planned(t, s, dreamt, footage)
		if err := s.makeShots(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if cuts := bus.cuts(); len(cuts) != 1 || len(cuts[0].Notes) != 0 || len(asked.Orders) != 1 {
			t.Errorf("%s: cuts %+v", failure, cuts)
		}
	}
}

func TestARefusedContentIsNotAskedOfAnother(t *testing.T) {
	bad, _ := standIn(t, engines.KindOwn, enginestest.Refuses)
	good, asked := standIn(t, engines.KindVideos, enginestest.None)
	good.Cost = 5
	s, bus, _ := newService(t, bad, prober{}, good)
	_, j := planned(t, s, dreamt, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if cuts := bus.cuts(); len(cuts) != 1 || len(cuts[0].Notes) != 1 || len(asked.Orders) != 0 {
		t.Errorf("cuts %+v, the other engine was asked %d times", cuts, len(asked.Orders))
	}
}

func TestAMomentThatIsStaleBecomesFootageAndSaysSo(t *testing.T) {
	cfg, engine := standIn(t, engines.KindOwn, enginestest.None)
	s, bus, _ := newService(t, cfg, prober{})
	s.shotMaker.cfg.Fresh.Manual = time.Second // the plan is from long ago
	_, j := planned(t, s, dreamt, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	cuts := bus.cuts()
	if len(cuts) != 1 || len(cuts[0].Notes) != 1 || !strings.Contains(cuts[0].Notes[0], "its moment has passed") || len(engine.Orders) != 0 {
		t.Errorf("cuts %+v", cuts)
	}
}

func TestACancelledShotIsCancelledAtItsEngine(t *testing.T) {
	for kind := range standIns {
		t.Run(kind, func(t *testing.T) {
			cfg, engine := standIn(t, kind, enginestest.Endless)
			s, bus, _ := newService(t, cfg, prober{})
			_, j := planned(t, s, dreamt, footage)
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("taken down")
			go func() {
				<-engine.Orders
				cancel(why)
			}()
			if err := s.makeShots(ctx, j); !errors.Is(err, why) || len(bus.events) != 0 {
				t.Errorf("error %v, told %+v, want the job ended and nothing told", err, bus.events)
			}
			select {
			case <-engine.Canceled:
			case <-time.After(2 * time.Minute):
				t.Error("the engine was not told")
			}
		})
	}
}

func TestAnEngineThatIsTooSlowGivesWayToFootage(t *testing.T) {
	cfg, _ := standIn(t, engines.KindOwn, enginestest.Endless)
	s, bus, _ := newService(t, cfg, prober{})
	_, j := planned(t, s, dreamt, footage)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	making, slow := context.WithCancelCause(ctx)
	slow(errSlow)
	plan, err := s.loadPlan(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.shot(ctx, making, plan, 0, filepath.Join(t.TempDir(), "x.mp4"), false)
	if err != nil || got.File != "" || !strings.Contains(got.Note, errSlow.Error()) || len(bus.events) != 0 {
		t.Errorf("%+v, %v, want a note that says why", got, err)
	}
	if early, _ := withCutTime(ctx); early.Err() != nil {
		t.Error("an attempt that has just begun has no time")
	} else if end, _ := early.Deadline(); time.Until(end) > 9*time.Minute+time.Second {
		t.Errorf("its shots may take until %v", end)
	}
}

func TestAShutdownIsNoReasonToFallBack(t *testing.T) {
	cfg, engine := standIn(t, engines.KindOwn, enginestest.Endless)
	s, bus, _ := newService(t, cfg, prober{})
	_, j := planned(t, s, dreamt, footage)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-engine.Orders
		cancel()
	}()
	if err := s.makeShots(ctx, j); !errors.Is(err, context.Canceled) || len(bus.events) != 0 {
		t.Errorf("error %v, told %+v, want the job left for another", err, bus.events)
	}
}

func TestWhatADegradedShotGaveUpIsSaid(t *testing.T) {
	said := degradations(schedule.Form{Width: 832, Height: 480, Steps: 8, Length: 5 * time.Second}, schedule.Form{Width: 624, Height: 352, Steps: 4, Length: 3 * time.Second})
	if want := []string{"4 steps instead of 8", "624x352 instead of 832x480", "3s instead of 5s"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestWhatIsNotUrgentLetsGoOfItsPlaceWhileItWaits(t *testing.T) {
	cfg, engine := standIn(t, engines.KindOwn, enginestest.Endless)
	s, bus, _ := newService(t, cfg, prober{})
	s.dispatcher.batchPatience = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() {
		_, _ = s.dispatcher.generate(ctx, shotOrder{ID: "live", Lane: domain.LaneLive, Prompt: "a mug", Width: 640, Height: 352, Length: 2 * time.Second}, filepath.Join(t.TempDir(), "x.mp4"))
	})
	defer busy.Wait()
	defer cancel()
	<-engine.Orders
	_, j := planned(t, s, dreamt, footage)
	j.Attempt = 100 // also at the last
	var later job.Later
	if err := s.makeShots(t.Context(), j); !errors.As(err, &later) || len(bus.events) != 0 {
		t.Errorf("error %v, told %+v, want the job to come back later", err, bus.events)
	}
}

func TestAShotBeginsFromItsOpeningOnTheEngineThatHoldsIt(t *testing.T) {
	a, first := standIn(t, engines.KindOwn, enginestest.None)
	b, second := standIn(t, engines.KindOwn, enginestest.None)
	a.Name, b.Name = "a", "b"
	s, _, _ := newService(t, a, prober{}, b)
	generate := func(id, engine string, opening domain.ShotOpening) domain.ShotMaking {
		t.Helper()
		making, err := s.dispatcher.generate(t.Context(), shotOrder{
			ID: id, Engine: engine, Prompt: id, Opening: opening, Width: 640, Height: 352, Length: 2 * time.Second,
		}, filepath.Join(t.TempDir(), "shot.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		return making
	}
	opening := domain.ShotOpening{Key: "enthusiastic@1", Prompt: "a studio table"}
	for i, c := range []struct {
		wish    string
		opening domain.ShotOpening
		engine  string
		hit     bool
	}{
		{"b", opening, "b", false},
		{"", opening, "b", true},
		{"a", opening, "a", false},
		{"a", domain.ShotOpening{}, "a", false},
	} {
		making := generate(fmt.Sprint("shot", i), c.wish, c.opening)
		if making.Engine != c.engine || making.CacheHit != c.hit {
			t.Errorf("shot %d was made by %s, from its cache: %t; want %s, %t", i, making.Engine, making.CacheHit, c.engine, c.hit)
		}
		ordered := <-map[string]*enginestest.StandIn{"a": first, "b": second}[c.engine].Orders
		if ordered.Opening != c.opening.Key {
			t.Errorf("shot %d was ordered with opening %q", i, ordered.Opening)
		}
	}
}

func TestAnEngineThatTakesNoOpeningsIsAskedWithoutOne(t *testing.T) {
	cfg, engine := standIn(t, engines.KindOwn, enginestest.NoOpenings)
	e, err := engines.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	order := engines.Order{ID: "a", Prompt: "a mug", Width: 640, Height: 352, Length: 2 * time.Second, Opening: engines.Opening{Key: "k", Prompt: "a table"}}
	if _, err := e.Generate(t.Context(), order, io.Discard); err != nil {
		t.Fatal(err)
	}
	if with, without := <-engine.Orders, <-engine.Orders; with.Opening != "k" || without.Opening != "" || without.Prompt != "a mug" {
		t.Errorf("ordered %+v, then %+v", with, without)
	}
}
