package douyin

import (
	"bytes"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/audience"
	"liveclip/internal/domain"
	platformv1 "liveclip/proto/platform/v1"
)

// Heartbeat keeps a connection alive; to be sent every ten seconds.
func Heartbeat() []byte {
	frame, _ := proto.Marshal(&platformv1.DouyinFrame{PayloadType: "hb"})
	return frame
}

// ReadFrame gives what a frame says of the audience, and what to answer (nil: nothing). A message inside that cannot be read
// is left out: the next one may be of a kind that can.
func ReadFrame(frame []byte) (messages []audience.Message, answer []byte, err error) {
	var f platformv1.DouyinFrame
	if err := proto.Unmarshal(frame, &f); err != nil {
		return nil, nil, fmt.Errorf("read Douyin frame: %w", err)
	}
	if f.PayloadType != "msg" {
		return nil, nil, nil
	}
	payload := f.Payload
	if bytes.HasPrefix(payload, []byte{0x1f, 0x8b}) {
		if payload, err = audience.Inflate(payload); err != nil {
			return nil, nil, fmt.Errorf("read Douyin frame %d: %w", f.LogId, err)
		}
	}
	var r platformv1.DouyinResponse
	if err := proto.Unmarshal(payload, &r); err != nil {
		return nil, nil, fmt.Errorf("read Douyin frame %d: its payload: %w", f.LogId, err)
	}
	if r.NeedAck {
		answer, _ = proto.Marshal(&platformv1.DouyinFrame{LogId: f.LogId, PayloadType: "ack", Payload: []byte(r.InternalExt)})
	}
	for _, m := range r.Messages {
		if read := readers[m.Method]; read != nil {
			messages = append(messages, read(m)...)
		}
	}
	return messages, answer, nil
}

// readers give the messages of one method; those of others say nothing about the audience.
var readers = map[string]func(m *platformv1.DouyinMessage) []audience.Message{
	"WebcastChatMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var chat platformv1.DouyinChat
		if proto.Unmarshal(m.Payload, &chat) != nil {
			return nil
		}
		said := begin(m, chat.Common, chat.User, domain.SignalComment)
		if at := audience.UnixTime(int64(chat.EventTime)); !at.IsZero() {
			said.At = at
		}
		said.Text, said.Count = chat.Content, 1
		return []audience.Message{said}
	},
	"WebcastLikeMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var like platformv1.DouyinLike
		if proto.Unmarshal(m.Payload, &like) != nil {
			return nil
		}
		said := begin(m, like.Common, like.User, domain.SignalLike)
		said.Count = int64(like.Count)
		return []audience.Message{said}
	},
	"WebcastGiftMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var gift platformv1.DouyinGift
		if proto.Unmarshal(m.Payload, &gift) != nil || (gift.Gift.GetCombo() && gift.RepeatEnd == 0) {
			return nil // a combo is counted once, when it ends
		}
		said := begin(m, gift.Common, gift.User, domain.SignalGift)
		if gift.Gift.GetCombo() && gift.GroupId != 0 {
			said.ID = "douyin-combo-" + strconv.FormatUint(gift.GroupId, 10) + "-" + said.User
		}
		said.Count = int64(max(1, gift.RepeatCount) * max(1, gift.GroupCount) * uint64(max(1, gift.Gift.GetDiamondCount())))
		said.Item = domain.Product{ID: strconv.FormatUint(gift.GiftId, 10), Name: gift.Gift.GetName()}
		return []audience.Message{said}
	},
	"WebcastSocialMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var social platformv1.DouyinSocial
		if proto.Unmarshal(m.Payload, &social) != nil || social.Action != followed {
			return nil
		}
		said := begin(m, social.Common, social.User, domain.SignalFollow)
		said.Count = 1
		return []audience.Message{said}
	},
	"WebcastRoomUserSeqMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var users platformv1.DouyinRoomUsers
		if proto.Unmarshal(m.Payload, &users) != nil {
			return nil
		}
		said := begin(m, users.Common, nil, domain.SignalViewers)
		said.Count = users.Total
		return []audience.Message{said}
	},
	"WebcastLiveShoppingMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var shopping platformv1.DouyinShopping
		if proto.Unmarshal(m.Payload, &shopping) != nil {
			return nil
		}
		action, known := map[int32]domain.ProductAction{2: domain.ProductShown, 3: domain.ProductHidden}[shopping.MsgType]
		if !known {
			return nil
		}
		said := begin(m, shopping.Common, nil, domain.SignalProduct)
		said.Count, said.Action = 1, action
		said.Item.ID = strconv.FormatInt(shopping.PromotionId, 10)
		return []audience.Message{said}
	},
	"WebcastProductChangeMessage": func(m *platformv1.DouyinMessage) []audience.Message {
		var change platformv1.DouyinProducts
		if proto.Unmarshal(m.Payload, &change) != nil {
			return nil
		}
		var all []audience.Message
		for i, product := range change.Products {
			if i == mostProducts {
				break
			}
			said := begin(m, change.Common, nil, domain.SignalProduct)
			said.ID += "-" + strconv.Itoa(i)
			said.Count, said.Action, said.Text = 1, domain.ProductListed, change.Toast
			if product.ExplainType != 0 {
				said.Action = domain.ProductShown
			}
			said.Item.ID = strconv.FormatInt(product.PromotionId, 10)
			all = append(all, said)
		}
		return all
	},
}

const (
	followed     = 1
	mostProducts = 100 // of one change
)

// begin fills in what every message has.
func begin(m *platformv1.DouyinMessage, common *platformv1.DouyinCommon, user *platformv1.DouyinUser, kind domain.SignalKind) audience.Message {
	said := audience.Message{Kind: kind, At: audience.UnixTime(int64(common.GetCreateTime()))}
	id := uint64(m.MsgId)
	if id == 0 {
		id = common.GetMsgId()
	}
	if id != 0 {
		said.ID = "douyin-" + strconv.FormatUint(id, 10)
	}
	if user.GetId() != 0 {
		said.User = "douyin-" + strconv.FormatUint(user.GetId(), 10)
	}
	return said
}
