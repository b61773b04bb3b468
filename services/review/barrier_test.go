package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/record"
	"liveclip/internal/recording"
	"liveclip/internal/wordlist"
)

// told collects what is published.
type told struct {
	mu     sync.Mutex
	events []event.Event
}

func (t *told) Publish(_ context.Context, events ...event.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
	return nil
}

// said gives a line per event, the same one told again left out: compaction and idempotent consumers do so too.
func (t *told) said() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	seen := map[string]bool{}
	for _, e := range t.events {
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		switch p := e.Payload.(type) {
		case domain.Rendered:
			lines = append(lines, "rendered")
		case domain.Decided:
			line := "decided " + string(p.Verdict) + " by " + p.By
			if p.Hash != "" {
				line += " with " + p.Hash
			}
			if p.TakeDown {
				line += ", down"
			}
			lines = append(lines, line)
		case domain.ClipStep:
			lines = append(lines, "step "+string(p.Step))
		}
	}
	return lines
}

type queued struct{ jobs []job.Job }

func (q *queued) Enqueue(_ context.Context, j job.Job) error {
	q.jobs = append(q.jobs, j)
	return nil
}

// room is a recording that has been heard already.
type room struct {
	lines   []domain.TranscriptLine
	heardTo time.Duration
	unheard []domain.Unheard
	err     error
}

func (r room) Read(context.Context, domain.Ref, domain.BroadcastID, domain.Window, func(recording.Chunk) error) (recording.End, error) {
	return recording.End{}, errors.New("no recording in this test")
}

func (r room) Heard(context.Context, domain.Ref, domain.BroadcastID, domain.Window) (recording.Heard, error) {
	return recording.Heard{Lines: r.lines, To: r.heardTo, Unheard: r.unheard}, r.err
}

func (r room) Loudness(context.Context, domain.Ref, domain.BroadcastID, domain.Window) ([]domain.SoundMeasured, error) {
	return nil, nil
}

const (
	tenant domain.Tenant = "default"
	clipID domain.ClipID = "c1"
)

var (
	start    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one      = name{tenant, clipID, 1}
	envelope = event.Envelope{ID: "plan", Tenant: tenant, Stream: "room", Broadcast: "b1", Lane: domain.LaneLive, Wall: start}
)

func newStore(t *testing.T) blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// newService has a real store and everything else in memory; the plan and cut of clip c1 are written.
func newService(t *testing.T, plan domain.Plan) (*Service, *told) {
	t.Helper()
	bus := &told{}
	s := &Service{
		cfg: Defaults(), bus: bus, store: newStore(t), finishing: &queued{}, moderating: &queued{}, recording: room{heardTo: time.Hour},
		lists: shippedLists(t), log: slog.New(slog.DiscardHandler), now: func() time.Time { return start.Add(time.Minute) },
		metrics: newMetrics(prometheus.NewRegistry()),
	}
	plan.Clip, plan.Window = clipID, domain.Window{Start: 10 * time.Second, End: 20 * time.Second}
	for revision := 1; revision <= 2; revision++ {
		plan.Revision = revision
		cut := domain.Cut{Clip: clipID, Revision: revision, Parts: []domain.CutPart{{Window: plan.Window}}}
		put(t, s, record.Plan(tenant, clipID, revision), record.Of[domain.Plan]{Envelope: envelope, Value: plan})
		put(t, s, record.Cut(tenant, clipID, revision), record.Of[domain.Cut]{Envelope: envelope.Follow(cut, start, fmt.Sprint(revision)).Envelope, Value: cut})
	}
	return s, bus
}

func put[T any](t *testing.T, s *Service, key string, v T) {
	t.Helper()
	if _, err := blob.WriteNewJSON(t.Context(), s.store, key, &v); err != nil {
		t.Fatal(err)
	}
}

