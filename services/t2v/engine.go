package t2v

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	enginev1 "liveclip/proto/engine/v1"
)

// maxChunk is the greatest message taken from an engine: a chunk is about a second of H.264.
const maxChunk = 32 << 20

var (
	errNoEngine = errors.New("no generation engine configured")
	errIdle     = errors.New("the engine went silent")
	errTooLong  = errors.New("the engine took too long")
)

// engine is the client of a text-to-video engine. A nil connection: none is configured.
type engine struct {
	cfg  EngineConfig
	conn *grpc.ClientConn
}

// newEngine dials nothing yet.
func newEngine(cfg EngineConfig) (*engine, error) {
	if cfg.Address == "" {
		return &engine{cfg: cfg}, nil
	}
	conn, err := grpc.NewClient(cfg.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxChunk)))
	if err != nil {
		return nil, fmt.Errorf("t2v.engine.address: %w", err)
	}
	return &engine{cfg: cfg, conn: conn}, nil
}

func (e *engine) close() {
	if e.conn != nil {
		_ = e.conn.Close()
	}
}

// generate writes the shot's chunks, an initialisation segment and its fragments, into one MP4 file.
func (e *engine) generate(ctx context.Context, order *enginev1.Order, file string) error {
	if e.conn == nil {
		return errNoEngine
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(e.cfg.Timeout, func() { cancel(errTooLong) }).Stop()
	silence := time.AfterFunc(e.cfg.Idle, func() { cancel(errIdle) })
	defer silence.Stop()

	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("generate shot %s: %w", order.GetId(), err)
	}
	err = plain(e.collect(ctx, order, out, func() { silence.Reset(e.cfg.Idle) }))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("generate shot %s: %w", order.GetId(), err)
	}
	return nil
}

// collect runs one call; alive is told of every message.
func (e *engine) collect(ctx context.Context, order *enginev1.Order, out io.Writer, alive func()) error {
	call, err := enginev1.NewEngineClient(e.conn).Generate(ctx)
	if err != nil {
		return err
	}
	if err := call.Send(&enginev1.GenerateRequest{Request: &enginev1.GenerateRequest_Order{Order: order}}); err != nil && !errors.Is(err, io.EOF) {
		return err // io.EOF: the reason comes with Recv
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	var chunks, size int64
	for {
		reply, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the engine stopped after %d chunks without finishing", chunks)
		}
		if err != nil {
			return err
		}
		alive()
		if reply.GetFinished() != nil {
			return finished(chunks)
		}
		chunk := reply.GetChunk()
		if chunk == nil {
			continue
		}
		if chunk.GetIndex() != chunks {
			return fmt.Errorf("the engine sent chunk %d where %d was due", chunk.GetIndex(), chunks)
		}
		if chunks++; chunks == 1 && !beginsMP4(chunk.GetData()) {
			return errors.New("the engine's first chunk is no initialisation segment")
		}
		if size += int64(len(chunk.GetData())); size > e.cfg.MaxBytes {
			return fmt.Errorf("the engine sent more than %d bytes", e.cfg.MaxBytes)
		}
		if _, err := out.Write(chunk.GetData()); err != nil {
			return err
		}
	}
}

func finished(chunks int64) error {
	if chunks == 0 {
		return errors.New("the engine finished without a picture")
	}
	return nil
}

func beginsMP4(data []byte) bool { return len(data) >= 8 && string(data[4:8]) == "ftyp" }

// failureOf is what the engine says of a failed call, or nil.
func failureOf(err error) *enginev1.Failure {
	for _, detail := range status.Convert(err).Details() {
		if failure, ok := detail.(*enginev1.Failure); ok {
			return failure
		}
	}
	return nil
}

// plain strips what only a programmer reads from a gRPC error.
func plain(err error) error {
	if err == nil {
		return nil
	}
	if failure := failureOf(err); failure != nil {
		code := strings.ToLower(strings.TrimPrefix(failure.GetCode().String(), "CODE_"))
		return fmt.Errorf("engine: %s: %s", strings.ReplaceAll(code, "_", " "), failure.GetReason())
	}
	if s, ok := status.FromError(err); ok && s.Message() != "" {
		return fmt.Errorf("engine: %s: %s", s.Code(), s.Message())
	}
	return err
}
