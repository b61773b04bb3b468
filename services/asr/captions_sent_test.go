package asr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/recording"
	"liveclip/internal/wording"
	recordingv1 "liveclip/proto/recording/v1"
)

// desk is a captioned broadcast without a recorder.
type desk struct {
	*captions
	at time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	writer, err := wording.New()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{at: time.Unix(1000, 0)}
	spool, err := recording.Create(recording.WriterConfig{Folder: t.TempDir(), Ref: ref("a"), Broadcast: "b", Epoch: 1}, nil, embeddedtest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &broadcast{broadcastIdentity: broadcastIdentity{id: "b", live: true}, now: func() time.Time { return d.at }, wake: make(chan struct{}, 1),
		partial: map[string]event.Event{}, sequence: map[event.Topic]int64{}, writer: spool, log: embeddedtest.Log(t)}
	d.captions = &captions{broadcast: b, writer: writer, names: func() []string { return nil }, wait: 6 * time.Second, behind: 10 * time.Second, withinTo: endless, sent: newSentLines()}
	return d
}

// record adds to the recording, now.
func (d *desk) record(to time.Duration) {
	d.broadcast.recordedTo, d.broadcast.lastPart = to, d.at
}

func lineSent(id string, start, end time.Duration, text string) *recordingv1.SentLine {
	return &recordingv1.SentLine{Line: &recordingv1.Line{Id: id, Start: int64(start), End: int64(end), Text: text}}
}

func partial(l *recordingv1.SentLine, revision int64) *recordingv1.SentLine {
	l.Partial, l.Line.Revision = true, revision
	return l
}

// send gives why each line was dropped.
func (d *desk) send(t *testing.T, heardTo time.Duration, lines ...*recordingv1.SentLine) []string {
	t.Helper()
	dropped, _, err := d.acceptLines(lines, heardTo)
	if err != nil {
		t.Fatal(err)
	}
	return dropped
}

// tells gives the lines that wait to be published: whether each is final, its revision, its text.
func (d *desk) tells() (told []string) {
	tell := func(e event.Event) {
		l := e.Payload.(domain.TranscriptLine)
		told = append(told, fmt.Sprintf("%v %d %q", l.Final, l.Revision, l.Text))
	}
	for _, e := range d.broadcast.lines {
		tell(e)
	}
	for _, e := range d.broadcast.partial {
		tell(e)
	}
	d.broadcast.lines = nil
	clear(d.broadcast.partial)
	return told
}

func TestSentLinesAreRevisedThenFinalAndRepeatsChangeNothing(t *testing.T) {
	d := newDesk(t)
	d.record(10 * time.Second)
	first := partial(lineSent("a", 8*time.Second, 9*time.Second, "全場"), 1)
	for i, c := range []struct {
		line    *recordingv1.SentLine
		dropped string
		told    []string
	}{
		{first, "", []string{`false 0 "全场"`}},
		{first, dropRevision, nil},
		{partial(lineSent("a", 8*time.Second, 9*time.Second, "全場五折"), 3), "", []string{`false 1 "全场5折"`}},
		{partial(lineSent("a", 8*time.Second, 9*time.Second, "全場"), 2), dropRevision, nil},
		{lineSent("a", 8*time.Second, 9*time.Second, "全場五折!"), "", []string{`true 2 "全场5折！"`}},
		{lineSent("a", 8*time.Second, 9*time.Second, "全場五折!"), dropDuplicate, nil},
		{lineSent("a", 8*time.Second, 9*time.Second, "something else"), dropFinal, nil},
		{partial(lineSent("a", 8*time.Second, 9*time.Second, "late"), 9), dropFinal, nil},
		{lineSent("b", 7*time.Second, 8*time.Second, "before, and overlapping"), "", []string{`true 0 "Before, and overlapping"`}},
		{lineSent("c", 5*time.Hour, 5*time.Hour+1, "tomorrow"), dropFuture, nil},
	} {
		if got := d.send(t, 0, c.line); got[0] != c.dropped {
			t.Errorf("%d: dropped %q, want %q", i, got[0], c.dropped)
		}
		if got := d.tells(); !slices.Equal(got, c.told) {
			t.Errorf("%d: told %q, want %q", i, got, c.told)
		}
	}
}

func TestHearingWaitsForSentLinesAsLongAsTheirSenderNeeds(t *testing.T) {
	d := newDesk(t)
	is := func(what string, want time.Duration) {
		t.Helper()
		if got := d.heardTo(); got != want {
			t.Errorf("%s: heard to %v, want %v", what, got, want)
		}
	}
	d.record(20 * time.Second)
	is("of a sender that has not spoken", 14*time.Second)
	if got := d.send(t, 0, lineSent("a", 11*time.Second, 13*time.Second, "x")); got[0] != dropLate {
		t.Errorf("a line that ends before: %q", got)
	}
	d.send(t, 0, partial(lineSent("b", 15*time.Second, 16*time.Second, "x"), 0))
	d.record(22 * time.Second)
	is("while a line is open", 15*time.Second)
	d.send(t, 0, lineSent("b", 15*time.Second, 16*time.Second, "x"))
	is("once it is final", 16*time.Second)
	d.send(t, 21*time.Second)
	is("as far as the sender says", 21*time.Second)
	d.record(30 * time.Second)
	is("of a sender that says how far it is, and was last here a while ago", 21*time.Second)
	d.record(40 * time.Second)
	is("and longer ago than is waited for", 30*time.Second)
	d.at = d.at.Add(4 * time.Second)
	is("when the recording stood still for 4 s", 34*time.Second)
	d.at = d.at.Add(time.Minute)
	is("and for good", 40*time.Second)
	if !d.isDrained() {
		t.Error("it is still waited")
	}
	if h := d.health(d.at); h != domain.HealthMissing {
		t.Errorf("a sender that is gone is %v", h)
	}
}

func TestAPartialLineThatNobodyEndsIsTakenBack(t *testing.T) {
	d := newDesk(t)
	d.record(10 * time.Second)
	d.send(t, 0, partial(lineSent("a", 9*time.Second, 10*time.Second, "the last"), 0))
	d.tells()
	d.record(time.Minute)
	if got := d.heardTo(); got != 54*time.Second {
		t.Errorf("heard to %v", got)
	}
	if got := d.tells(); !slices.Equal(got, []string{`true 1 ""`}) {
		t.Errorf("told %q", got)
	}
	var many []*recordingv1.SentLine
	for i := range maxOpenLines + 1 {
		many = append(many, partial(lineSent(fmt.Sprint(i), 58*time.Second, 59*time.Second, "x"), 0))
	}
	if got := d.send(t, 0, many...); got[maxOpenLines-1] != "" || got[maxOpenLines] != dropOpen {
		t.Errorf("dropped %q", got[maxOpenLines-1:])
	}
	d.close()
	if got := d.tells(); len(got) != maxOpenLines {
		t.Errorf("%d lines are taken back at the end", len(got))
	}
	if _, _, err := d.acceptLines(nil, 0); status.Code(err) != codes.NotFound {
		t.Errorf("after the end: %v", err)
	}
}

func TestARepeatOfWhatWasSentBeforeARestartIsOne(t *testing.T) {
	d := newDesk(t)
	d.record(10 * time.Second)
	d.send(t, 0, lineSent("a", 8*time.Second, 9*time.Second, "全場五折"))
	told := d.broadcast.lines[0].Payload.(domain.TranscriptLine)
	again := newDesk(t)
	again.record(10 * time.Second)
	again.rememberFinal(told)
	if got := again.send(t, 0, lineSent("a", 8*time.Second, 9*time.Second, "全場五折"), lineSent("b", 8*time.Second, 9*time.Second, "more")); !slices.Equal(got, []string{dropDuplicate, ""}) {
		t.Errorf("dropped %q", got)
	}
}

func TestLinesThatAreSentForARoomGoTheWayOfLinesHeard(t *testing.T) {
	s := newGround(t).start(nil)
	s.attach(domain.StreamState{Ref: ref("a"), Source: domain.SourcePush, Context: domain.Context{Engine: "captions"}})
	s.attach(domain.StreamState{Ref: ref("b"), Source: domain.SourcePush, Context: domain.Context{Engine: engineNone}})
	s.push(s.url("a", s.keys.PushKey(ref("a"))), 4, "x")
	s.push(s.url("b", s.keys.PushKey(ref("b"))), 3, "x")
	events := s.await("both on air", func(events []event.Event) bool {
		return recordedTo("a", time.Second)(events) && recordedTo("b", time.Second)(events)
	})
	send := func(id string, lines ...*recordingv1.SentLine) ([]string, error) {
		i := slices.IndexFunc(events, func(e event.Event) bool { return e.Stream == domain.StreamID(id) && e.Broadcast != "" })
		reply, err := s.service.lineServer.TakeLines(t.Context(), &recordingv1.TakeLinesRequest{Tenant: "default", Stream: id, Broadcast: string(events[i].Broadcast), Lines: lines})
		return reply.GetDropped(), err
	}
	line := lineSent("1", 500*time.Millisecond, 1200*time.Millisecond, "只要九十九块九")
	line.Line.Words = []*recordingv1.Word{{Text: "只要", Start: 5e8, End: 7e8}, {Text: "九十九", Start: 7e8, End: 9e8, Confidence: 0.5}, {Text: "块九", Start: 9e8, End: 12e8}}
	for _, want := range []string{"", dropDuplicate} {
		if got, err := send("a", line); err != nil || got[0] != want {
			t.Errorf("dropped %q, %v", got, err)
		}
	}
	if _, err := send("b", line); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), engineNone) {
		t.Errorf("a room that nobody hears: %v", err)
	}
	if _, err := s.service.lineServer.TakeLines(t.Context(), &recordingv1.TakeLinesRequest{Tenant: "default", Stream: "a", Broadcast: "another"}); status.Code(err) != codes.NotFound {
		t.Errorf("another broadcast: %v", err)
	}
	events = s.await("a closed", closedOf("a"))
	lines := said(events, "a")
	if len(lines) != 1 {
		t.Fatalf("lines %+v", lines)
	}
	want := domain.TranscriptLine{ID: lines[0].ID, Final: true, Start: 500 * time.Millisecond, End: 1200 * time.Millisecond, Text: "只要¥99.9", Heard: "只要九十九块九",
		Words: lines[0].Words, Engine: "captions", Language: "zh"}
	if got := lines[0]; got.Text != want.Text || got.Heard != want.Heard || got.Start != want.Start || got.End != want.End || got.Engine != want.Engine || got.Language != "zh" || wording.Join(got.Words) != want.Text {
		t.Errorf("line %+v", got)
	}
	holdsPromise(t, events, "a")
}
