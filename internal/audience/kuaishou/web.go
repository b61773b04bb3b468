// Package kuaishou reads the feed that Kuaishou's web player gets of a live room's audience: frames of a WebSocket, in
// protobuf that nobody publishes. It breaks without notice, and reading it may be against the platform's terms: whoever
// connects it decides that.
package kuaishou

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/audience"
	"liveclip/internal/domain"
	platformv1 "liveclip/proto/platform/v1"
)

const (
	feedPush  = 310 // payload type
	heartbeat = 1
	gzipped   = 2 // compression
	encrypted = 3
)

// Heartbeat keeps a connection alive; to be sent every twenty seconds.
func Heartbeat() []byte {
	frame, _ := proto.Marshal(&platformv1.KuaishouFrame{PayloadType: heartbeat, Compression: 1})
	return frame
}

// ReadFrame gives what a frame says of the audience. A gift tells no price: its count is how many were given.
func ReadFrame(frame []byte) ([]audience.Message, error) {
	var f platformv1.KuaishouFrame
	if err := proto.Unmarshal(frame, &f); err != nil {
		return nil, fmt.Errorf("read Kuaishou frame: %w", err)
	}
	if f.PayloadType != feedPush {
		return nil, nil
	}
	payload := f.Payload
	switch f.Compression {
	case gzipped:
		var err error
		if payload, err = audience.Inflate(payload); err != nil {
			return nil, fmt.Errorf("read Kuaishou frame: %w", err)
		}
	case encrypted:
		return nil, errors.New("read Kuaishou frame: it is encrypted, and this adapter has no key")
	}
	var feed platformv1.KuaishouFeed
	if err := proto.Unmarshal(payload, &feed); err != nil {
		return nil, fmt.Errorf("read Kuaishou frame: its payload: %w", err)
	}
	return messages(&feed), nil
}

func messages(feed *platformv1.KuaishouFeed) []audience.Message {
	var all []audience.Message
	add := func(id string, user *platformv1.KuaishouUser, m audience.Message) {
		if id != "" {
			m.ID = "kuaishou-" + string(m.Kind) + "-" + id
		}
		if m.User = user.GetPrincipalId(); m.User == "" {
			m.User = user.GetUserName()
		}
		if m.User != "" {
			m.User = "kuaishou-" + m.User
		}
		all = append(all, m)
	}
	for _, c := range feed.Comments {
		add(c.Id, c.User, audience.Message{Kind: domain.SignalComment, Text: c.Content, Count: 1})
	}
	for _, l := range feed.Likes {
		add(l.Id, l.User, audience.Message{Kind: domain.SignalLike, Count: 1})
	}
	for _, g := range feed.Gifts {
		// Every press of a combo comes as a message of its own, with an ID of its own.
		add(g.Id, g.User, audience.Message{
			Kind: domain.SignalGift, Count: int64(max(1, g.BatchSize)), At: milliseconds(g.Time),
			Item: domain.Product{ID: strconv.FormatUint(uint64(g.GiftId), 10)},
		})
	}
	if watching, ok := shownNumber(feed.Watching); ok {
		all = append(all, audience.Message{Kind: domain.SignalViewers, Count: watching})
	}
	return all
}

func milliseconds(n uint64) time.Time {
	if n > math.MaxInt64 {
		return time.Time{}
	}
	return audience.UnixTime(int64(n))
}

// shownNumber reads a number as it is shown to viewers: "3400", "1.2万", "2亿", "1.5w", "100+".
func shownNumber(text string) (int64, bool) {
	text = strings.TrimSuffix(strings.TrimSpace(text), "+")
	unit := 1.0
	for suffix, value := range map[string]float64{"万": 1e4, "w": 1e4, "W": 1e4, "亿": 1e8} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = rest, value
			break
		}
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value*unit < 1e12) {
		return 0, false
	}
	return int64(math.Round(value * unit)), true
}
