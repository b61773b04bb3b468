package ops

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/reel"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

const (
	defaultRecap   = 3 * time.Minute
	minRecap       = 5 * time.Second
	recapKeyPrefix = "\x00recap/" // keeps a recap's key apart from a clip's: no caller's key holds a zero byte
)

// RequestRecap asks for the best of a broadcast as one reel. Its clips are chosen now, among those that are known and not
// rejected; the recap's clip ID comes from the idempotency key.
func (s *Service) RequestRecap(ctx context.Context, req *opsv1.RequestRecapRequest) (*opsv1.RequestRecapReply, error) {
	c, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	if err := checkText("title", req.Title); err != nil {
		return nil, err
	}
	length, err := s.recapLength(req.LengthS)
	if err != nil {
		return nil, err
	}
	key, err := requestKey(ctx, req.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	asked := domain.H("recap", length.String(), req.BroadcastId, req.Title)
	reply := &opsv1.RequestRecapReply{}
	if known, err := s.loadReply(ctx, ref, recapKeyPrefix+key, asked, reply); known || err != nil {
		return reply, err
	}
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	broadcast := domain.BroadcastID(cmp.Or(req.BroadcastId, string(stream.Broadcast.ID)))
	clips, err := s.recapCandidates(ctx, ref, broadcast)
	if err != nil {
		return nil, err
	}
	chosen := reel.Choose(clips, length)
	if len(chosen) == 0 {
		return nil, conflict("stream %s: of its %d clips of broadcast %q none is there to show in %s", ref.Stream, len(clips), broadcast, length)
	}
	e := s.recapEvent(c, ref, broadcast, chosen, req.Title, key)
	if err := s.Bus.Publish(ctx, e); err != nil {
		return nil, fmt.Errorf("publish request for a recap of stream %s: %w", ref, err)
	}
	if err := s.views.Apply(ctx, e); err != nil {
		s.Log.Warn("show requested recap", "stream_id", ref.Stream, "error", err) // its first step will
	}
	reply = recapReply(e, chosen)
	if stream.Broadcast.ID == broadcast && stream.Broadcast.Open() {
		reply.Note, reply.Chinese = note.OnAirYet.English, note.OnAirYet.Chinese
	}
	s.storeReply(ctx, ref, recapKeyPrefix+key, asked, reply)
	return reply, nil
}

func (s *Service) recapLength(seconds float64) (time.Duration, error) {
	if seconds == 0 {
		return defaultRecap, nil
	}
	length, err := parseSeconds("length_s", seconds)
	if err == nil && (length < minRecap || length > s.cfg.ClipMax) {
		err = fmt.Errorf("length_s: must be %g to %g (ops.clip_max), is %g", minRecap.Seconds(), s.cfg.ClipMax.Seconds(), seconds)
	}
	if err != nil {
		return 0, unprocessable("%s", err)
	}
	return length, nil
}

// recapCandidates are the clips of a broadcast that a recap may show: not rejected, and with their recording still kept.
func (s *Service) recapCandidates(ctx context.Context, ref domain.Ref, broadcast domain.BroadcastID) ([]reel.Clip, error) {
	kept, err := s.Recording.KeptFrom(ctx, ref, broadcast)
	if err != nil {
		return nil, err
	}
	var clips []reel.Clip
	after := ""
	for scanned := 0; scanned < maxScan; scanned += maxPage {
		page, next, err := s.views.Clips(ctx, ref.Tenant, ref.Stream, after, maxPage)
		if err != nil {
			return nil, lookupProblem(err, "clips of stream %s", ref.Stream)
		}
		for _, clip := range page {
			if shown, ok := recapClip(clip); ok && clip.Envelope.Broadcast == broadcast && shown.Window.Start >= kept {
				clips = append(clips, shown)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	return clips, nil
}

// recapClip is a clip as a recap would show it: planned, and neither withdrawn nor a recap itself.
func recapClip(clip view.Clip) (reel.Clip, bool) {
	rev := newestRevision(clip)
	switch rev.state() {
	case "rejected", "taken_down", "failed", "needs_person":
		return reel.Clip{}, false
	}
	if rev.plan == nil || len(rev.plan.Chapters) > 0 {
		return reel.Clip{}, false
	}
	shown := reel.Clip{ID: clip.ID, Window: rev.plan.Window, Score: rev.plan.Score, Title: rev.plan.Title, Text: rev.plan.Text, Product: rev.plan.Product}
	if r := rev.rendered; r != nil && r.Window.Length() > 0 {
		shown.Window, shown.Title, shown.Text = r.Window, cmp.Or(r.Title, shown.Title), cmp.Or(r.Text, shown.Text)
	}
	return shown, true
}

func (s *Service) recapEvent(c caller, ref domain.Ref, broadcast domain.BroadcastID, chosen []reel.Clip, title, key string) event.Event {
	h := reel.Highlight(chosen)
	h.ID, h.Title, h.By, h.TriggeredAt = domain.NewRequestID(ref, recapKeyPrefix+key), title, c.name, s.Now()
	h.Reasons = []domain.Reason{{Signal: "request", Detail: fmt.Sprintf("asked for by %s: the best of %d clips", c.name, len(chosen)), At: h.Window.Start, Weight: 1}}
	return event.Event{
		Envelope: event.Envelope{
			ID: domain.H("event", string(event.ClipRequested), string(h.ID)), Tenant: ref.Tenant, Stream: ref.Stream,
			Broadcast: broadcast, At: h.Window.Start, Wall: h.TriggeredAt, Lane: domain.LaneManual,
		},
		Payload: h,
	}
}

func recapReply(e event.Event, chosen []reel.Clip) *opsv1.RequestRecapReply {
	reply := &opsv1.RequestRecapReply{
		ClipId:   string(domain.NewClipID(e.Payload.(domain.Highlight).ID, "main")),
		StreamId: string(e.Stream), BroadcastId: string(e.Broadcast),
	}
	for _, c := range chosen {
		reply.LengthS += c.Window.Length().Seconds()
		reply.Chapters = append(reply.Chapters, &opsv1.Chapter{
			StartS: c.Window.Start.Seconds(), EndS: c.Window.End.Seconds(), Title: c.Title, ClipId: string(c.ID),
		})
	}
	return reply
}
