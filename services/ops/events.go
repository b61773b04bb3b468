package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// feedTopics are the topics of the live feed.
var feedTopics = []event.Topic{
	event.TranscriptLine, event.HighlightFound, event.ClipState, event.PublicationChanged,
	event.StreamProgress, event.StreamState, event.BroadcastChanged,
}

// feedEvents sends what happens from now on to the subscribers of /v1/events until ctx ends.
func (s *Service) feedEvents(ctx context.Context) {
	told := map[domain.Ref]sentHealth{}
	handle := func(ctx context.Context, e event.Event) error { return s.sendToFeed(ctx, e, told) }
	for ctx.Err() == nil {
		if err := s.Bus.Tail(ctx, feedTopics, bus.FromNow, handle, nil); err != nil && ctx.Err() == nil {
			s.Log.Warn("follow topics for the live feed", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// sentHealth is the health of a stream that the feed last sent, and when.
type sentHealth struct {
	at     time.Time
	health string
}

// sendToFeed turns an event into what subscribers read. The views hold what they may ask about next before they are told of it.
func (s *Service) sendToFeed(ctx context.Context, e event.Event, told map[domain.Ref]sentHealth) error {
	var name string
	var data proto.Message
	switch p := e.Payload.(type) {
	case domain.TranscriptLine:
		name, data = "line", lineMessage(e.Envelope, p)
	case domain.Highlight:
		name, data = "highlight", highlightMessage(e.Envelope, p)
	case domain.ClipStep:
		name, data = "clip", stepMessage(e.Stream, p)
	case domain.PublicationChanged:
		name, data = "publication", publicationMessage(p, e.Wall)
	case domain.StreamProgress:
		if !shouldSendProgress(told, e, p) {
			return nil
		}
		name = "stream"
	case domain.StreamState, domain.BroadcastChanged:
		name = "stream"
	default:
		return nil
	}
	if name != "line" {
		if err := s.views.Apply(ctx, e); err != nil {
			s.Log.Warn("keep event in views", "event_id", e.ID, "error", err) // applyEvent does it again
		}
	}
	if name == "stream" {
		stream, err := s.views.Stream(ctx, e.Ref())
		if err == nil {
			data, err = s.streamMessage(ctx, caller{role: viewer, tenant: e.Tenant}, stream)
		}
		if err != nil {
			if !errors.Is(err, view.ErrNotFound) && !errors.Is(err, view.ErrRebuilding) {
				s.Log.Warn("show stream", "stream_id", e.Stream, "error", err)
			}
			return nil
		}
	}
	body, err := jsonForm.Marshal(data)
	if err != nil {
		return fmt.Errorf("show event %s: %w", e.ID, err)
	}
	s.feed.send(feedEvent{id: e.ID, name: name, ref: e.Ref(), body: body})
	return nil
}

// shouldSendProgress lets a stream's progress through once a second, and whenever a signal's health changed or the broadcast ended.
func shouldSendProgress(told map[domain.Ref]sentHealth, e event.Event, p domain.StreamProgress) bool {
	last, now := told[e.Ref()], sentHealth{e.Wall, fmt.Sprint(p.By, p.Health, p.Closed)}
	if p.By != "asr" {
		return false // its health is in the next mark of asr
	}
	if now.health == last.health && now.at.Sub(last.at) < time.Second {
		return false
	}
	if told[e.Ref()] = now; p.Closed {
		delete(told, e.Ref())
	}
	return true
}

func lineMessage(e event.Envelope, l domain.TranscriptLine) *opsv1.Line {
	return &opsv1.Line{
		StreamId: string(e.Stream), BroadcastId: string(e.Broadcast), LineId: l.ID, Revision: int32(l.Revision), Final: l.Final,
		StartS: l.Start.Seconds(), EndS: l.End.Seconds(), Text: l.Text,
	}
}

func highlightMessage(e event.Envelope, h domain.Highlight) *opsv1.Highlight {
	return &opsv1.Highlight{
		StreamId: string(e.Stream), BroadcastId: string(e.Broadcast), HighlightId: string(h.ID),
		ClipId: string(domain.NewClipID(h.ID, "main")), Kind: h.Kind, StartS: h.Window.Start.Seconds(), EndS: h.Window.End.Seconds(),
		Score: h.Score, Reasons: reasonMessages(h.Reasons), Text: h.Text, TriggeredAt: timestamp(h.TriggeredAt),
	}
}

const (
	heartbeat = 10 * time.Second
	writeTime = 10 * time.Second // for one event to reach a subscriber
)

// serveEvents sends server-sent events: stream, line, highlight, clip, publication. With Last-Event-ID it goes on after that
// event if the feed still holds it; if not, it begins with the event "reset", and the client reads everything anew. With
// ?recent=N it begins with the last lines and highlights, at most N; with ?stream_id= it sends those of that stream only.
func (s *Service) serveEvents(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(callerKey{}).(caller)
	var only domain.StreamID
	if id := r.URL.Query().Get("stream_id"); id != "" {
		ref, err := streamRef(c, id)
		if err != nil {
			writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
			return
		}
		only = ref.Stream
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("last_event_id")
	}
	recent, _ := strconv.Atoi(r.URL.Query().Get("recent"))
	reader, missed, ok := s.feed.subscribe(c.tenant, only, last, max(0, recent))
	if !ok {
		writeProblem(w, r, problem{http.StatusServiceUnavailable, "too many readers of the live feed (ops.event_clients)"})
		return
	}
	defer s.feed.unsubscribe(reader)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	write := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime))
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
	if !write("retry: 1000\n: welcome\n\n") || (last != "" && missed == nil && !write("event: reset\ndata: {}\n\n")) {
		return
	}
	for _, n := range missed {
		if !write(n.text()) {
			return
		}
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case n, open := <-reader.events:
			if !open || !write(n.text()) {
				return // read too slowly, or the server ends: it comes back with Last-Event-ID
			}
		case <-tick.C:
			if !write(": alive\n\n") {
				return
			}
		}
	}
}
