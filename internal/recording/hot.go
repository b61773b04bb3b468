package recording

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

// Hot serves the writers of this process as the Recording gRPC service (proto/recording/v1). Its zero value serves none.
// Safe for concurrent use.
type Hot struct {
	recordingv1.UnimplementedRecordingServer

	mu      sync.Mutex
	writers map[hotKey]*Writer
}

type hotKey struct {
	ref       domain.Ref
	broadcast domain.BroadcastID
}

// NewHot serves no writer yet.
func NewHot() *Hot { return &Hot{} }

// Add serves a writer, in place of one of the same broadcast, until remove is called. Reads under way go on.
func (h *Hot) Add(w *Writer) (remove func()) {
	key := hotKey{w.cfg.Ref, w.cfg.Broadcast}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writers == nil {
		h.writers = map[hotKey]*Writer{}
	}
	h.writers[key] = w
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.writers[key] == w {
			delete(h.writers, key)
		}
	}
}

func (h *Hot) find(r *recordingv1.Range) (*Writer, domain.Window, error) {
	window := domain.Window{Start: time.Duration(r.GetStart()), End: time.Duration(r.GetEnd())}
	if window.Start < 0 || window.End < window.Start {
		return nil, window, status.Errorf(codes.InvalidArgument, "window [%s, %s) is not one", window.Start, window.End)
	}
	key := hotKey{domain.Ref{Tenant: domain.Tenant(r.GetTenant()), Stream: domain.StreamID(r.GetStream())}, domain.BroadcastID(r.GetBroadcast())}
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.writers[key]; ok {
		return w, window, nil
	}
	return nil, window, status.Errorf(codes.NotFound, "broadcast %.80s of %.160s is not recorded here", key.broadcast, key.ref)
}

// Read implements the service.
func (h *Hot) Read(r *recordingv1.ReadRequest, out recordingv1.Recording_ReadServer) error {
	w, window, err := h.find(r.GetRange())
	if err != nil {
		return err
	}
	t := w.tail(question{window: window, follow: r.GetFollow(), anyway: r.GetAnyway()})
	run := -1
	epoch := int64(-1)
	for {
		hot, init, end, err := t.read(out.Context())
		if err != nil {
			return statusOf(err)
		}
		if end != nil {
			return out.Send(&recordingv1.ReadReply{Reply: &recordingv1.ReadReply_End{End: &recordingv1.End{At: int64(end.At), Reason: end.Reason}}})
		}
		if hot.Run != run || hot.of.name.Epoch != epoch {
			run, epoch = hot.Run, hot.of.name.Epoch
			if err := out.Send(initReply(init)); err != nil {
				return err
			}
		}
		part, err := hot.read()
		if err != nil {
			return status.Error(codes.DataLoss, err.Error())
		}
		if err := out.Send(partReply(part)); err != nil {
			return err
		}
	}
}

func statusOf(err error) error {
	if errors.Is(err, errCold) {
		return status.Error(codes.OutOfRange, err.Error())
	}
	return status.FromContextError(err).Err()
}

// Lines implements the service.
func (h *Hot) Lines(ctx context.Context, r *recordingv1.LinesRequest) (*recordingv1.LinesReply, error) {
	w, window, err := h.find(r.GetRange())
	if err != nil {
		return nil, err
	}
	heard, from, closed, err := w.heardLines(ctx, window)
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	reply := &recordingv1.LinesReply{HeardTo: int64(heard.To), From: int64(from), Closed: closed}
	for _, l := range heard.Lines {
		reply.Lines = append(reply.Lines, lineToWire(l))
	}
	for _, u := range heard.Unheard {
		reply.Unheard = append(reply.Unheard, &recordingv1.Unheard{Start: int64(u.Window.Start), End: int64(u.Window.End), Chosen: u.Chosen})
	}
	return reply, nil
}

func initReply(i Init) *recordingv1.ReadReply {
	p := i.Parameters
	return &recordingv1.ReadReply{Reply: &recordingv1.ReadReply_Init{Init: &recordingv1.Init{Run: int64(i.Run), Data: i.Data,
		VideoCodec: p.VideoCodec, Width: int64(p.Width), Height: int64(p.Height), FrameRate: p.FrameRate,
		AudioCodec: p.AudioCodec, SampleRate: int64(p.SampleRate), Channels: int64(p.Channels)}}}
}

func initFromWire(i *recordingv1.Init) Init {
	return Init{Run: int(i.Run), Data: i.Data, Parameters: domain.MediaParameters{
		VideoCodec: i.VideoCodec, Width: int(i.Width), Height: int(i.Height), FrameRate: i.FrameRate,
		AudioCodec: i.AudioCodec, SampleRate: int(i.SampleRate), Channels: int(i.Channels)}}
}

func partReply(p Part) *recordingv1.ReadReply {
	return &recordingv1.ReadReply{Reply: &recordingv1.ReadReply_Part{Part: &recordingv1.Part{Run: int64(p.Run),
		Start: int64(p.Window.Start), End: int64(p.Window.End), Keyframe: p.Keyframe, Data: p.Data}}}
}

func partFromWire(p *recordingv1.Part) Part {
	return Part{Run: int(p.Run), Window: domain.Window{Start: time.Duration(p.Start), End: time.Duration(p.End)}, Keyframe: p.Keyframe, Data: p.Data}
}

func lineToWire(l domain.TranscriptLine) *recordingv1.Line {
	wire := &recordingv1.Line{Id: l.ID, Revision: int64(l.Revision), Start: int64(l.Start), End: int64(l.End), Text: l.Text, Heard: l.Heard, Engine: l.Engine, Language: l.Language}
	for _, w := range l.Words {
		wire.Words = append(wire.Words, &recordingv1.Word{Text: w.Text, Start: int64(w.Start), End: int64(w.End), Confidence: w.Confidence})
	}
	return wire
}

func lineFromWire(l *recordingv1.Line) domain.TranscriptLine {
	line := domain.TranscriptLine{ID: l.Id, Revision: int(l.Revision), Final: true, Start: time.Duration(l.Start), End: time.Duration(l.End),
		Text: l.Text, Heard: l.Heard, Engine: l.Engine, Language: l.Language}
	for _, w := range l.Words {
		line.Words = append(line.Words, domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence})
	}
	return line
}
