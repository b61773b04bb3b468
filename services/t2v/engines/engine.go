package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"liveclip/internal/note"
)

// Order is one shot asked of an engine.
type Order struct {
	ID               string // of the shot; the same again is the same result, where the engine can do so
	Model            string // empty: the engine's configured one
	Prompt, Negative string
	Width, Height    int           // pixels
	FrameRate        float64       // pictures per second
	Length           time.Duration // of the shot
	Steps            int           // 0: the model's own
	Seed             uint64
	Deadline         time.Time // when it is of no use any more; zero: never
	Opening          Opening   // to begin from, where the engine can do so; zero: none
	Tenant           string
	Urgent           bool // a live moment waits for it
}

// Opening is what orders of a template begin with: made once, and then begun from.
type Opening struct{ Key, Prompt string }

// Made is what an engine tells of a shot.
type Made struct {
	Model    string
	Frames   int           // 0: not told
	Steps    int           // 0: not told
	Waited   time.Duration // in the engine's own queue, as it tells; 0: not told
	First    time.Duration // from the call to the first byte of the video
	CacheHit bool          // it began from a cached opening
	Bytes    int64
}

// Health is what an engine says of itself.
type Health struct {
	Ready  bool
	Reason string   // why it is not ready
	Models []string // it has in memory; nil: not told
	Queued int      // orders that wait there
	Device string
}

// Engine is safe for concurrent use.
type Engine interface {
	// Generate writes the whole video to sink, or gives a *Fault. It returns the context's error when that ended.
	Generate(ctx context.Context, order Order, sink io.Writer) (Made, error)
	// Health is cheap. An error is a *Fault.
	Health(ctx context.Context) (Health, error)
	// Warm has the engine load a model before it is needed. Engines that cannot do so answer nil at once.
	Warm(ctx context.Context, model string) error
	Close() error
}

// Kind says whose fault a failure is, and so what to do about it.
type Kind string

const (
	Busy    Kind = "busy"    // it has too much to do: back off, ask another
	Away    Kind = "away"    // it cannot be reached, broke down, or went silent
	Wrong   Kind = "wrong"   // what it gave is not what was ordered, or no video
	Memory  Kind = "memory"  // it lacks memory for this: a smaller order may do
	Unfit   Kind = "unfit"   // it cannot do such an order
	Refused Kind = "refused" // it refuses the content: no other engine shall be asked
	Late    Kind = "late"    // the order is of no use any more
)

// Fault is why an engine made no video.
type Fault struct {
	Kind  Kind
	After time.Duration // how long it asks to be left alone; 0: it does not say
	Err   error
}

func (f *Fault) Error() string { return f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

func fault(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf sorts a failure; any that is no Fault counts as Away.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Away
}

// New builds the engine of a configuration; it dials nothing yet.
func New(cfg Config) (Engine, error) {
	switch cfg.Kind {
	case KindOwn, "":
		options, err := ownOptions(cfg.TLS)
		if err != nil {
			return nil, fmt.Errorf("engine %s: %w", cfg.Name, err)
		}
		conn, err := grpc.NewClient(cfg.Address, options...)
		if err != nil {
			return nil, fmt.Errorf("engine %s: address: %w", cfg.Name, err)
		}
		return &own{cfg: cfg, conn: conn}, nil
	case KindVideos:
		return &videos{cfg: cfg, api: newAPI(cfg, "")}, nil
	case KindDashScope:
		return &dashScope{cfg: cfg, api: newAPI(cfg, dashScopeAddress), fetch: &http.Client{Transport: newTransport(cfg.Private), CheckRedirect: fewRedirects}}, nil
	}
	return nil, fmt.Errorf("engine %s: kind %q is unknown", cfg.Name, cfg.Kind)
}

var (
	errIdle    = note.EngineSilent.Errorf()
	errTooLong = note.EngineSlow.Errorf()
)

// within bounds a call: whole by Timeout, each silence by Idle. alive resets the silence; end must be called.
func within(ctx context.Context, cfg Config) (bounded context.Context, alive func(), end func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	whole := time.AfterFunc(cfg.Timeout, func() { cancel(errTooLong) })
	silence := time.AfterFunc(cfg.Idle, func() { cancel(errIdle) })
	return bounded, func() { silence.Reset(cfg.Idle) }, func() {
		whole.Stop()
		silence.Stop()
		cancel(nil)
	}
}

// settle sorts the end of a bounded call: the caller's own context before everything, then the bounds, then the failure.
func settle(caller, bounded context.Context, err error) error {
	if err == nil {
		return nil
	}
	if caller.Err() != nil {
		return context.Cause(caller)
	}
	if cause := context.Cause(bounded); errors.Is(cause, errIdle) || errors.Is(cause, errTooLong) {
		return &Fault{Kind: Away, Err: cause}
	}
	var f *Fault
	if errors.As(err, &f) {
		return err
	}
	return &Fault{Kind: Away, Err: err}
}

// bounded writes at most max bytes, and holds them against what MP4 is.
type bounded struct {
	out     io.Writer
	max     int64
	n       int64
	boxes   boxes
	alive   func()
	started time.Time
	first   time.Duration
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.n == 0 && len(p) > 0 {
		b.first = time.Since(b.started)
	}
	if b.n+int64(len(p)) > b.max {
		return 0, fault(Wrong, "the engine sent more than %d bytes", b.max)
	}
	if f := b.boxes.take(p); f != nil {
		return 0, f
	}
	b.alive()
	n, err := b.out.Write(p)
	b.n += int64(n)
	return n, err
}

// whole ends a call: a video that breaks off is none.
func (b *bounded) whole(made Made, err error) (Made, error) {
	made.Bytes, made.First = b.n, b.first
	if err != nil {
		return made, err
	}
	if f := b.boxes.end(); f != nil {
		return made, f
	}
	return made, nil
}
