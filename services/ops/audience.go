package ops

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/sign"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// Bounds of what a caller may send.
const (
	maxSignals   = 1000 // a call
	maxComment   = 500  // characters
	maxUser      = 256  // bytes, before hashing
	maxSignalID  = 128  // bytes
	maxCount     = int64(1) << 40
	seenTTL      = time.Hour        // an ID seen longer ago may come again
	maxEarly     = 10 * time.Second // a platform's clock may be ahead so far
	audienceSeen = "liveclip:ops:seen:"
)

// Why a signal is dropped.
const (
	dropKind      = "unknown kind"
	dropAction    = "unknown action"
	dropText      = "text too long or not UTF-8"
	dropUser      = "user too long"
	dropID        = "id too long"
	dropCount     = "count out of range"
	dropTime      = "at and at_s both given"
	dropBefore    = "before the broadcast began"
	dropFuture    = "in the future"
	dropDuplicate = "duplicate id"
)

var signalKinds = map[domain.SignalKind]bool{
	domain.SignalComment: true, domain.SignalLike: true, domain.SignalGift: true, domain.SignalFollow: true,
	domain.SignalProduct: true, domain.SignalViewers: true, domain.SignalOrder: true,
}

var productActions = map[domain.ProductAction]bool{
	domain.ProductShown: true, domain.ProductHidden: true, domain.ProductListed: true, domain.ProductPriced: true, domain.ProductSoldOut: true,
}

// userHash replaces people's IDs and names: only the hash is kept, logged or sent on.
type userHash struct{ key []byte }

func newUserHash(secret string, keys sign.Keys) userHash {
	if secret == "" {
		secret = domain.H("audience users", keys.Current.Secret)
	}
	return userHash{[]byte(secret)}
}

// of keeps tenants apart: the same person has another hash in each.
func (u userHash) of(t domain.Tenant, user string) string {
	if user == "" {
		return ""
	}
	h := hmac.New(sha256.New, u.key)
	fmt.Fprintf(h, "%d:%s%s", len(t), t, user)
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:15])
}

// SendAudience takes signals of a stream that is on air. What it can't use is dropped and counted; the rest is accepted.
func (s *Service) SendAudience(ctx context.Context, req *opsv1.SendAudienceRequest) (*opsv1.SendAudienceReply, error) {
	_, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	if len(req.Signals) > maxSignals {
		return nil, problemf(http.StatusRequestEntityTooLarge, "%d signals: at most %d a call", len(req.Signals), maxSignals)
	}
	return s.acceptAudience(ctx, ref, req.Signals)
}

// acceptAudience is the one way in for audience signals of every form: users are replaced by their hashes, signals get their media
// time, repeats are dropped.
func (s *Service) acceptAudience(ctx context.Context, ref domain.Ref, said []*opsv1.AudienceSignal) (*opsv1.SendAudienceReply, error) {
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !stream.Broadcast.Open() {
		return nil, conflict("stream %s is not on air: signals have no media time", ref.Stream)
	}
	reply := &opsv1.SendAudienceReply{Reasons: map[string]int32{}}
	drop := func(why string) { reply.Dropped++; reply.Reasons[why]++ }
	now, alike := s.Now(), map[string]int{}
	var signals []domain.AudienceSignal
	for _, m := range said {
		signal, why := s.readSignal(ref.Tenant, stream.Broadcast, m, now)
		if why != "" {
			drop(why)
			continue
		}
		if signal.ID == "" {
			content := domain.H(string(signal.Kind), signal.Sent.String(), signal.At.String(), signal.User, signal.Text, fmt.Sprint(signal.Count), signal.Item.ID, string(signal.Action))
			alike[content]++ // two people may say the same at once; a repeated call says it as often
			signal.ID = domain.H("audience", ref.String(), content, fmt.Sprint(alike[content]))
		}
		signals = append(signals, signal)
	}
	fresh, err := s.filterRepeats(ctx, ref, signals)
	if err != nil {
		return nil, err
	}
	for range len(signals) - len(fresh) {
		drop(dropDuplicate)
	}
	if err := s.Bus.Publish(ctx, audienceEvents(stream.Broadcast, ref, fresh, now)...); err != nil {
		return nil, fmt.Errorf("publish audience of stream %s: %w", ref, err) // the caller sends them again
	}
	s.markSeen(ctx, ref, fresh)
	reply.Accepted = int32(len(fresh))
	s.metrics.audience.WithLabelValues("accepted").Add(float64(reply.Accepted))
	s.metrics.audience.WithLabelValues("dropped").Add(float64(reply.Dropped))
	return reply, nil
}

