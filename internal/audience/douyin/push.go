package douyin

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"liveclip/internal/audience"
	"liveclip/internal/domain"
)

// Kinds of messages the official push carries.
const (
	PushComment  = "live_comment"
	PushGift     = "live_gift"
	PushLike     = "live_like"
	PushFansClub = "live_fansclub"
)

// pushAge is how far the clock of a callback may lie from ours: what was recorded once is no use later.
const pushAge = 5 * time.Minute

// ErrSignature says that a callback was not signed with this secret. It is the same for every fault.
var ErrSignature = errors.New("the signature is missing or does not fit")

// Push is a callback that was signed by the platform.
type Push struct {
	Room string
	Kind string
}

// OpenPush checks a callback: x-signature is the base64 of the MD5 over the four other headers, sorted and joined as a
// query, followed by the body and the secret.
func OpenPush(header http.Header, body []byte, secret string, now time.Time) (Push, error) {
	if secret == "" {
		return Push{}, ErrSignature
	}
	sum := md5.New()
	for i, name := range []string{"x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp"} {
		if i > 0 {
			_, _ = io.WriteString(sum, "&")
		}
		_, _ = io.WriteString(sum, name+"="+header.Get(name))
	}
	_, _ = sum.Write(body)
	_, _ = io.WriteString(sum, secret)
	want := base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(header.Get("x-signature"))) != 1 {
		return Push{}, ErrSignature
	}
	number, err := strconv.ParseInt(header.Get("x-timestamp"), 10, 64)
	if sent := audience.UnixTime(number); err != nil || sent.IsZero() || now.Sub(sent).Abs() > pushAge {
		return Push{}, fmt.Errorf("x-timestamp %.20q is not within %s of now", header.Get("x-timestamp"), pushAge)
	}
	return Push{Room: header.Get("x-roomid"), Kind: header.Get("x-msg-type")}, nil
}

// Messages reads the callback's body: a JSON array. A gift's count is its value as the platform gives it.
func (p Push) Messages(body []byte) ([]audience.Message, error) {
	var entries []struct {
		ID        string `json:"msg_id"`
		User      string `json:"sec_openid"`
		Content   string `json:"content"`
		Likes     int64  `json:"like_num"`
		GiftID    string `json:"sec_gift_id"`
		GiftValue int64  `json:"gift_value"`
		Reason    int    `json:"fansclub_reason_type"`
		Timestamp int64  `json:"timestamp"`
	}
	if err := json.Unmarshal(body, &entries); err != nil {
		return nil, fmt.Errorf("read %s callback: %w", p.Kind, err)
	}
	messages := make([]audience.Message, 0, len(entries))
	for _, e := range entries {
		m := audience.Message{User: e.User, At: audience.UnixTime(e.Timestamp)}
		if e.ID != "" {
			m.ID = "douyin-" + e.ID
		}
		switch p.Kind {
		case PushComment:
			m.Kind, m.Text, m.Count = domain.SignalComment, e.Content, 1
		case PushLike:
			m.Kind, m.Count = domain.SignalLike, e.Likes
		case PushGift:
			m.Kind, m.Count, m.Item.ID = domain.SignalGift, e.GiftValue, e.GiftID
		case PushFansClub:
			if e.Reason != joinedFansClub {
				continue // a rise within the club is no follow
			}
			m.Kind, m.Count = domain.SignalFollow, 1
		default:
			return nil, fmt.Errorf("read callback: x-msg-type %.40q is none of %s, %s, %s, %s", p.Kind, PushComment, PushGift, PushLike, PushFansClub)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

const joinedFansClub = 2
