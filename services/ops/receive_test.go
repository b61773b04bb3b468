package ops

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/proto"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	platformv1 "liveclip/proto/platform/v1"
)

// douyinCallback signs a callback as the platform does; name and value pairs of headers.
func douyinCallback(room, body, secret string, sent time.Time) []string {
	stamp := strconv.FormatInt(sent.UnixMilli(), 10)
	sum := md5.Sum([]byte("x-msg-type=live_comment&x-nonce-str=n&x-roomid=" + room + "&x-timestamp=" + stamp + body + secret))
	return []string{
		"x-msg-type", "live_comment", "x-nonce-str", "n", "x-roomid", room, "x-timestamp", stamp,
		"x-signature", base64.StdEncoding.EncodeToString(sum[:]),
	}
}

func withReceiver(c *Config) {
	c.Receivers = []Receiver{{Name: "shop", Form: formDouyinPush, Secret: "s3cret", Rooms: map[string]string{"268": "room1"}}}
}

func TestAPlatformsCallbackReachesItsRoomOnceAndNamesNobody(t *testing.T) {
	r := newRig(t, withReceiver)
	started := r.onAir(100 * time.Second)
	signals := r.listen(event.AudienceSignal)
	sent := started.Add(90 * time.Second)
	body := `[{"msg_id":"11","sec_openid":"open-id-of-somebody","content":"抢到了","timestamp":` + strconv.FormatInt(sent.UnixMilli(), 10) + `}]`
	headers := douyinCallback("268", body, "s3cret", time.Now())
	for range 2 { // the platform may repeat it
		if got := r.call("", "POST", "/v1/receivers/shop", body, headers...); got.status != http.StatusOK || got.json()["err_no"] != 0.0 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	e := r.next(signals)
	got := e.Payload.(domain.AudienceSignal)
	if d := (got.At - 90*time.Second).Abs(); d > 50*time.Millisecond {
		t.Errorf("the comment is at %s, want 90 s", got.At)
	}
	equal(t, "comment", got, domain.AudienceSignal{
		ID: "douyin-11", Kind: domain.SignalComment, Text: "抢到了", At: got.At, Sent: got.Sent, Count: 1,
		User: r.s.users.of(room.Tenant, "open-id-of-somebody"),
	})
	if text, _ := event.Encode(e); strings.Contains(string(text), "open-id-of-somebody") {
		t.Error("the user's ID left the door")
	}
	if got := r.operator("POST", "/v1/streams/room1/audience", `[{"kind":"like"}]`); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if next := r.next(signals).Payload.(domain.AudienceSignal); next.Kind != domain.SignalLike {
		t.Errorf("the repeat came through: %+v", next)
	}
}

func TestACallbackThatIsNotThePlatformsIsRefused(t *testing.T) {
	r := newRig(t, withReceiver)
	r.onAir(time.Minute)
	body := `[{"msg_id":"11","content":"x"}]`
	for what, headers := range map[string][]string{
		"unsigned":       nil,
		"another secret": douyinCallback("268", body, "guess", time.Now()),
		"an old one":     douyinCallback("268", body, "s3cret", time.Now().Add(-time.Hour)),
	} {
		if got := r.call("", "POST", "/v1/receivers/shop", body, headers...); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	if got := r.call("", "POST", "/v1/receivers/nobody", body); got.status != http.StatusNotFound {
		t.Errorf("an unknown receiver: %d", got.status)
	}
}

func TestACallbackOfNoUseIsAnsweredAllTheSame(t *testing.T) {
	r := newRig(t, withReceiver)
	for what, headers := range map[string][]string{
		"a room nobody attached": douyinCallback("777", `[{"msg_id":"1"}]`, "s3cret", time.Now()),
		"a room off air":         douyinCallback("268", `[{"msg_id":"1"}]`, "s3cret", time.Now()),
	} {
		if got := r.call("", "POST", "/v1/receivers/shop", `[{"msg_id":"1"}]`, headers...); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	if got := r.call("", "POST", "/v1/receivers/shop", `{not json`, douyinCallback("268", `{not json`, "s3cret", time.Now())...); got.status != http.StatusOK {
		t.Errorf("a body that cannot be read: %d %s", got.status, got.body)
	}
}

func TestAFrameOfAWebFeedReachesItsRoomAndIsAcknowledged(t *testing.T) {
	r := newRig(t)
	r.onAir(100 * time.Second)
	signals := r.listen(event.AudienceSignal)
	pack := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	frame := pack(&platformv1.DouyinFrame{LogId: 5, PayloadType: "msg", Payload: pack(&platformv1.DouyinResponse{
		NeedAck: true, InternalExt: "ext",
		Messages: []*platformv1.DouyinMessage{{Method: "WebcastChatMessage", MsgId: 21, Payload: pack(&platformv1.DouyinChat{
			User: &platformv1.DouyinUser{Id: 42}, Content: "多少钱",
		})}},
	})})
	got := r.operator("POST", "/v1/streams/room1/audience/douyin-web", string(frame))
	var ack platformv1.DouyinFrame
	if err := proto.Unmarshal([]byte(got.body), &ack); err != nil || got.status != http.StatusOK || ack.PayloadType != "ack" || ack.LogId != 5 {
		t.Fatalf("%d %q: %v", got.status, got.body, err)
	}
	if got.header.Get("Liveclip-Accepted") != "1" || got.header.Get("Liveclip-Dropped") != "0" {
		t.Errorf("headers %v", got.header)
	}
	if comment := r.next(signals).Payload.(domain.AudienceSignal); comment.Text != "多少钱" || comment.ID != "douyin-21" {
		t.Errorf("%+v", comment)
	}
	for path, want := range map[string]int{
		"/v1/streams/room1/audience/huya-web": http.StatusNotFound, "/v1/streams/nowhere/audience/douyin-web": http.StatusNotFound,
	} {
		if got := r.operator("POST", path, string(frame)); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.operator("POST", "/v1/streams/room1/audience/douyin-web", "\xff\xff\xff"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("garbage: %d %s", got.status, got.body)
	}
	if got := r.call(viewerToken, "POST", "/v1/streams/room1/audience/douyin-web", string(frame)); got.status != http.StatusForbidden {
		t.Errorf("a viewer: %d", got.status)
	}
}

func TestMessagesOfAnothersTopicAreAudienceSignals(t *testing.T) {
	broker := embeddedtest.Broker(t)
	client := &kafka.Client{Addr: kafka.TCP(broker)}
	if _, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: "crm.audience", NumPartitions: 1, ReplicationFactor: 1}},
	}); err != nil {
		t.Fatal(err)
	}
	r := newRigOn(t, broker, func(c *Config) { c.AudienceTopic = "crm.audience" })
	r.onAir(100 * time.Second)
	signals := r.listen(event.AudienceSignal)
	out := &kafka.Writer{Addr: kafka.TCP(broker), Topic: "crm.audience", RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	t.Cleanup(func() { _ = out.Close() })
	// The group reads from its own beginning on: what is written before it has joined is not for it, so it is told again.
	for number := 0; ; number++ {
		id := strconv.Itoa(number)
		if err := out.WriteMessages(t.Context(),
			kafka.Message{Value: []byte(`{not json`)},
			kafka.Message{Value: []byte(`{"stream_id":"nowhere","signals":[{"kind":"like"}]}`)},
			kafka.Message{Value: []byte(`{"stream_id":"room1","signals":[{"id":"` + id + `","kind":"order","count":"2","user":"u"}]}`)},
		); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-signals:
			if got := e.Payload.(domain.AudienceSignal); got.Kind != domain.SignalOrder || got.Count != 2 {
				t.Errorf("%+v", got)
			}
			return
		case <-time.After(500 * time.Millisecond):
			if number == 240 {
				t.Fatal("no signal came of the topic")
			}
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(`{"stream_id":"room1","signals":[{"kind":"like"}]}`))
	f.Add([]byte(`{"tenant":"../x","stream_id":"a/b"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		said, err := readAudienceRecord(value)
		if err != nil {
			if !isCallerFault(err) {
				t.Errorf("%v would be tried for ever", err)
			}
			return
		}
		if _, err := domain.ParseStreamID(said.StreamId); err != nil || len(said.Signals) > maxSignals {
			t.Errorf("taken: %+v", said)
		}
	})
}
