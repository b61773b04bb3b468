// Package lease gives a stream one owner at a time, with a rising epoch: whoever comes later has a greater one, also after
// Redis lost everything, so that a late owner's writes are seen as stale.
package lease

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Owner of a stream.
type Owner struct {
	Process string // unique per process start
	Address string // of its Recording service, host:port
	Epoch   int64
}

// Leases are kept in Redis. Safe for concurrent use.
type Leases struct{}

// New does not dial. ttl is how long a lease outlives its last renewal.
func New(rdb redis.UniversalClient, ttl time.Duration) *Leases { panic("unwritten") }

// ErrTaken says who has the lease.
type ErrTaken struct{ Owner Owner }

func (e ErrTaken) Error() string { return "stream is owned by " + e.Owner.Process }

// Take takes the lease of a stream, or fails with ErrTaken. The epoch is max(last + 1, Unix milliseconds).
func (l *Leases) Take(ctx context.Context, ref domain.Ref, process, address string) (*Lease, error) {
	panic("unwritten")
}

// Find gives the owner, or ok = false.
func (l *Leases) Find(ctx context.Context, ref domain.Ref) (owner Owner, ok bool, err error) {
	panic("unwritten")
}

// Lease is held until released or lost.
type Lease struct{ Owner Owner }

// Hold renews the lease until ctx ends. It returns an error when another took it, or when it could not be renewed for so
// long that another may have. A lease that vanished (Redis was flushed) is taken again under the same epoch.
func (l *Lease) Hold(ctx context.Context) error { panic("unwritten") }

// Release gives the lease up, if it is still ours.
func (l *Lease) Release(ctx context.Context) error { panic("unwritten") }

// FindAddress is Find for those who only want to ask the owner (recording.Finder).
func (l *Leases) FindAddress(ctx context.Context, ref domain.Ref) (address string, ok bool, err error) {
	panic("unwritten")
}

// Process is an asr process that can own streams.
type Process struct {
	ID      string
	Address string // of its Recording service
	RTMP    string // rtmp://host:port that publishers reach it by
	Streams int    // owned now
	Max     int    // 0: no bound
}

// Announce keeps the process listed until ctx ends; state is asked each time.
func (l *Leases) Announce(ctx context.Context, state func() Process) error { panic("unwritten") }

// Processes lists the asr processes alive, least loaded first.
func (l *Leases) Processes(ctx context.Context) ([]Process, error) { panic("unwritten") }