// readSignal reads one signal, or says why it is dropped.
func (s *Service) readSignal(t domain.Tenant, b view.Broadcast, m *opsv1.AudienceSignal, now time.Time) (domain.AudienceSignal, string) {
	signal := domain.AudienceSignal{
		ID: m.GetId(), Kind: domain.SignalKind(m.GetKind()), Text: m.GetText(), Count: m.GetCount(), User: s.users.of(t, m.GetUser()),
		Action: domain.ProductAction(m.GetAction()),
	}
	if m.GetItem() != nil {
		signal.Item = productFromMessage(m.Item)
	}
	if signal.Count == 0 && signal.Kind != domain.SignalViewers {
		signal.Count = 1
	}
	switch {
	case !signalKinds[signal.Kind]:
		return signal, dropKind
	case !productActions[signal.Action], signal.Action != domain.ProductShown && signal.Kind != domain.SignalProduct:
		return signal, dropAction
	case tooLong(signal.Text, maxComment), tooLong(signal.Item.ID, maxText), tooLong(signal.Item.Name, maxText),
		tooLong(signal.Item.Price, maxText), tooLong(signal.Item.Image, maxSource):
		return signal, dropText
	case len(m.GetUser()) > maxUser:
		return signal, dropUser
	case len(signal.ID) > maxSignalID:
		return signal, dropID
	case signal.Count < 0 || signal.Count > maxCount:
		return signal, dropCount
	case m.At != nil && m.AtS != nil:
		return signal, dropTime
	}
	return signal, assignTime(&signal, b, m, now)
}

// assignTime sets the media time: the given one, else from the platform's clock, else now.
func assignTime(signal *domain.AudienceSignal, b view.Broadcast, m *opsv1.AudienceSignal, now time.Time) string {
	head := mediaNow(b, now)
	switch {
	case m.AtS != nil:
		if math.IsNaN(*m.AtS) || *m.AtS < 0 {
			return dropBefore
		}
		if *m.AtS > (head + maxEarly).Seconds() {
			return dropFuture
		}
		signal.At = time.Duration(*m.AtS * float64(time.Second))
		signal.Sent = now.Add(signal.At - head)
	case m.At != nil:
		if m.At.CheckValid() != nil {
			return dropTime
		}
		signal.Sent = m.At.AsTime()
		if signal.Sent.After(now.Add(maxEarly)) {
			return dropFuture
		}
		if signal.Sent.Before(now.Add(-head)) {
			return dropBefore
		}
		signal.At = head - now.Sub(signal.Sent)
	default:
		signal.At, signal.Sent = head, now
	}
	return ""
}

func tooLong(text string, most int) bool {
	return !utf8.ValidString(text) || utf8.RuneCountInString(text) > most
}

// filterRepeats leaves out the signals whose IDs were told before, here or by another replica, or come twice in one call.
func (s *Service) filterRepeats(ctx context.Context, ref domain.Ref, signals []domain.AudienceSignal) (fresh []domain.AudienceSignal, err error) {
	pipe := s.Redis.Pipeline()
	told := make([]*redis.IntCmd, len(signals))
	for i, signal := range signals {
		told[i] = pipe.Exists(ctx, seenKey(ref, signal))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("look for repeated audience signals of stream %s: %w", ref, err)
	}
	here := map[string]bool{}
	for i, signal := range signals {
		if told[i].Val() == 0 && !here[signal.ID] {
			fresh = append(fresh, signal)
		}
		here[signal.ID] = true
	}
	return fresh, nil
}

// markSeen marks signals that were published. Not before: what a killed process had not told yet would be lost, though it is sent
// again. Of what is told twice meanwhile, detect counts one.
func (s *Service) markSeen(ctx context.Context, ref domain.Ref, signals []domain.AudienceSignal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	pipe := s.Redis.Pipeline()
	for _, signal := range signals {
		pipe.Set(ctx, seenKey(ref, signal), "1", seenTTL)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		s.Log.Warn("audience signals not marked as seen", "stream_id", ref.Stream, "error", err)
	}
}

func seenKey(ref domain.Ref, signal domain.AudienceSignal) string {
	return audienceSeen + domain.H(ref.String(), signal.ID)
}

func audienceEvents(b view.Broadcast, ref domain.Ref, signals []domain.AudienceSignal, now time.Time) []event.Event {
	events := make([]event.Event, len(signals))
	for i, signal := range signals {
		events[i] = event.Event{Envelope: event.Envelope{
			ID: domain.H("event", string(event.AudienceSignal), ref.String(), signal.ID), Tenant: ref.Tenant, Stream: ref.Stream,
			Broadcast: b.ID, Epoch: b.Epoch, At: signal.At, Wall: now, Lane: domain.LaneLive,
		}, Payload: signal}
	}
	return events
}
