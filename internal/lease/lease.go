// Package lease gives a stream one owner at a time, with a rising epoch: whoever comes later has a greater one, also after
// Redis lost everything, so that a late owner's writes are seen as stale.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Owner of a stream.
type Owner struct {
	Process string // no two alive have the same
	Address string // of its Recording service, host:port
	Epoch   int64
}

// Leases are kept in Redis. Safe for concurrent use.
type Leases struct {
	rdb redis.UniversalClient
	ttl time.Duration
}

// New does not dial. ttl is how long a lease outlives its last renewal.
func New(rdb redis.UniversalClient, ttl time.Duration) *Leases { return &Leases{rdb: rdb, ttl: ttl} }

// ErrTaken says who has the lease.
type ErrTaken struct{ Owner Owner }

func (e ErrTaken) Error() string { return "stream is owned by " + e.Owner.Process }

// The keys of one stream share a hash tag, so that a Redis Cluster keeps them on one node.
func ownerKey(ref domain.Ref) string { return "liveclip:lease:{" + ref.String() + "}" }
func epochKey(ref domain.Ref) string { return ownerKey(ref) + ":epoch" }

// rememberEpochs is how long the last epoch outlives its lease; beyond it the clock alone makes epochs rise.
const rememberEpochs = 30 * 24 * time.Hour

// take answers with the epoch taken, or with the owner as kept.
var take = redis.NewScript(`
local taken = redis.call('GET', KEYS[1])
if taken and cjson.decode(taken).Process ~= ARGV[1] then return taken end
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, tonumber(ARGV[3]))
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text, 'PX', ARGV[5])
redis.call('SET', KEYS[1], cjson.encode({Process = ARGV[1], Address = ARGV[2], Epoch = epoch}), 'PX', ARGV[4])
return epoch`)

// renew answers 1 while the lease is ours, also when it vanished and no later epoch was given; else 0.
var renew = redis.NewScript(`
local taken = redis.call('GET', KEYS[1])
if taken then
  local owner = cjson.decode(taken)
  if owner.Process ~= ARGV[1] or owner.Epoch ~= tonumber(ARGV[3]) then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  return 1
end
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[5])
redis.call('SET', KEYS[1], cjson.encode({Process = ARGV[1], Address = ARGV[2], Epoch = tonumber(ARGV[3])}), 'PX', ARGV[4])
return 1`)

var release = redis.NewScript(`
local taken = redis.call('GET', KEYS[1])
if not taken then return 0 end
local owner = cjson.decode(taken)
if owner.Process ~= ARGV[1] or owner.Epoch ~= tonumber(ARGV[2]) then return 0 end
return redis.call('DEL', KEYS[1])`)

// Take takes the lease of a stream, or fails with ErrTaken. The epoch is max(last + 1, Unix milliseconds). A lease that a
// process of the same name left, which was killed and started again, is taken over.
func (l *Leases) Take(ctx context.Context, ref domain.Ref, process, address string) (*Lease, error) {
	answer, err := take.Run(ctx, l.rdb, []string{ownerKey(ref), epochKey(ref)},
		process, address, time.Now().UnixMilli(), l.ttl.Milliseconds(), rememberEpochs.Milliseconds()).Result()
	if err != nil {
		return nil, fmt.Errorf("take lease of %s: %w", ref, err)
	}
	switch v := answer.(type) {
	case int64:
		return &Lease{Owner: Owner{process, address, v}, leases: l, ref: ref}, nil
	case string:
		var owner Owner
		if err := json.Unmarshal([]byte(v), &owner); err != nil {
			return nil, fmt.Errorf("take lease of %s: its owner is unreadable: %w", ref, err)
		}
		return nil, ErrTaken{owner}
	}
	return nil, fmt.Errorf("take lease of %s: redis answered %T", ref, answer)
}

// Find gives the owner, or ok = false.
func (l *Leases) Find(ctx context.Context, ref domain.Ref) (owner Owner, ok bool, err error) {
	value, err := l.rdb.Get(ctx, ownerKey(ref)).Bytes()
	if errors.Is(err, redis.Nil) {
		return Owner{}, false, nil
	}
	if err != nil {
		return Owner{}, false, fmt.Errorf("find owner of %s: %w", ref, err)
	}
	if err := json.Unmarshal(value, &owner); err != nil {
		return Owner{}, false, fmt.Errorf("find owner of %s: %w", ref, err)
	}
	return owner, true, nil
}

// FindAddress is Find for those who only want to ask the owner (recording.Finder).
func (l *Leases) FindAddress(ctx context.Context, ref domain.Ref) (address string, ok bool, err error) {
	owner, ok, err := l.Find(ctx, ref)
	return owner.Address, ok, err
}

// Lease is held until released or lost.
type Lease struct {
	Owner  Owner
	leases *Leases
	ref    domain.Ref
}

// ErrLost says that another may own the stream now.
var ErrLost = errors.New("lease lost")

// Hold renews the lease until ctx ends (nil). It returns an error when another took it, or when it could not be renewed for
// so long that another may have. A lease that vanished (Redis was flushed) is taken again under the same epoch.
func (l *Lease) Hold(ctx context.Context) error {
	tick := time.NewTicker(l.leases.ttl / 4)
	defer tick.Stop()
	renewed := time.Now()
	for {
		began := time.Now()
		ours, err := l.renew(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && !ours:
			return fmt.Errorf("hold lease of %s: %w to another", l.ref, ErrLost)
		case err == nil:
			renewed = began
		case time.Since(renewed) > l.leases.ttl*3/4: // one more failure and it has run out
			return fmt.Errorf("hold lease of %s: %w: not renewed in time: %w", l.ref, ErrLost, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *Lease) renew(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.leases.ttl/4)
	defer cancel()
	kept, err := renew.Run(ctx, l.leases.rdb, []string{ownerKey(l.ref), epochKey(l.ref)},
		l.Owner.Process, l.Owner.Address, l.Owner.Epoch, l.leases.ttl.Milliseconds(), rememberEpochs.Milliseconds()).Int64()
	return kept == 1, err
}

// Release gives the lease up, if it is still ours.
func (l *Lease) Release(ctx context.Context) error {
	if err := release.Run(ctx, l.leases.rdb, []string{ownerKey(l.ref)}, l.Owner.Process, l.Owner.Epoch).Err(); err != nil {
		return fmt.Errorf("release lease of %s: %w", l.ref, err)
	}
	return nil
}