// acts are what may happen to a clip, in any order.
func acts(t *testing.T, s *Service) map[string]func() {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	persons := func(id string, verdict domain.Verdict, after time.Duration) func() {
		return func() {
			e := envelope
			e.ID, e.Wall = id, start.Add(after)
			must(s.decided(t.Context(), e, domain.Decided{Clip: clipID, Revision: 1, Verdict: verdict, By: "ann"}))
		}
	}
	rendered := func(revision int) func() {
		return func() {
			c, err := s.load(t.Context(), name{tenant, clipID, revision})
			must(err)
			must(s.keepRendered(t.Context(), c, domain.Rendered{Clip: clipID, Revision: revision, Hash: fmt.Sprint("h", revision)}))
		}
	}
	moderated := func(revision int) func() {
		return func() {
			must(s.moderate(t.Context(), job.Job{Payload: fmt.Appendf(nil, `{"Tenant":"default","Clip":"c1","Revision":%d}`, revision)}))
		}
	}
	return map[string]func(){
		"rendered":  rendered(1),
		"moderated": moderated(1),
		"rendered2": rendered(2), "moderated2": moderated(2),
		"approves": persons("a", domain.VerdictApproved, 2*time.Minute),
		"rejects":  persons("r", domain.VerdictRejected, 3*time.Minute),
		"takedown": func() {
			e := envelope
			e.ID = "t"
			must(s.decided(t.Context(), e, domain.Decided{Clip: clipID, Revision: 1, By: "ann", TakeDown: true, Reason: "rights"}))
		},
	}
}

func TestTheManifestIsWrittenOnceWhateverComesFirst(t *testing.T) {
	harmless := domain.Plan{Title: "保温杯"}
	spoken := domain.Plan{Title: "保温杯", Text: "needs a person"}
	for _, c := range []struct {
		name     string
		plan     domain.Plan
		acts     []string
		manifest string // hash; empty: none
		has, not []string
	}{
		{"renditions alone", harmless, []string{"rendered"}, "", []string{"rendered", "step rendered"}, []string{"step published"}},
		{"a verdict alone", harmless, []string{"moderated"}, "", []string{"step decided"}, []string{"decided approved by rule"}},
		{"both", harmless, []string{"rendered", "moderated"}, "h1", []string{"step published", "decided approved by rule with h1"}, nil},
		{"both, the other way round, twice", harmless, []string{"moderated", "rendered", "rendered", "moderated"}, "h1", []string{"step published", "decided approved by rule with h1"}, nil},
		{"a bad word needs a person", spoken, []string{"rendered", "moderated"}, "", []string{"decided needs_person by rule"}, []string{"step published"}},
		{"who approves", spoken, []string{"rendered", "moderated", "approves"}, "h1", []string{"decided approved by ann with h1"}, nil},
		{"also before the renditions", spoken, []string{"approves", "moderated", "rendered"}, "h1", []string{"decided approved by ann with h1"}, []string{"decided needs_person by rule"}},
		{"or before the rule", spoken, []string{"rendered", "approves", "moderated"}, "h1", []string{"decided approved by ann with h1"}, nil},
		{"or rejects", harmless, []string{"rejects", "rendered", "moderated"}, "", nil, []string{"step published"}},
		{"an older approval delivered late changes nothing", harmless, []string{"rejects", "approves", "rendered", "moderated"}, "", nil, []string{"step published"}},
		{"a take-down shuts the barrier", harmless, []string{"takedown", "rendered", "moderated", "approves"}, "", []string{"step taken_down"}, []string{"step published"}},
		{"a rejection after publishing takes down", harmless, []string{"rendered", "moderated", "rejects"}, "h1", []string{"step taken_down", "decided rejected by ann, down"}, nil},
		{"a later revision replaces", harmless, []string{"rendered", "moderated", "rendered2", "moderated2"}, "h2", []string{"decided approved by rule with h2"}, nil},
		{"an earlier one never does", harmless, []string{"rendered2", "moderated2", "rendered", "moderated"}, "h2", nil, []string{"decided approved by rule with h1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, bus := newService(t, c.plan)
			if c.plan.Text != "" {
				s.recording = room{heardTo: time.Hour, lines: []domain.TranscriptLine{{Start: 11 * time.Second, End: 12 * time.Second, Text: "guaranteed returns"}}}
			}
			for _, act := range c.acts {
				acts(t, s)[act]()
			}
			var manifest domain.Manifest
			if _, _, err := s.find(t.Context(), record.Manifest(tenant, clipID), &manifest); err != nil || manifest.Rendered.Hash != c.manifest {
				t.Errorf("the manifest has hash %q (%v), want %q", manifest.Rendered.Hash, err, c.manifest)
			}
			said := bus.said()
			for _, line := range c.has {
				if !slices.Contains(said, line) {
					t.Errorf("%q was not said, only %q", line, said)
				}
			}
			for _, line := range c.not {
				if slices.Contains(said, line) {
					t.Errorf("%q was said", line)
				}
			}
		})
	}
}

