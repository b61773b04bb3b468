package douyin

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/audience"
	"liveclip/internal/domain"
	platformv1 "liveclip/proto/platform/v1"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pushHeader(kind, room string, sent time.Time, body, secret string) http.Header {
	stamp := strconv.FormatInt(sent.UnixMilli(), 10)
	sum := md5.Sum([]byte("x-msg-type=" + kind + "&x-nonce-str=n&x-roomid=" + room + "&x-timestamp=" + stamp + body + secret))
	h := http.Header{}
	for name, value := range map[string]string{
		"x-msg-type": kind, "x-nonce-str": "n", "x-roomid": room, "x-timestamp": stamp, "x-signature": base64.StdEncoding.EncodeToString(sum[:]),
	} {
		h.Set(name, value)
	}
	return h
}

// The platform's documentation signs this callback so; its timestamp is of 1970, so that only the signature is right.
func TestTheSignatureIsThatOfThePlatformsOwnExample(t *testing.T) {
	h := http.Header{}
	for name, value := range map[string]string{
		"x-nonce-str": "123456", "x-timestamp": "456789", "x-roomid": "268", "x-msg-type": "live_gift", "x-signature": "PDcKhdlsrKEJif6uMKD2dw==",
	} {
		h.Set(name, value)
	}
	if _, err := OpenPush(h, []byte("abc123你好"), "123abc", now); err == nil || errors.Is(err, ErrSignature) {
		t.Errorf("the example's signature: %v, want only its timestamp refused", err)
	}
	if _, err := OpenPush(h, []byte("abc123您好"), "123abc", now); !errors.Is(err, ErrSignature) {
		t.Errorf("another body: %v", err)
	}
}

func TestACallbackIsTakenOnlyWhenSignedAndFresh(t *testing.T) {
	body := `[{"msg_id":"1"}]`
	good := pushHeader(PushComment, "268", now.Add(-time.Second), body, "s3cret")
	if got, err := OpenPush(good, []byte(body), "s3cret", now); err != nil || got != (Push{Room: "268", Kind: PushComment}) {
		t.Errorf("%+v, %v", got, err)
	}
	for what, f := range map[string]func() (http.Header, string){
		"another secret": func() (http.Header, string) { return good, "other" },
		"no secret set":  func() (http.Header, string) { return pushHeader(PushComment, "268", now, body, ""), "" },
		"another room": func() (http.Header, string) {
			h := good.Clone()
			h.Set("x-roomid", "269")
			return h, "s3cret"
		},
		"recorded an hour ago": func() (http.Header, string) {
			return pushHeader(PushComment, "268", now.Add(-time.Hour), body, "s3cret"), "s3cret"
		},
		"no headers": func() (http.Header, string) { return http.Header{}, "s3cret" },
	} {
		h, secret := f()
		if _, err := OpenPush(h, []byte(body), secret, now); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func TestPushedMessagesSayWhatTheAudienceDid(t *testing.T) {
	at := time.UnixMilli(1772366400123)
	for _, c := range []struct {
		kind, body string
		want       []audience.Message
	}{
		{PushComment, `[{"msg_id":"11","sec_openid":"u1","content":"抢到了","timestamp":1772366400123,"avatar_url":"x","nickname":"小美"}]`,
			[]audience.Message{{ID: "douyin-11", Kind: domain.SignalComment, Text: "抢到了", User: "u1", At: at, Count: 1}}},
		{PushLike, `[{"msg_id":"12","sec_openid":"u1","like_num":7,"timestamp":1772366400123}]`,
			[]audience.Message{{ID: "douyin-12", Kind: domain.SignalLike, User: "u1", At: at, Count: 7}}},
		{PushGift, `[{"msg_id":"13","sec_openid":"u2","sec_gift_id":"g","gift_num":3,"gift_value":297,"timestamp":1772366400123}]`,
			[]audience.Message{{ID: "douyin-13", Kind: domain.SignalGift, User: "u2", At: at, Count: 297, Item: domain.Product{ID: "g"}}}},
		{PushFansClub, `[{"msg_id":"14","sec_openid":"u3","fansclub_reason_type":2},{"msg_id":"15","sec_openid":"u3","fansclub_reason_type":1}]`,
			[]audience.Message{{ID: "douyin-14", Kind: domain.SignalFollow, User: "u3", Count: 1}}},
	} {
		got, err := Push{Kind: c.kind}.Messages([]byte(c.body))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.kind, got, err, c.want)
		}
	}
	for kind, body := range map[string]string{"live_dance": `[{"msg_id":"1"}]`, PushComment: `{"msg_id":`} {
		if _, err := (Push{Kind: kind}).Messages([]byte(body)); err == nil {
			t.Errorf("%s %s: read", kind, body)
		}
	}
}

