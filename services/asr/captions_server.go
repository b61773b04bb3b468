package asr

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

// lineServer takes lines for the broadcasts that this process owns, as the Hearing gRPC service (proto/recording/v1).
type lineServer struct {
	recordingv1.UnimplementedHearingServer
	mu      sync.Mutex
	targets map[domain.BroadcastID]lineTarget
}

// lineTarget is a broadcast that may take lines, and the engine that its room names now.
type lineTarget struct {
	*broadcast
	engine func() (name string, captions bool)
}

func newLineServer() *lineServer { return &lineServer{targets: map[domain.BroadcastID]lineTarget{}} }

func (h *lineServer) add(b *broadcast, engine func() (name string, captions bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.targets[b.id] = lineTarget{b, engine}
}

func (h *lineServer) remove(b *broadcast) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.targets[b.id].broadcast == b {
		delete(h.targets, b.id)
	}
}

// TakeLines implements the service.
func (h *lineServer) TakeLines(_ context.Context, r *recordingv1.TakeLinesRequest) (*recordingv1.TakeLinesReply, error) {
	ref := domain.Ref{Tenant: domain.Tenant(r.GetTenant()), Stream: domain.StreamID(r.GetStream())}
	h.mu.Lock()
	on, ok := h.targets[domain.BroadcastID(r.GetBroadcast())]
	h.mu.Unlock()
	if !ok || on.ref != ref {
		return nil, status.Errorf(codes.NotFound, "broadcast %.80s of %.160s is not on air here", r.GetBroadcast(), ref)
	}
	switch engine, captions := on.engine(); {
	case !captions:
		return nil, status.Errorf(codes.FailedPrecondition, "its engine is %s", engine)
	case on.captions == nil:
		return nil, status.Error(codes.FailedPrecondition, "its engine was another when this broadcast began: captions are taken from the next one on")
	}
	dropped, to, err := on.captions.acceptLines(r.GetLines(), time.Duration(r.GetHeardTo()))
	if err != nil {
		return nil, err
	}
	return &recordingv1.TakeLinesReply{Dropped: dropped, HeardTo: int64(to)}, nil
}