func TestRacersPublishOneManifest(t *testing.T) {
	s, bus := newService(t, domain.Plan{})
	all := acts(t, s)
	var group sync.WaitGroup
	for range 4 {
		for _, act := range []string{"rendered", "moderated", "approves"} {
			group.Go(all[act])
		}
	}
	group.Wait()
	var published []time.Time
	for _, e := range bus.events {
		if step, ok := e.Payload.(domain.ClipStep); ok && step.Step == domain.StepPublished && !slices.Contains(published, step.At) {
			published = append(published, step.At)
		}
	}
	var manifest domain.Manifest
	if _, found, err := s.find(t.Context(), record.Manifest(tenant, clipID), &manifest); err != nil || !found || len(published) != 1 {
		t.Errorf("manifest found %v (%v), published at %v", found, err, published)
	}
}

func TestACutStartsFinishingAndModerationSideBySide(t *testing.T) {
	s, _ := newService(t, domain.Plan{})
	if err := s.handle(t.Context(), event.Event{Envelope: envelope, Payload: domain.Cut{Clip: clipID, Revision: 1}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range append(s.finishing.(*queued).jobs, s.moderating.(*queued).jobs...) {
		got = append(got, fmt.Sprintf("%s %s %s %s", j.Kind, j.ID, j.Lane, j.Payload))
	}
	want := []string{
		`clip:finish clip:finish/c1/all/1 live {"Tenant":"default","Clip":"c1","Revision":1}`,
		`clip:moderate clip:moderate/c1/all/1 live {"Tenant":"default","Clip":"c1","Revision":1}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("queued %q, want %q", got, want)
	}
}

func TestModeration(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    domain.Plan
		room    room
		verdict domain.Verdict
		reason  string
	}{
		{"nothing found", domain.Plan{Title: "a mug", By: "ann"}, room{heardTo: time.Hour}, domain.VerdictApproved, ""},
		{"a person's title with an absolute term", domain.Plan{Title: "全网最低价", By: "ann", Titled: true}, room{heardTo: time.Hour}, domain.VerdictRejected, `absolute term "全网最低" in the title; absolute term "最低价" in the title`},
		{"a title of liveclip's is cleaned", domain.Plan{Title: "全网最低价 mug"}, room{heardTo: time.Hour}, domain.VerdictApproved, ""},
		{"the text of an opening", domain.Plan{Shots: []domain.Shot{{Kind: domain.ShotTemplate, Fields: map[string]string{"title": "国家级"}}}}, room{heardTo: time.Hour}, domain.VerdictRejected, `absolute term "国家级" in the overlay`},
		{"said with its time", domain.Plan{}, room{heardTo: time.Hour, lines: []domain.TranscriptLine{{Start: 12345 * time.Millisecond, End: 13 * time.Second, Text: "get rich quick"}}}, domain.VerdictNeedsPerson, `investment term "get rich quick" was said at 0:00:12.3`},
		{"what no clip may carry", domain.Plan{}, room{heardTo: time.Hour, lines: []domain.TranscriptLine{{Start: 11 * time.Second, End: 12 * time.Second, Text: "buy heroin"}}}, domain.VerdictRejected, `sensitive term "heroin" was said at 0:00:11.0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newService(t, c.plan)
			s.recording = c.room
			acts(t, s)["moderated"]()
			written, _, err := s.verdict(t.Context(), one)
			got := written.Value
			if err != nil || got.Verdict != c.verdict || got.Reason != c.reason || got.By != byRule {
				t.Errorf("verdict %+v (%v), want %s because %q", got, err, c.verdict, c.reason)
			}
		})
	}
}

