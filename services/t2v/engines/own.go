package engines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"liveclip/internal/note"
	"liveclip/internal/trust"
	enginev1 "liveclip/proto/engine/v1"
)

// maxChunk is the greatest message taken from an engine: a chunk is about a second of H.264.
const maxChunk = 32 << 20

// openingChunks is how long an opening is. One chunk, about half a second, is what is there at once; what follows is
// the shot's own.
const openingChunks = 1

// own is the client of the project's engine.
type own struct {
	cfg  Config
	conn *grpc.ClientConn
}

func ownOptions(t trust.TLS) ([]grpc.DialOption, error) {
	secure, err := t.Config()
	if err != nil {
		return nil, err
	}
	trusted := insecure.NewCredentials()
	if secure != nil {
		trusted = credentials.NewTLS(secure)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(trusted),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxChunk)),
	}, nil
}

func (e *own) client() enginev1.EngineClient { return enginev1.NewEngineClient(e.conn) }

// Generate takes an initialisation segment and its fragments, chunk by chunk, as one MP4.
func (e *own) Generate(ctx context.Context, o Order, sink io.Writer) (Made, error) {
	if why := e.cfg.Fits(o); why != "" {
		return Made{}, fault(Unfit, "%s", why)
	}
	within, alive, end := within(ctx, e.cfg)
	defer end()
	out := &bounded{out: sink, max: e.cfg.MaxBytes, alive: alive, started: time.Now()}
	order := e.order(o)
	made, err := e.collect(within, order, out, alive)
	if order.Opening != nil && out.n == 0 && KindOf(plain(err)) == Unfit { // its model can't, or the shot is shorter
		order.Opening, order.Template = nil, ""
		made, err = e.collect(within, order, out, alive)
	}
	made, err = out.whole(made, err)
	return made, settle(ctx, within, plain(err))
}

func (e *own) order(o Order) *enginev1.Order {
	order := &enginev1.Order{
		Id: o.ID, Model: cmp.Or(o.Model, e.cfg.Model), Prompt: o.Prompt, Lane: enginev1.Lane_LANE_MANUAL,
		Width: int64(o.Width), Height: int64(o.Height), FrameRate: cmp.Or(o.FrameRate, e.cfg.FrameRate),
		Length: int64(o.Length), Steps: int64(cmp.Or(o.Steps, e.cfg.Steps)), Seed: o.Seed, Tenant: o.Tenant,
	}
	if o.Opening.Prompt != "" {
		seed := fnv.New64a()
		_, _ = seed.Write([]byte(o.Opening.Key))
		order.Template, order.Opening = o.Opening.Key, &enginev1.Opening{Prompt: o.Opening.Prompt, Seed: seed.Sum64(), Chunks: openingChunks}
	}
	if e.cfg.Guides {
		order.Negative = o.Negative
	}
	if o.Urgent {
		order.Lane = enginev1.Lane_LANE_LIVE
	}
	if !o.Deadline.IsZero() {
		order.Deadline = o.Deadline.UnixNano()
	}
	return order
}

// collect runs one call.
func (e *own) collect(ctx context.Context, order *enginev1.Order, out io.Writer, alive func()) (made Made, err error) {
	made.Model = order.GetModel()
	call, err := e.client().Generate(ctx)
	if err != nil {
		return made, err
	}
	if err := call.Send(&enginev1.GenerateRequest{Request: &enginev1.GenerateRequest_Order{Order: order}}); err != nil && !errors.Is(err, io.EOF) {
		return made, err // io.EOF: the reason comes with Recv
	}
	if err := call.CloseSend(); err != nil {
		return made, err
	}
	var chunks, frames int64
	for {
		reply, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return made, fault(Wrong, "the engine stopped after %d chunks without finishing", chunks)
		}
		if err != nil {
			return made, err
		}
		alive()
		switch {
		case reply.GetFinished() != nil:
			f := reply.GetFinished()
			if frames > 0 && f.GetFrames() != frames {
				return made, fault(Wrong, "the engine sent %d pictures and says that it made %d", frames, f.GetFrames())
			}
			made.Frames, made.CacheHit, made.Steps = int(f.GetFrames()), f.GetCacheHit(), int(f.GetSteps())
			made.Waited = time.Duration(f.GetWaited())
			return made, nil
		case reply.GetChunk() == nil:
			continue
		case reply.GetChunk().GetIndex() != chunks:
			return made, fault(Wrong, "the engine sent chunk %d where %d was due", reply.GetChunk().GetIndex(), chunks)
		}
		chunks++
		frames += reply.GetChunk().GetFrames()
		if _, err := out.Write(reply.GetChunk().GetData()); err != nil {
			return made, err
		}
	}
}

