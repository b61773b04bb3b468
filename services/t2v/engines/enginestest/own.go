package enginestest

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	enginev1 "liveclip/proto/engine/v1"
)

// own stands in for the project's engine.
type own struct {
	enginev1.UnimplementedEngineServer
	*StandIn
	openings sync.Map // that it has made, by key
}

// Own starts a stand-in for the project's engine.
func Own(film *Film, failure Failure) (*StandIn, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := newStandIn(film, failure)
	s.Address = listener.Addr().String()
	server := grpc.NewServer()
	enginev1.RegisterEngineServer(server, &own{StandIn: s})
	go func() { _ = server.Serve(listener) }()
	s.close = server.Stop
	if failure == NotThere {
		server.Stop()
	}
	return s, nil
}

func (s *own) Health(context.Context, *enginev1.HealthRequest) (*enginev1.HealthReply, error) {
	return &enginev1.HealthReply{Ready: true, State: enginev1.State_STATE_READY, Device: "stand-in"}, nil
}

func (s *own) Warm(context.Context, *enginev1.WarmRequest) (*enginev1.WarmReply, error) {
	return &enginev1.WarmReply{}, nil
}

func failed(code codes.Code, why enginev1.Code, reason string) error {
	said, err := status.New(code, reason).WithDetails(&enginev1.Failure{Code: why, Reason: reason, RetryAfter: int64(50 * time.Millisecond)})
	if err != nil {
		return err
	}
	return said.Err()
}

func (s *own) Generate(call enginev1.Engine_GenerateServer) error {
	request, err := call.Recv()
	if err != nil {
		return err
	}
	o := request.GetOrder()
	order := Order{
		Prompt: o.GetPrompt(), Negative: o.GetNegative(), Width: int(o.GetWidth()), Height: int(o.GetHeight()), Length: time.Duration(o.GetLength()),
		Steps: int(o.GetSteps()), Seed: o.GetSeed(), Model: o.GetModel(), Tenant: o.GetTenant(),
	}
	if o.GetOpening() != nil {
		order.Opening = o.GetTemplate()
	}
	s.Orders <- order
	_, held := s.openings.LoadOrStore(order.Opening, true)
	switch {
	case s.failure == TooMany:
		return failed(codes.Unavailable, enginev1.Code_CODE_OVERLOADED, "the queue is full")
	case s.broken():
		return failed(codes.Internal, enginev1.Code_CODE_INTERNAL, "CUDA error: an illegal memory access was encountered")
	case s.failure == Refuses:
		return status.Error(codes.PermissionDenied, "the content is against the rules")
	case s.failure == NoOpenings && order.Opening != "":
		return failed(codes.InvalidArgument, enginev1.Code_CODE_BAD_INPUT, "the model makes a clip in one piece: it has no openings")
	case s.failure == BadOrder:
		return failed(codes.InvalidArgument, enginev1.Code_CODE_BAD_INPUT, "width must be a multiple of 16")
	case s.failure == BadKey:
		return status.Error(codes.Unauthenticated, "no such key")
	}
	if err := call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Accepted{Accepted: &enginev1.Accepted{}}}); err != nil {
		return err
	}
	return s.send(call, held && order.Opening != "")
}

func (s *own) send(call enginev1.Engine_GenerateServer, held bool) error {
	work := time.NewTimer(s.Took)
	defer work.Stop()
	signs := time.NewTicker(10 * time.Millisecond)
	defer signs.Stop()
	for busy := s.Took > 0 || s.failure == Silent || s.failure == Endless; busy; {
		done := work.C
		if s.failure == Silent || s.failure == Endless {
			done = nil
		}
		select {
		case <-call.Context().Done():
			s.Canceled <- time.Now()
			return call.Context().Err()
		case <-done:
			busy = false
		case <-signs.C:
			if s.failure != Silent {
				_ = call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Queued{Queued: &enginev1.Queued{}}})
			}
		}
	}
	chunks := s.shown().Chunks
	for i, chunk := range s.spoiled(chunks) {
		index := i
		if s.failure == Forgets && i > 0 {
			index = i + 1
		}
		err := call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Chunk{Chunk: &enginev1.Chunk{Index: int64(index), Data: chunk, Frames: 8}}})
		if err != nil {
			return err
		}
	}
	switch s.failure {
	case NoMemory:
		return failed(codes.ResourceExhausted, enginev1.Code_CODE_OUT_OF_MEMORY, "out of memory in decode")
	case Truncated:
		return nil
	}
	return call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Finished{Finished: &enginev1.Finished{Frames: 8 * int64(len(chunks)), CacheHit: held}}})
}

// spoiled are the chunks as the failure has them.
func (s *own) spoiled(chunks [][]byte) [][]byte {
	switch s.failure {
	case Truncated, NoMemory:
		return chunks[:1]
	case Lies:
		return chunks[:len(chunks)-1]
	case Flood:
		flood := append([][]byte{}, chunks...)
		for range 64 {
			flood = append(flood, make([]byte, 1<<20))
		}
		return flood
	case Rubbish, Gibberish:
		return [][]byte{html}
	case Empty:
		return nil
	}
	return chunks
}
