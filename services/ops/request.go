package ops

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// replyTTL is how long an idempotency key is answered with its first reply. Its clip ID stays the same for ever.
const replyTTL = 24 * time.Hour

// openingName is the form of a template's name. Whether there is such a template, prompt says in the clip's steps.
var openingName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// RequestClip asks for a window by hand. The clip's ID comes from the idempotency key: asked again, nothing new begins.
func (s *Service) RequestClip(ctx context.Context, req *opsv1.RequestClipRequest) (*opsv1.RequestClipReply, error) {
	c, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	if err := checkText("title", req.Title); err != nil {
		return nil, err
	}
	switch {
	case !domain.Mode(req.Mode).Known():
		return nil, unprocessable("mode: must be %q or left out, is %.40q", domain.ModeCopy, req.Mode)
	case domain.Mode(req.Mode) == domain.ModeCopy && req.Vertical:
		return nil, unprocessable("vertical: a lossless cut (mode %q) has the source's own picture only", domain.ModeCopy)
	case req.Opening != "" && !openingName.MatchString(req.Opening):
		return nil, unprocessable("opening: must be a template's name, or %q, is %.40q", domain.OpeningNone, req.Opening)
	case domain.Mode(req.Mode) == domain.ModeCopy && req.Opening != "" && req.Opening != domain.OpeningNone:
		return nil, unprocessable("opening: nothing can be put before a lossless cut (mode %q)", domain.ModeCopy)
	}
	key, err := requestKey(ctx, req.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	reply := &opsv1.RequestClipReply{}
	if known, err := s.loadReply(ctx, ref, key, fingerprint(req), reply); known || err != nil {
		return reply, err
	}
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	kept, err := s.Recording.KeptFrom(ctx, ref, stream.Broadcast.ID)
	if err != nil {
		return nil, err
	}
	window, cut, err := requestedWindow(req, stream, kept, now, s.cfg)
	if err != nil {
		return nil, err
	}
	e := clipRequestedEvent(c, stream, window, req, key, now)
	if err := s.Bus.Publish(ctx, e); err != nil {
		return nil, fmt.Errorf("publish request for a clip of stream %s: %w", ref, err)
	}
	if err := s.views.Apply(ctx, e); err != nil {
		s.Log.Warn("show requested clip", "stream_id", ref.Stream, "error", err) // its first step will
	}
	s.labelRequest(ctx, e)
	reply = &opsv1.RequestClipReply{
		ClipId:   string(domain.NewClipID(e.Payload.(domain.Highlight).ID, "main")),
		StreamId: string(ref.Stream), BroadcastId: string(stream.Broadcast.ID),
		StartS: window.Start.Seconds(), EndS: window.End.Seconds(), Note: cut, Chinese: note.Chinese(cut),
	}
	s.storeReply(ctx, ref, key, fingerprint(req), reply)
	return reply, nil
}

func clipRequestedEvent(c caller, stream view.Stream, w domain.Window, req *opsv1.RequestClipRequest, key string, now time.Time) event.Event {
	ref := stream.State.Ref
	id := domain.NewRequestID(ref, key)
	return event.Event{
		Envelope: event.Envelope{
			ID: domain.H("event", string(event.ClipRequested), string(id)), Tenant: ref.Tenant, Stream: ref.Stream,
			Broadcast: stream.Broadcast.ID, Epoch: stream.Broadcast.Epoch, At: w.Start, Wall: now, Lane: domain.LaneManual,
		},
		Payload: domain.Highlight{
			ID: id, Kind: "manual", Window: w, Score: 1, Title: req.Title, By: c.name, TriggeredAt: now, Vertical: req.Vertical, Mode: domain.Mode(req.Mode),
			Opening: req.Opening,
			Reasons: []domain.Reason{{Signal: "request", Detail: "asked for by " + c.name, At: w.Start, Weight: 1}},
		},
	}
}

// requestedWindow is the window asked for in media time, cut to what can exist and is kept, and what was cut.
func requestedWindow(req *opsv1.RequestClipRequest, stream view.Stream, kept time.Duration, now time.Time, cfg Config) (w domain.Window, said string, err error) {
	b := stream.Broadcast
	if b.ID == "" {
		return w, "", conflict("stream %s has not been on air: there is nothing to clip", req.StreamId)
	}
	head := mediaNow(b, now)
	around := req.BeforeS != nil || req.AfterS != nil
	switch {
	case around && (req.StartS != nil || req.EndS != nil):
		return w, "", unprocessable("window: give before_s and after_s, or start_s and end_s, not both")
	case around:
		before, err1 := parseSeconds("before_s", req.GetBeforeS())
		after, err2 := parseSeconds("after_s", req.GetAfterS())
		w, err = domain.Window{Start: head - before, End: head + after}, errors.Join(err1, err2)
	case req.StartS != nil && req.EndS != nil:
		start, err1 := parseSeconds("start_s", *req.StartS)
		end, err2 := parseSeconds("end_s", *req.EndS)
		w, err = domain.Window{Start: start, End: end}, errors.Join(err1, err2)
	default:
		return w, "", unprocessable("window: none given; send before_s and after_s, or start_s and end_s")
	}
	if err != nil {
		return w, "", unprocessable("window: %s", err)
	}
	return clampWindow(w, b, kept, head, cfg)
}

// clampWindow cuts a window to the recording from kept on, and refuses one of which nothing is left or that is too long. A window
// that ends in the future is waited for.
func clampWindow(w domain.Window, b view.Broadcast, kept, head time.Duration, cfg Config) (domain.Window, string, error) {
	var notes []string
	switch {
	case w.End < w.Start:
		return w, "", unprocessable("window: ends (%s) before it starts (%s)", w.End, w.Start)
	case w.Length() == 0:
		return w, "", unprocessable("window: is 0 s long")
	case w.End <= 0:
		return w, "", unprocessable("window: lies before the recording began")
	case w.End <= kept:
		return w, "", unprocessable("window: ends at %s, and the recording is kept from %s on (asr.retention)", w.End.Round(time.Millisecond), kept.Round(time.Millisecond))
	case b.Closed != nil && w.Start >= head:
		return w, "", unprocessable("window: begins at %s, and the broadcast ended at %s", w.Start.Round(time.Millisecond), head.Round(time.Millisecond))
	case b.Closed == nil && w.End > head+cfg.ClipAhead:
		return w, "", unprocessable("window: ends %s from now; at most %s ahead can be asked for (ops.clip_ahead)", (w.End - head).Round(time.Second), cfg.ClipAhead)
	}
	switch {
	case kept > 0 && w.Start < kept:
		notes = append(notes, domain.ClippedToKept)
	case w.Start < 0:
		notes = append(notes, domain.ClippedToStart)
	}
	w.Start = max(w.Start, kept)
	if b.Closed != nil && w.End > head {
		notes = append(notes, domain.ClippedToEnd)
		w.End = head
	}
	if w.Length() > cfg.ClipMax {
		return w, "", unprocessable("window: is %s long; at most %s can be asked for (ops.clip_max)", w.Length().Round(time.Second), cfg.ClipMax)
	}
	return w, note.Join(notes), nil
}

// mediaNow is the media time of now: the last progress mark's and what has passed since, while recording goes on.
func mediaNow(b view.Broadcast, now time.Time) time.Duration {
	if b.Closed != nil {
		return b.RecordedTo
	}
	if since := now.Sub(b.MovedAt); !b.MovedAt.IsZero() && since > 0 && since < stalledAfter {
		return b.RecordedTo + since
	}
	return b.RecordedTo
}

// parseSeconds reads a length or a media time given in seconds.
func parseSeconds(name string, seconds float64) (time.Duration, error) {
	if math.IsNaN(seconds) || seconds < 0 || seconds > 1e6 {
		return 0, fmt.Errorf("%s: must be 0 to 1000000, is %g", name, seconds)
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), nil
}

// requestKey is the caller's own key, from the message or the header, or a new one.
func requestKey(ctx context.Context, key string) (string, error) {
	if key == "" {
		md, _ := metadata.FromIncomingContext(ctx)
		if values := md.Get(idempotencyKey); len(values) > 1 {
			return "", badRequest("Idempotency-Key: given %d times", len(values))
		} else if len(values) == 1 {
			return parseKey(values[0])
		}
		return rand.Text(), nil
	}
	return parseKey(key)
}

func parseKey(key string) (string, error) {
	key = strings.TrimSpace(key)
	if key == "" || len(key) > 255 {
		return "", badRequest("Idempotency-Key: must be 1 to 255 characters")
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "", badRequest("Idempotency-Key: must hold visible ASCII characters only")
		}
	}
	return key, nil
}