// plain strips what only a programmer reads from a gRPC error, and sorts it: by the engine's own words where it gave them.
func plain(err error) error {
	var f *Fault
	s, ok := status.FromError(err)
	if err == nil || errors.As(err, &f) || !ok {
		return err
	}
	for _, detail := range s.Details() {
		if failure, ok := detail.(*enginev1.Failure); ok {
			if kind, known := ownKinds[failure.GetCode()]; known {
				f := fault(kind, "engine: %s: %.300s", strings.ToLower(strings.TrimPrefix(failure.GetCode().String(), "CODE_")), cmp.Or(failure.GetReason(), s.Message()))
				f.After = max(0, min(time.Duration(failure.GetRetryAfter()), 10*time.Minute))
				return f
			}
		}
	}
	kind, known := grpcKinds[s.Code()]
	if !known {
		kind = Away
	}
	kind = sortWords(s.Message(), kind).Kind
	if kind == Away && s.Code() == codes.Unavailable {
		return fault(kind, note.EngineAway.English, note.Foreign(dialling(s.Message())))
	}
	return fault(kind, "engine: %s: %.300s", s.Code(), s.Message())
}

// dialling takes what gRPC puts around the error of a connection off it.
func dialling(message string) string {
	if _, why, found := strings.Cut(message, `desc = "transport: `); found {
		message = strings.TrimSuffix(why, `"`)
	}
	return fmt.Sprintf("%.300s", strings.TrimPrefix(message, "Error while dialing: ")) //nolint:misspell // gRPC writes it so
}

var ownKinds = map[enginev1.Code]Kind{
	enginev1.Code_CODE_BAD_INPUT: Unfit, enginev1.Code_CODE_UNKNOWN_MODEL: Unfit, enginev1.Code_CODE_UNKNOWN_SESSION: Unfit,
	enginev1.Code_CODE_BAD_MODEL: Away, enginev1.Code_CODE_TOO_LARGE: Memory, enginev1.Code_CODE_OVERLOADED: Busy,
	enginev1.Code_CODE_OUT_OF_MEMORY: Memory, enginev1.Code_CODE_LATE: Busy, enginev1.Code_CODE_CANCELED: Away,
	enginev1.Code_CODE_DRAINING: Busy, enginev1.Code_CODE_SLOW_CLIENT: Away, enginev1.Code_CODE_NOT_READY: Busy, enginev1.Code_CODE_INTERNAL: Away,
}

var grpcKinds = map[codes.Code]Kind{
	codes.ResourceExhausted: Busy, codes.InvalidArgument: Unfit, codes.Unimplemented: Unfit, codes.OutOfRange: Unfit, codes.NotFound: Unfit,
	codes.PermissionDenied: Refused, codes.DataLoss: Wrong,
}

func (e *own) Health(ctx context.Context) (Health, error) {
	h, err := e.client().Health(ctx, &enginev1.HealthRequest{})
	if err != nil {
		return Health{}, plain(err)
	}
	if !h.GetReady() && h.GetReason() == "" {
		h.Reason = strings.ToLower(strings.TrimPrefix(h.GetState().String(), "STATE_"))
	}
	return Health{Ready: h.GetReady(), Reason: h.GetReason(), Models: h.GetModels(), Queued: int(h.GetQueued()), Device: h.GetDevice()}, nil
}

func (e *own) Warm(ctx context.Context, model string) error {
	_, err := e.client().Warm(ctx, &enginev1.WarmRequest{Model: cmp.Or(model, e.cfg.Model)})
	return plain(err)
}

func (e *own) Close() error { return e.conn.Close() }
