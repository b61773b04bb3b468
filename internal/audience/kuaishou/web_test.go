package kuaishou

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/audience"
	"liveclip/internal/domain"
	platformv1 "liveclip/proto/platform/v1"
)

func frame(t testing.TB, feed *platformv1.KuaishouFeed, compression int32) []byte {
	t.Helper()
	payload, err := proto.Marshal(feed)
	if err != nil {
		t.Fatal(err)
	}
	if compression == gzipped {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(payload)
		_ = w.Close()
		payload = zipped.Bytes()
	}
	packed, err := proto.Marshal(&platformv1.KuaishouFrame{PayloadType: feedPush, Compression: compression, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestAFrameSaysWhatTheAudienceDid(t *testing.T) {
	user := &platformv1.KuaishouUser{PrincipalId: "3x", UserName: "小刚"}
	feed := &platformv1.KuaishouFeed{
		Watching: "1.2万",
		Comments: []*platformv1.KuaishouComment{{Id: "c1", User: user, Content: "666"}},
		Likes:    []*platformv1.KuaishouLike{{Id: "l1", User: &platformv1.KuaishouUser{UserName: "小明"}}},
		Gifts:    []*platformv1.KuaishouGift{{Id: "g1", User: user, Time: 1772366400123, GiftId: 9, BatchSize: 2, ComboCount: 3}},
	}
	want := []audience.Message{
		{ID: "kuaishou-comment-c1", Kind: domain.SignalComment, Text: "666", User: "kuaishou-3x", Count: 1},
		{ID: "kuaishou-like-l1", Kind: domain.SignalLike, User: "kuaishou-小明", Count: 1},
		{ID: "kuaishou-gift-g1", Kind: domain.SignalGift, User: "kuaishou-3x", Count: 2, At: time.UnixMilli(1772366400123), Item: domain.Product{ID: "9"}},
		{Kind: domain.SignalViewers, Count: 12000},
	}
	for _, compression := range []int32{0, 1, gzipped} {
		if got, err := ReadFrame(frame(t, feed, compression)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("compression %d: %+v, %v", compression, got, err)
		}
	}
	if _, err := ReadFrame(frame(t, feed, encrypted)); err == nil {
		t.Error("an encrypted frame was read")
	}
}

func TestNumbersAreReadAsTheyAreShown(t *testing.T) {
	for text, want := range map[string]int64{"3400": 3400, "1.2万": 12000, "2亿": 2e8, "1.5w": 15000, "100+": 100} {
		if got, ok := shownNumber(text); !ok || got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "很多", "-1", "NaN", "1e300万", "Inf"} {
		if got, ok := shownNumber(text); ok {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame(f, &platformv1.KuaishouFeed{Watching: "1.2万", Comments: []*platformv1.KuaishouComment{{Id: "1", Content: "x"}}}, gzipped))
	f.Fuzz(func(t *testing.T, frame []byte) {
		messages, err := ReadFrame(frame)
		for _, m := range messages {
			if err != nil || m.Kind == "" || m.Count < 0 {
				t.Errorf("%+v, %v", m, err)
			}
		}
	})
}
