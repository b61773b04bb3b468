package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

const (
	defaultLost = 20 * time.Second
	// lookAgain is how often a reader without an owner looks for one, and into the store.
	lookAgain = 500 * time.Millisecond
)

// Finder finds a stream's owner: lease.Leases.
type Finder interface {
	FindAddress(ctx context.Context, ref domain.Ref) (address string, ok bool, err error)
}

// Reader reads recordings wherever they lie. Safe for concurrent use.
type Reader struct {
	// Lost is how long nothing may come of a broadcast that is not closed before its owner counts as lost; set before use.
	Lost   time.Duration
	store  blob.Store
	owners *owners
	log    *slog.Logger
}

// NewReader dials owners as it needs them.
func NewReader(store blob.Store, finder Finder, log *slog.Logger) *Reader {
	return &Reader{Lost: defaultLost, store: store, owners: newOwners(finder), log: log}
}

// Close gives the connections to owners back.
func (r *Reader) Close() { r.owners.close() }

// Read emits the run's Init and the parts that overlap w, in order, from the random access point at or before w.Start: from
// the store, then from the owner's hot tail, waiting for what is still to come. When the owner is lost it goes on with what
// reaches the store, and ends, with the reason, when nothing came for lost (default 20 s) or the broadcast is closed.
// A window that begins past the end of a closed broadcast gives no part. An error of emit ends the read and is returned.
func (r *Reader) Read(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window, emit func(Chunk) error) (End, error) {
	rd := &reading{Reader: r, ref: ref, broadcast: b, window: w, emit: emit}
	end, err := rd.run(ctx)
	end.Gaps = rd.gaps
	if err == nil {
		end, err = rd.told(ctx, end)
	}
	if err != nil {
		return end, fmt.Errorf("read [%s, %s) of broadcast %s: %w", w.Start, w.End, b, err)
	}
	return end, nil
}

// reading is one Read.
type reading struct {
	*Reader
	ref       domain.Ref
	broadcast domain.BroadcastID
	window    domain.Window
	emit      func(Chunk) error

	began bool          // a part was given
	first time.Duration // where the first part given began
	to    time.Duration // where the last part given ended
	gaps  []domain.Window
	init  *Init // the last one given
}

// emitError is an error of the caller's, not of reading.
type emitError struct{ error }

func (e emitError) Unwrap() error { return e.error }

// run asks the owner, and where it has not got what is asked for, the store; again and again until the window's end.
func (rd *reading) run(ctx context.Context) (End, error) {
	progress := time.Now()
	anyway := false // the store was just read to its end
	for {
		before, asked := rd.to, anyway
		end, ownerErr := rd.fromOwner(ctx, anyway)
		if end != nil || fatal(ctx, ownerErr) {
			return rd.result(end), cause(ctx, ownerErr)
		}
		end, err := rd.fromStore(ctx)
		if end != nil || fatal(ctx, err) {
			return rd.result(end), cause(ctx, err)
		}
		if err != nil {
			rd.log.Warn("recording not read from the store, trying again", "broadcast", rd.broadcast, "err", err)
		}
		cold := status.Code(ownerErr) == codes.OutOfRange
		anyway = cold && err == nil
		if rd.to != before {
			progress = time.Now()
		}
		if anyway && (rd.to != before || !asked) {
			continue
		}
		if time.Since(progress) >= rd.Lost {
			return End{At: rd.to, Reason: "owner lost: " + status.Convert(ownerErr).Message(), Lost: true}, nil
		}
		select {
		case <-ctx.Done():
			return End{At: rd.to}, ctx.Err()
		case <-time.After(min(lookAgain, rd.Lost)):
		}
	}
}

func (rd *reading) result(end *End) End {
	if end == nil {
		return End{At: rd.to}
	}
	return *end
}

// fatal: no other place can help.
func fatal(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.As(err, &emitError{}))
}

func cause(ctx context.Context, err error) error {
	var e emitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e.error
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

var errNoOwner = status.Error(codes.NotFound, "the stream has no owner")

// fromOwner reads the hot tail. end is set when the owner said how it ended.
func (rd *reading) fromOwner(ctx context.Context, anyway bool) (*End, error) {
	client, err := rd.owners.find(ctx, rd.ref)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go rd.owners.watch(ctx, rd.ref, client, cancel)
	request := &recordingv1.ReadRequest{Range: rangeOf(rd.ref, rd.broadcast, rd.window), Follow: rd.began, Anyway: anyway}
	if rd.began {
		request.Range.Start = int64(rd.to)
	}
	stream, err := client.Read(ctx, request)
	if err != nil {
		return nil, rd.owners.failed(client, err)
	}
	var init *Init
	for {
		reply, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the owner ended without a word")
		}
		if err != nil {
			return nil, rd.owners.failed(client, err)
		}
		switch m := reply.Reply.(type) {
		case *recordingv1.ReadReply_Init:
			i := initFromWire(m.Init)
			init = &i
		case *recordingv1.ReadReply_Part:
			if err := rd.give(init, partFromWire(m.Part)); err != nil {
				return nil, err
			}
		case *recordingv1.ReadReply_End:
			return &End{At: time.Duration(m.End.At), Reason: m.End.Reason}, nil
		}
	}
}

// give emits a part, after its run's Init where that was not given yet. A part that begins before what was given ends is
// another epoch's account of the same time.
func (rd *reading) give(init *Init, p Part) error {
	if rd.began && p.Window.Start < rd.to {
		return nil
	}
	if init != nil && (rd.init == nil || rd.init.Run != init.Run || !bytes.Equal(rd.init.Data, init.Data)) {
		if err := rd.emit(Chunk{Init: init}); err != nil {
			return emitError{err}
		}
		rd.init = init
	}
	if err := rd.emit(Chunk{Part: &p}); err != nil {
		return emitError{err}
	}
	rd.note(p.Window)
	return nil
}

func rangeOf(ref domain.Ref, b domain.BroadcastID, w domain.Window) *recordingv1.Range {
	return &recordingv1.Range{Tenant: string(ref.Tenant), Stream: string(ref.Stream), Broadcast: string(b), Start: int64(w.Start), End: int64(w.End)}
}