func packed(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame packs messages as the platform does.
func frame(t testing.TB, needAck bool, messages ...*platformv1.DouyinMessage) []byte {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(packed(t, &platformv1.DouyinResponse{Messages: messages, NeedAck: needAck, InternalExt: "internal_src:dim"}))
	_ = w.Close()
	return packed(t, &platformv1.DouyinFrame{LogId: 99, PayloadEncoding: "pb", PayloadType: "msg", Payload: zipped.Bytes()})
}

func TestAFrameSaysWhatTheAudienceDidAndWhatToAnswer(t *testing.T) {
	common := &platformv1.DouyinCommon{MsgId: 7, CreateTime: 1772366400}
	user := &platformv1.DouyinUser{Id: 42, NickName: "小美"}
	message := func(id int64, method string, m proto.Message) *platformv1.DouyinMessage {
		return &platformv1.DouyinMessage{Method: method, MsgId: id, Payload: packed(t, m)}
	}
	rose := &platformv1.DouyinGiftKind{Id: 5, Combo: true, DiamondCount: 1, Name: "玫瑰"}
	messages, answer, err := ReadFrame(frame(t, true,
		message(1, "WebcastChatMessage", &platformv1.DouyinChat{Common: common, User: user, Content: "多少钱", EventTime: 1772366395}),
		message(2, "WebcastGiftMessage", &platformv1.DouyinGift{Common: common, User: user, GiftId: 5, RepeatCount: 3, GroupId: 8, Gift: rose}),
		message(3, "WebcastGiftMessage", &platformv1.DouyinGift{Common: common, User: user, GiftId: 5, RepeatCount: 10, RepeatEnd: 1, GroupId: 8, Gift: rose}),
		message(4, "WebcastLikeMessage", &platformv1.DouyinLike{Common: common, User: user, Count: 6, Total: 900}),
		message(5, "WebcastSocialMessage", &platformv1.DouyinSocial{Common: common, User: user, Action: 1}),
		message(6, "WebcastRoomUserSeqMessage", &platformv1.DouyinRoomUsers{Common: common, Total: 1234}),
		message(8, "WebcastLiveShoppingMessage", &platformv1.DouyinShopping{Common: common, MsgType: 2, PromotionId: 77}),
		message(9, "WebcastLiveShoppingMessage", &platformv1.DouyinShopping{Common: common, MsgType: 3, PromotionId: 77}),
		message(10, "WebcastProductChangeMessage", &platformv1.DouyinProducts{Common: common, Products: []*platformv1.DouyinProduct{{PromotionId: 78}}}),
		message(11, "WebcastRanklistHourEntranceMessage", common),
		&platformv1.DouyinMessage{Method: "WebcastChatMessage", MsgId: 12, Payload: []byte{0xff, 0xff}},
	))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1772366400, 0)
	want := []audience.Message{
		{ID: "douyin-1", Kind: domain.SignalComment, Text: "多少钱", User: "douyin-42", At: time.Unix(1772366395, 0), Count: 1},
		{ID: "douyin-combo-8-douyin-42", Kind: domain.SignalGift, User: "douyin-42", At: at, Count: 10, Item: domain.Product{ID: "5", Name: "玫瑰"}},
		{ID: "douyin-4", Kind: domain.SignalLike, User: "douyin-42", At: at, Count: 6},
		{ID: "douyin-5", Kind: domain.SignalFollow, User: "douyin-42", At: at, Count: 1},
		{ID: "douyin-6", Kind: domain.SignalViewers, At: at, Count: 1234},
		{ID: "douyin-8", Kind: domain.SignalProduct, At: at, Count: 1, Item: domain.Product{ID: "77"}},
		{ID: "douyin-9", Kind: domain.SignalProduct, At: at, Count: 1, Item: domain.Product{ID: "77"}, Action: domain.ProductHidden},
		{ID: "douyin-10-0", Kind: domain.SignalProduct, At: at, Count: 1, Item: domain.Product{ID: "78"}, Action: domain.ProductListed},
	}
	if !reflect.DeepEqual(messages, want) {
		t.Errorf("got  %+v\nwant %+v", messages, want)
	}
	var ack platformv1.DouyinFrame
	if err := proto.Unmarshal(answer, &ack); err != nil || ack.PayloadType != "ack" || ack.LogId != 99 || string(ack.Payload) != "internal_src:dim" {
		t.Errorf("answer %v, %v", &ack, err)
	}
}

func TestAFrameThatUnpacksWithoutEndIsRefused(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 16<<20))
	_ = w.Close()
	_, _, err := ReadFrame(packed(t, &platformv1.DouyinFrame{LogId: 3, PayloadType: "msg", Payload: bomb.Bytes()}))
	if err == nil || !strings.Contains(err.Error(), "more than 8 MiB") {
		t.Errorf("%v", err)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame(f, true, &platformv1.DouyinMessage{Method: "WebcastChatMessage", Payload: packed(f, &platformv1.DouyinChat{Content: "x"})}))
	f.Add(packed(f, &platformv1.DouyinFrame{PayloadType: "msg", Payload: []byte{0x1f, 0x8b, 8}}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		messages, answer, err := ReadFrame(frame)
		if err != nil && (messages != nil || answer != nil) {
			t.Error("a frame that could not be read said something")
		}
	})
}

func FuzzPushMessages(f *testing.F) {
	f.Add(PushGift, []byte(`[{"msg_id":"13","gift_value":297,"timestamp":1772366400123}]`))
	f.Add(PushComment, []byte(`[{"content":"\u0000","timestamp":-1}]`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		messages, err := Push{Kind: kind}.Messages(body)
		for _, m := range messages {
			if err != nil || m.Kind == "" {
				t.Errorf("%+v, %v", m, err)
			}
		}
	})
}