func TestAWindowThatWasNotHeardToItsEndIsWaitedForAndThenLeftToAPerson(t *testing.T) {
	s, _ := newService(t, domain.Plan{})
	s.recording = room{heardTo: 15 * time.Second}
	j := job.Job{Payload: []byte(`{"Tenant":"default","Clip":"c1","Revision":1}`), Attempt: 1}
	if err := s.moderate(t.Context(), j); err == nil || err.Error() != "moderate clip c1/1: heard to 0:00:15.0 of 0:00:20.0 only" || !errors.As(err, &job.Later{}) {
		t.Fatalf("moderation gives %v, want to wait", err)
	}
	j.Waited = patience
	if err := s.moderate(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	got, _, _ := s.verdict(t.Context(), one)
	want := []domain.Finding{{List: notHeard, Where: inTranscript, At: 15 * time.Second, Severity: wordlist.Person}}
	if got.Value.Verdict != domain.VerdictNeedsPerson || got.Value.Reason != "what was said after 0:00:15.0 was not heard" || !slices.Equal(got.Value.Findings, want) {
		t.Errorf("verdict %+v, want one for a person with %+v", got.Value, want)
	}
}

func TestARoomThatEndedEarlyWasHeardWholeWhenItsClipWas(t *testing.T) {
	s, _ := newService(t, domain.Plan{})
	s.recording = room{heardTo: 15 * time.Second}
	c, err := s.load(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	ended := domain.Rendered{Clip: clipID, Revision: 1, Hash: "h1", Window: domain.Window{Start: 10 * time.Second, End: 15200 * time.Millisecond}}
	if err := s.keepRendered(t.Context(), c, ended); err != nil {
		t.Fatal(err)
	}
	acts(t, s)["moderated"]()
	if got, _, _ := s.verdict(t.Context(), one); got.Value.Verdict != domain.VerdictApproved || len(got.Value.Findings) > 0 {
		t.Errorf("verdict %+v, want approved with no finding", got.Value)
	}
}

func TestANoticedClipShorterThanItsRulesWantIsLeftToAPerson(t *testing.T) {
	for name, c := range map[string]struct {
		plan domain.Plan
		want domain.Decided
	}{
		"noticed":     {domain.Plan{Shortest: 6 * time.Second}, domain.Decided{Verdict: domain.VerdictNeedsPerson, Reason: domain.TooShort}},
		"long enough": {domain.Plan{Shortest: 3 * time.Second}, domain.Decided{Verdict: domain.VerdictApproved}},
		"asked for":   {domain.Plan{By: "ann"}, domain.Decided{Verdict: domain.VerdictApproved}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newService(t, c.plan)
			s.recording = room{heardTo: 13 * time.Second}
			of, err := s.load(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			ended := domain.Rendered{Clip: clipID, Revision: 1, Hash: "h1", Window: domain.Window{Start: 10 * time.Second, End: 13 * time.Second}, ClippedTo: domain.ClippedToEnd}
			if err := s.keepRendered(t.Context(), of, ended); err != nil {
				t.Fatal(err)
			}
			acts(t, s)["moderated"]()
			got, _, _ := s.verdict(t.Context(), one)
			if got.Value.Verdict != c.want.Verdict || got.Value.Reason != c.want.Reason {
				t.Errorf("verdict %+v, want %s because %q", got.Value, c.want.Verdict, c.want.Reason)
			}
		})
	}
}

func TestWhatCannotBeHeardIsLeftToAPerson(t *testing.T) {
	s, bus := newService(t, domain.Plan{})
	s.recording = room{err: errors.New("store away")}
	j := job.Job{ID: "j", Payload: []byte(`{"Tenant":"default","Clip":"c1","Revision":1}`)}
	err := s.moderate(t.Context(), j)
	if err == nil || domain.IsPermanent(err) {
		t.Fatalf("moderation gives %v, want an error worth a retry", err)
	}
	s.moderateFailed(t.Context(), j, err)
	written, _, _ := s.verdict(t.Context(), one)
	got := written.Value
	if got.Verdict != domain.VerdictNeedsPerson || !strings.Contains(got.Reason, "store away") || !slices.Contains(bus.said(), "decided needs_person by rule") {
		t.Errorf("verdict %+v, said %q", got, bus.said())
	}
}

func TestAClipThatCannotBeFinishedSaysWhy(t *testing.T) {
	s, bus := newService(t, domain.Plan{})
	s.finishFailed(t.Context(), job.Job{Payload: []byte(`{"Tenant":"default","Clip":"c1","Revision":1}`)}, errors.New("nothing was recorded"))
	step, ok := bus.events[0].Payload.(domain.ClipStep)
	if !ok || step.Step != domain.StepFailed || step.Note != "could not be finished: nothing was recorded" {
		t.Errorf("said %+v", bus.events)
	}
}