// storedReply is a reply kept under its idempotency key, with a fingerprint of the request.
type storedReply struct {
	Asked string
	Reply json.RawMessage
}

func replyKey(ref domain.Ref, key string) string {
	return "liveclip:ops:answer:" + domain.H(ref.String(), key)
}

func fingerprint(req *opsv1.RequestClipRequest) string {
	number := func(p *float64) string {
		if p == nil {
			return ""
		}
		return fmt.Sprint(*p)
	}
	asked := []string{number(req.BeforeS), number(req.AfterS), number(req.StartS), number(req.EndS), req.Title}
	if req.Vertical {
		asked = append(asked, "vertical")
	}
	if req.Mode != "" {
		asked = append(asked, "mode "+req.Mode)
	}
	if req.Opening != "" {
		asked = append(asked, "opening "+req.Opening)
	}
	return domain.H(asked...)
}

// loadReply fills in the first reply to the key; another request under the same key is refused.
func (s *Service) loadReply(ctx context.Context, ref domain.Ref, key, asked string, reply proto.Message) (bool, error) {
	value, err := s.Redis.Get(ctx, replyKey(ref, key)).Bytes()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	var kept storedReply
	if err == nil {
		err = json.Unmarshal(value, &kept)
	}
	if err == nil {
		err = protojson.Unmarshal(kept.Reply, reply)
	}
	if err != nil {
		return false, fmt.Errorf("look up answer for an idempotency key of stream %s: %w", ref, err)
	}
	if kept.Asked != asked {
		return false, unprocessable("Idempotency-Key: was used before, for another window or title")
	}
	return true, nil
}

// storeReply is best effort: without the reply the same key still gives the same clip.
func (s *Service) storeReply(ctx context.Context, ref domain.Ref, key, asked string, reply proto.Message) {
	body, err := protojson.Marshal(reply)
	if err == nil {
		body, err = json.Marshal(storedReply{Asked: asked, Reply: body})
	}
	if err == nil {
		err = s.Redis.SetNX(ctx, replyKey(ref, key), body, replyTTL).Err()
	}
	if err != nil {
		s.Log.Warn("remember answer", "stream_id", ref.Stream, "error", err)
	}
}
