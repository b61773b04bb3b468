package detect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/roomlog"
)

func all(entries []roomlog.Entry) iter.Seq2[roomlog.Entry, error] {
	return func(yield func(roomlog.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// evening is twenty minutes of a room: talk, what sells, said louder, and comments that follow it by eleven seconds. Lines and
// comments come with the delays they have in a live room, and sound is measured two seconds behind the picture.
func evening() (events []event.Event) {
	random := rand.New(rand.NewPCG(7, 7))
	put := func(at float64, e event.Event) {
		e.At = seconds(at)
		events = append(events, e)
	}
	for s := 4.; s < 1195; s += 5 {
		text := "this one is made of soft cotton"
		if int(s)%120 == 64 {
			text = "only ten left in stock hurry up"
			for i := range 40 {
				c := comment(s+15+random.ExpFloat64()*4, fmt.Sprint("buyer", i))
				c.Text = []string{"bought it", "i want two", "so cheap", "抢到了"}[i%4]
				put(c.At.Seconds()+random.Float64()*0.4, of(c, 0, c.At))
			}
		}
		put(s+4+0.3+random.Float64()*0.4, lineEvent(said(s, s+4, text), 1))
	}
	for i := range 1200 {
		c := comment(float64(i)+random.Float64(), fmt.Sprint("viewer", random.IntN(300)))
		c.ID = fmt.Sprint("c", i)
		put(c.At.Seconds()+random.Float64()*0.4, of(c, 0, c.At))
	}
	for s := range 1200 {
		lufs := -24 + 0.1*float64(s%7)
		if at := s % 120; at >= 64 && at < 68 {
			lufs += 6
		}
		put(float64(s)+2.1, of(level(s, lufs), 1, seconds(float64(s))))
		put(float64(s)+1.15, of(domain.StreamProgress{HeardTo: seconds(float64(s) - 6), RecordedTo: seconds(float64(s) + 1), Unmeasured: 2 * time.Second, By: "asr"}, 1, 0))
	}
	put(1202, of(domain.StreamProgress{HeardTo: seconds(1200), RecordedTo: seconds(1200), Closed: true, By: "asr"}, 1, 0))
	slices.SortStableFunc(events, func(a, b event.Event) int { return int(a.At - b.At) })
	for i := range events {
		events[i].Wall = wall.Add(events[i].At)
		if events[i].ID == "" || strings.HasPrefix(events[i].ID, "domain.") {
			events[i].ID = fmt.Sprint("e", i)
		}
	}
	return events
}

// archivedEvening is the same room from an archive: its comments and all its sound first, in stretches as long as they like to
// be, then every line, and marks that run as fast as they like.
func archivedEvening(live []event.Event) (events []event.Event) {
	var rest []event.Event
	sound := of(domain.SoundMeasured{Step: 100 * time.Millisecond}, 1, 0)
	for _, e := range live {
		e.Lane = domain.LaneBatch
		switch p := e.Payload.(type) {
		case domain.AudienceSignal:
			events = append(events, e)
		case domain.SoundMeasured:
			m := sound.Payload.(domain.SoundMeasured)
			m.Momentary = append(slices.Clone(m.Momentary), p.Momentary...)
			sound.Payload = m
			if len(m.Momentary) == 1330 {
				sound.ID, sound.Lane = fmt.Sprint("sound", m.Start), e.Lane
				events = append(events, sound)
				sound.Payload = domain.SoundMeasured{Start: p.Start + time.Second, Step: m.Step}
			}
		case domain.StreamProgress:
			if p.Closed {
				sound.Lane = e.Lane
				rest = append([]event.Event{sound}, rest...)
				rest = append(rest, e)
			}
		default:
			rest = append(rest, e)
			if line, ok := e.Payload.(domain.TranscriptLine); ok {
				mark := e
				mark.ID, mark.Payload = "m"+e.ID, domain.StreamProgress{HeardTo: line.End, RecordedTo: seconds(1200), By: "asr"}
				rest = append(rest, mark)
			}
		}
	}
	return append(events, rest...)
}

func windows(hs []domain.Highlight) []string {
	var out []string
	for _, h := range hs {
		text, _ := json.Marshal(h.Features)
		out = append(out, fmt.Sprintf("%s %s %.6f %v %s", h.Kind, h.ID, h.Score, h.Window, text))
	}
	return out
}

func TestTheSameRecordingLiveFromAnArchiveAndReplayedGivesTheSameHighlights(t *testing.T) {
	live := evening()
	play := func(events []event.Event, store blob.Store) []domain.Highlight {
		out := &outbox{}
		p, _ := openPartition(t, store, out)
		handle(t, p, events...)
		if err := p.Keep(t.Context(), bus.Offsets{}); err != nil {
			t.Fatal(err)
		}
		return out.highlights()
	}
	store := fileStore(t, t.TempDir())
	found := play(live, store)
	want := windows(found)
	var ids []domain.HighlightID
	for _, h := range found {
		ids = append(ids, h.ID)
	}
	if len(want) < 8 {
		t.Fatalf("live: got %v", want)
	}
	if got := windows(play(archivedEvening(live), fileStore(t, t.TempDir()))); !reflect.DeepEqual(got, want) {
		t.Errorf("archived: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	ref := domain.Ref{Tenant: "t", Stream: "s"}
	report, err := Replay(t.Context(), builtIn(t), ReadLog(t.Context(), store, ref, broadcast))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Highlights) != len(want) {
		t.Fatalf("replayed: got %v", windows(report.Highlights))
	}
	for i, h := range report.Highlights {
		if h.ID = ids[i]; windows([]domain.Highlight{h})[0] != want[i] { // a log does not know its broadcast's ID
			t.Errorf("replayed: got %s, want %s", windows([]domain.Highlight{h})[0], want[i])
		}
	}
	if lag := report.Lag; lag < 9*time.Second || lag > 13*time.Second {
		t.Errorf("comments follow by %s", lag)
	}
}

func TestLinesThatComeLateAreReplayedWhereTheyCame(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var events []event.Event
	for _, e := range evening() {
		switch p := e.Payload.(type) {
		case domain.TranscriptLine:
			e.At = p.End + time.Duration(random.Int64N(int64(14*time.Second))) // a recogniser that lags
		case domain.AudienceSignal:
			e.At = p.At + time.Duration(random.Int64N(int64(3*time.Second)))
		case domain.StreamProgress:
			for ; !p.Closed && p.RecordedTo > e.At-seconds(1.1); p.RecordedTo -= 200 * time.Millisecond {
				mark := e
				mark.ID, mark.At, mark.Payload = fmt.Sprint(e.ID, p.RecordedTo), p.RecordedTo+150*time.Millisecond, p
				events = append(events, mark)
			}
			if !p.Closed {
				continue
			}
			e.At += time.Minute
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b event.Event) int { return int(a.At - b.At) })
	store, out := fileStore(t, t.TempDir()), &outbox{}
	p, _ := openPartition(t, store, out)
	handle(t, p, events...)
	if err := p.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	report, err := Replay(t.Context(), builtIn(t), ReadLog(t.Context(), store, domain.Ref{Tenant: "t", Stream: "s"}, broadcast))
	if err != nil {
		t.Fatal(err)
	}
	live := out.highlights()
	for i := range live {
		live[i].ID = ""
	}
	for i := range report.Highlights {
		report.Highlights[i].ID = ""
	}
	if got, want := windows(report.Highlights), windows(live); len(want) < 8 || !reflect.DeepEqual(got, want) {
		t.Errorf("replayed: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOfABroadcastThatWasNotLoggedThereIsNoLog(t *testing.T) {
	store := fileStore(t, t.TempDir())
	ref := domain.Ref{Tenant: "t", Stream: "s"}
	if _, err := Replay(t.Context(), builtIn(t), ReadLog(t.Context(), store, ref, "b9")); !errors.Is(err, ErrNoLog) {
		t.Errorf("got %v", err)
	}
	if _, err := NewestLog(t.Context(), store, ref); !errors.Is(err, ErrNoLog) {
		t.Errorf("got %v", err)
	}
}

func TestTheLogOfABroadcastOutlivesItsWriter(t *testing.T) {
	store := fileStore(t, t.TempDir())
	events := evening()
	first, _ := openPartition(t, store, &outbox{})
	handle(t, first, events[:1500]...)
	if err := first.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	handle(t, first, events[1500:1700]...) // told again to the next one
	second, _ := openPartition(t, store, &outbox{})
	handle(t, second, events[1500:]...)
	if err := second.Keep(t.Context(), bus.Offsets{}); err != nil {
		t.Fatal(err)
	}
	ref := domain.Ref{Tenant: "t", Stream: "s"}
	found, err := NewestLog(t.Context(), store, ref)
	if err != nil || found != broadcast {
		t.Fatalf("got %q, %v", found, err)
	}
	lines, closed := map[string]bool{}, false
	for e, err := range ReadLog(t.Context(), store, ref, found) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Line != nil {
			lines[e.Line.ID] = true
		}
		closed = closed || e.Progress != nil && e.Progress.Closed
	}
	if len(lines) != 239 || !closed {
		t.Errorf("%d lines are logged, closed %v", len(lines), closed)
	}
}

func TestThePageSaysWhatFiredWhatNearlyDidAndWhatItLacked(t *testing.T) {
	entries := []roomlog.Entry{
		{At: seconds(23), Line: &domain.TranscriptLine{ID: "1", Final: true, Start: seconds(20), End: seconds(23), Text: "flash sale <script>alert(1)</script>"}},
		{At: seconds(103), Line: &domain.TranscriptLine{ID: "2", Final: true, Start: seconds(100), End: seconds(103), Text: "there is a free gift"}},
	}
	rules := builtIn(t)
	report, err := Replay(t.Context(), rules, roomlog.Marked(all(entries)))
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := Explain(&page, "room-1 <b>", rules, report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"flash sale: &#34;flash sale", "限时抢购", "0:00:19.0", "needs 50", "需要 50", "any one of these would have done", "comment burst", "<svg", "room-1 &lt;b&gt;"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
}

func TestTheHoursBudgetKeepsTheBest(t *testing.T) {
	rules := withRules(t, "budget: {per_hour: 4, free: 0.5, best: 0.99}\n")
	r := newRoom(t)
	r.rules = rules
	var decisions []decision
	for i := range 12 {
		text := "flash sale"
		if i == 8 {
			text = "flash sale fifty percent off only ten left in stock"
		}
		r.say(said(float64(60+i*100), float64(64+i*100), text))
	}
	decisions = r.finish(0)
	outcomes := map[outcome]int{}
	best := false
	for _, d := range decisions {
		outcomes[d.Outcome]++
		best = best || d.Outcome == outcomeFired && d.Highlight.Window.Start >= seconds(850) && d.Highlight.Window.Start < seconds(870)
	}
	if outcomes[outcomeFired] != 4 || !best {
		t.Errorf("got %v, the best of them fired: %v", outcomes, best)
	}
}
