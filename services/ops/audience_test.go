package ops

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

func TestAudienceSignalsGetMediaTimeAndLosePeoplesNames(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	signals := r.listen(event.AudienceSignal)
	r.wait(time.Until(started.Add(101 * time.Second))) // however long that took, the recording does not stand still

	got := r.operator("POST", "/v1/streams/room1/audience", `[
		{"id":"m1","kind":"comment","text":"抢到了！","user":"张三","at":"`+started.Add(95*time.Second).Format(time.RFC3339Nano)+`"},
		{"kind":"order","count":"3","item":{"id":"p1","name":"口红","price":"¥99"},"at_s":42.5}
	]`)
	if got.status != http.StatusOK || got.json()["accepted"] != 2.0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	comment := r.next(signals)
	first := comment.Payload.(domain.AudienceSignal)
	if d := (first.At - 95*time.Second).Abs(); d > 50*time.Millisecond {
		t.Errorf("the comment is at %s, want 95 s", first.At)
	}
	equal(t, "comment", first, domain.AudienceSignal{
		ID: "m1", Kind: domain.SignalComment, At: first.At, Sent: first.Sent, Text: "抢到了！", User: r.s.users.of(room.Tenant, "张三"), Count: 1,
	})
	if encoded, _ := event.Encode(comment); strings.Contains(string(encoded), "张三") {
		t.Error("the name left the door")
	}
	if comment.Broadcast != "b1" || comment.At != first.At {
		t.Errorf("envelope %+v", comment.Envelope)
	}
	order := r.next(signals).Payload.(domain.AudienceSignal)
	equal(t, "order", order, domain.AudienceSignal{
		ID: order.ID, Kind: domain.SignalOrder, At: 42500 * time.Millisecond, Sent: order.Sent, Count: 3,
		Item: domain.Product{ID: "p1", Name: "口红", Price: "¥99"},
	})
}

func TestRepeatedAndUselessSignalsAreDroppedAndCounted(t *testing.T) {
	r := newRig(t)
	started := r.onAir(100 * time.Second)
	body := `[
		{"id":"m1","kind":"comment","text":"a"},
		{"id":"m1","kind":"comment","text":"a"},
		{"kind":"wave","text":"a"},
		{"kind":"comment","text":"` + strings.Repeat("长", 501) + `"},
		{"kind":"comment","at":"` + started.Add(-time.Hour).Format(time.RFC3339) + `"},
		{"kind":"comment","at":"` + started.Add(time.Hour).Format(time.RFC3339) + `"},
		{"kind":"like","count":-5}
	]`
	want := map[string]any{"accepted": 1.0, "dropped": 6.0, "reasons": map[string]any{
		dropDuplicate: 1.0, dropKind: 1.0, dropText: 1.0, dropBefore: 1.0, dropFuture: 1.0, dropCount: 1.0,
	}}
	equal(t, "answer", r.operator("POST", "/v1/streams/room1/audience", body).json(), want)
	want["accepted"], want["dropped"] = 0.0, 7.0
	want["reasons"].(map[string]any)[dropDuplicate] = 2.0
	equal(t, "answer to the same again", r.operator("POST", "/v1/streams/room1/audience", body).json(), want)

	many := "[" + strings.TrimSuffix(strings.Repeat(`{"kind":"like"},`, 1001), ",") + "]"
	if got := r.operator("POST", "/v1/streams/room1/audience", many); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.detail(), "1000") {
		t.Errorf("1001 signals: %d %s", got.status, got.body)
	}
}

func TestASignalCountsAsSeenOnceItWasToldAndNotBefore(t *testing.T) {
	r := newRig(t)
	unseen := func(want ...string) {
		t.Helper()
		fresh, err := r.s.filterRepeats(t.Context(), room, []domain.AudienceSignal{{ID: "a"}, {ID: "b"}, {ID: "a"}})
		var got []string
		for _, signal := range fresh {
			got = append(got, signal.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("unseen are %q, %v, want %q", got, err, want)
		}
	}
	unseen("a", "b")
	unseen("a", "b") // whoever looked was killed before it told them
	r.s.markSeen(t.Context(), room, []domain.AudienceSignal{{ID: "a"}})
	unseen("b")
}

func FuzzAudienceSignalIsBoundedOrDropped(f *testing.F) {
	f.Add(`{"kind":"comment","text":"hi","user":"u","at_s":3}`)
	f.Add(`{"kind":"like","count":"9223372036854775807","at":"0001-01-01T00:00:00Z"}`)
	f.Add(`{"kind":"order","at_s":"NaN","item":{"name":"x"}}`)
	f.Add(`{"kind":"gift","at":"9999-12-31T23:59:59Z"}`)
	s := &Service{users: userHash{[]byte("key")}}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := view.Broadcast{ID: "b1", RecordedTo: time.Minute, MovedAt: now}
	f.Fuzz(func(t *testing.T, body string) {
		var m opsv1.AudienceSignal
		if protojson.Unmarshal([]byte(body), &m) != nil {
			return
		}
		signal, why := s.readSignal("default", b, &m, now)
		if why != "" {
			return
		}
		if !signalKinds[signal.Kind] || signal.At < 0 || signal.At > time.Minute+maxEarly || signal.Count < 0 || len([]rune(signal.Text)) > maxComment {
			t.Errorf("%s was taken as %+v", body, signal)
		}
		if m.User != "" && strings.Contains(signal.User, m.User) && len(m.User) > 8 {
			t.Errorf("the user %q is in the hash %q", m.User, signal.User)
		}
		if _, err := json.Marshal(signal); err != nil || math.IsNaN(signal.At.Seconds()) {
			t.Errorf("%+v: %v", signal, err)
		}
	})
}
