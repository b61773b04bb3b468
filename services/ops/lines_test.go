package ops

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
	recordingv1 "liveclip/proto/recording/v1"
)

// scribe takes lines as an asr process would.
type scribe struct {
	recordingv1.UnimplementedHearingServer
	mu    sync.Mutex
	asked []*recordingv1.TakeLinesRequest
	say   func(*recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error)
}

func (o *scribe) TakeLines(_ context.Context, r *recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, r)
	return o.say(r)
}

// answers changes what it says from now on.
func (o *scribe) answers(say func(*recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say = say
}

// owned has room1 owned by a process that takes lines.
func (r *rig) owned() *scribe {
	r.t.Helper()
	o := &scribe{say: func(q *recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
		return &recordingv1.TakeLinesReply{Dropped: make([]string, len(q.Lines)), HeardTo: int64(90 * time.Second)}, nil
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	server := grpc.NewServer()
	recordingv1.RegisterHearingServer(server, o)
	go func() { _ = server.Serve(listener) }()
	r.t.Cleanup(server.Stop)
	if _, err := r.leases.Take(r.t.Context(), room, "asr", listener.Addr().String()); err != nil {
		r.t.Fatal(err)
	}
	return o
}

func TestSentLinesReachTheOwnerInMediaTime(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	o := r.owned()
	at := func(d time.Duration) string { return started.Add(d).Format(time.RFC3339Nano) }
	o.answers(func(q *recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
		return &recordingv1.TakeLinesReply{Dropped: []string{"", "duplicate"}, HeardTo: int64(90 * time.Second)}, nil
	})
	got := r.operator("POST", "/v1/streams/room1/lines", `{"heard_to_s": 97.5, "lines": [
		{"id":"1","start_s":95.5,"end_s":97.25,"words":[{"text":"只要","start_s":0,"end_s":0.5},{"text":"九十九","start_s":0.5,"end_s":1.75,"confidence":0.9}],"partial":true,"revision":2},
		{"id":"x","start_s":3,"end_s":2,"text":"backwards"},
		{"start_at":"`+at(95*time.Second)+`","end_at":"`+at(96*time.Second)+`","text":" hello "}
	]}`)
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var reply opsv1.SendLinesReply
	if err := protojson.Unmarshal([]byte(got.body), &reply); err != nil {
		t.Fatal(err)
	}
	want := &opsv1.SendLinesReply{Accepted: 1, HeardToS: 90, Dropped: []*opsv1.DroppedLine{
		{Line: 1, Id: "x", Reason: dropBackwards, Chinese: "结束早于开始"}, {Line: 2, Reason: "duplicate", Chinese: "重复"}}}
	if !proto.Equal(&reply, want) {
		t.Errorf("answer %v", &reply)
	}
	asked := o.asked[0]
	wall := asked.Lines[1]
	if d := (time.Duration(wall.Line.Start) - 95*time.Second).Abs(); d > 50*time.Millisecond || wall.Line.Id == "" || wall.Line.Text != "hello" {
		t.Errorf("the line by the wall clock is %v", wall)
	}
	first := &recordingv1.SentLine{Partial: true, Line: &recordingv1.Line{Id: "1", Start: 95.5e9, End: 97.25e9, Text: "只要九十九", Revision: 2, Words: []*recordingv1.Word{
		{Text: "只要", Start: 95.5e9, End: 96e9}, {Text: "九十九", Start: 96e9, End: 97.25e9, Confidence: 0.9}}}}
	wantAsked := &recordingv1.TakeLinesRequest{Tenant: "default", Stream: "room1", Broadcast: "b1", HeardTo: 97.5e9, Lines: []*recordingv1.SentLine{first, wall}}
	if !proto.Equal(asked, wantAsked) {
		t.Errorf("asked %v", asked)
	}
	r.operator("POST", "/v1/streams/room1/lines", `{"lines": [{"start_at":"`+at(95*time.Second)+`","end_at":"`+at(96*time.Second)+`","text":"hello"}]}`)
	if again := o.asked[1].Lines[0]; again.Line.Id != wall.Line.Id {
		t.Error("the same again has another id")
	}
}

func TestWhoMayNotSendLinesIsToldWhy(t *testing.T) {
	r := newRig(t)
	line := `{"lines":[{"start_s":1,"end_s":2,"text":"x"}]}`
	is := func(what string, got reply, status int, detail ...string) {
		t.Helper()
		if got.status != status || slices.ContainsFunc(detail, func(d string) bool { return !strings.Contains(got.body, d) }) {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	is("an unknown stream", r.operator("POST", "/v1/streams/none/lines", line), http.StatusNotFound)
	r.onAir(100 * time.Second)
	is("a viewer", r.call(viewerToken, "POST", "/v1/streams/room1/lines", line), http.StatusForbidden)
	is("no owner", r.operator("POST", "/v1/streams/room1/lines", line), http.StatusServiceUnavailable, "again", "重发")
	o := r.owned()
	many := `{"lines":[` + strings.TrimSuffix(strings.Repeat(`{"text":"x"},`, 501), ",") + `]}`
	is("501 lines", r.operator("POST", "/v1/streams/room1/lines", many), http.StatusRequestEntityTooLarge, "500")
	is("heard to tomorrow", r.operator("POST", "/v1/streams/room1/lines", `{"heard_to_s":86400}`), http.StatusUnprocessableEntity, "heard_to")
	o.answers(func(*recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
		return nil, status.Error(codes.FailedPrecondition, "its engine is mandarin")
	})
	is("a room that is heard", r.operator("POST", "/v1/streams/room1/lines", line), http.StatusConflict, "its engine is mandarin", "--engine captions", "字幕")
	o.answers(func(*recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
		return nil, status.Error(codes.ResourceExhausted, "too much waits")
	})
	is("a room whose lines wait", r.operator("POST", "/v1/streams/room1/lines", line), http.StatusServiceUnavailable, "too much waits")
}

func TestLinesThatCannotBeAreDroppedEachWithItsReason(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := mediaClock{view.Broadcast{ID: "b1", RecordedTo: time.Minute, MovedAt: now}, now}
	for body, want := range map[string]string{
		`{"start_s":1,"end_s":2,"text":"x"}`:                                         "",
		`{"start_s":1,"end_s":1,"text":"x"}`:                                         "",
		`{"start_s":1,"end_s":2}`:                                                    dropEmpty,
		`{"start_s":1,"end_s":2,"text":"a\u0007b"}`:                                  dropControl,
		`{"start_s":1,"end_s":2,"text":"x","partial":true}`:                          dropPartial,
		`{"start_s":1,"text":"x"}`:                                                   dropTimes,
		`{"start_s":1,"start_at":"2026-03-01T12:00:00Z","end_s":2,"text":"x"}`:       dropTimes,
		`{"start_s":"NaN","end_s":2,"text":"x"}`:                                     dropTimes,
		`{"start_s":-1,"end_s":2,"text":"x"}`:                                        dropBefore,
		`{"start_s":2,"end_s":1,"text":"x"}`:                                         dropBackwards,
		`{"start_s":1,"end_s":32,"text":"x"}`:                                        dropLong,
		`{"start_s":60,"end_s":71,"text":"x"}`:                                       dropFuture,
		`{"start_s":1,"end_s":2,"text":"x","revision":-1}`:                           dropRevision,
		`{"start_s":1,"end_s":2,"text":"` + strings.Repeat("长", 501) + `"}`:          dropText,
		`{"start_s":1,"end_s":2,"text":"x","id":"` + strings.Repeat("i", 129) + `"}`: dropID,
		`{"start_s":1,"end_s":2,"text":"a b","words":[{"text":"a","end_s":0.5},{"text":"c","start_s":0.5,"end_s":1}]}`:     dropSpelling,
		`{"start_s":1,"end_s":2,"text":"a b","words":[{"text":"a","start_s":0.5,"end_s":0.6},{"text":"b","end_s":1}]}`:     dropWords,
		`{"start_s":1,"end_s":2,"text":"A, b!","words":[{"text":"a","end_s":0.5},{"text":"b","start_s":0.5,"end_s":1.2}]}`: "",
		`{"start_s":1,"end_s":2,"words":[{"text":"a","end_s":0.5,"confidence":2}]}`:                                        dropWords,
		`{"start_s":1,"end_s":2,"words":[{"text":" ","end_s":0.5}]}`:                                                       dropEmpty,
	} {
		var m opsv1.SentLine
		if err := protojson.Unmarshal([]byte(body), &m); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if _, why := clock.line(&m); why != want {
			t.Errorf("%s: %q, want %q", body, why, want)
		}
		if want != "" && dropReasonsChinese[want] == "" {
			t.Errorf("%q has no Chinese", want)
		}
	}
}

func FuzzSentLineIsBoundedOrDropped(f *testing.F) {
	f.Add(`{"start_s":1,"end_s":2,"text":"x","words":[{"text":"x","start_s":0,"end_s":1}]}`)
	f.Add(`{"start_at":"0001-01-01T00:00:00Z","end_at":"9999-12-31T23:59:59Z","text":"x"}`)
	f.Add(`{"start_s":"Infinity","end_s":"-Infinity","words":[{"text":"\ufffd","start_s":"NaN"}]}`)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := mediaClock{view.Broadcast{ID: "b1", RecordedTo: time.Minute, MovedAt: now}, now}
	f.Fuzz(func(t *testing.T, body string) {
		var m opsv1.SentLine
		if protojson.Unmarshal([]byte(body), &m) != nil {
			return
		}
		sent, why := clock.line(&m)
		if why != "" {
			return
		}
		l := sent.Line
		if l.Id == "" || l.Text == "" || l.Start < 0 || l.End < l.Start || l.End > int64(time.Minute+maxEarly) {
			t.Errorf("%s was taken as %v", body, l)
		}
		last := l.Start
		for _, w := range l.Words {
			if w.Start < last || w.End < w.Start || w.End > max(l.End, w.Start) {
				t.Errorf("%s was taken as %v", body, l)
			}
			last = w.Start
		}
	})
}
