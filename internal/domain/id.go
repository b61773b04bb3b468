package domain

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
)

// Tenant owns streams. Every key, prefix and event carries it.
type Tenant string

// DefaultTenant owns the streams of an installation that has one tenant only.
const DefaultTenant Tenant = "default"

// StreamID names one live room: the user's own name for it, 1 to 64 letters, digits, '_' or '-'.
type StreamID string

// BroadcastID names one time on air of a stream. It is unique over all tenants and streams.
type BroadcastID string

// HighlightID names a highlight: H(broadcast, anchor event ID), or H(tenant, stream, idempotency key) for a request.
type HighlightID string

// ClipID names a clip: H(highlight ID, variant). It is unique over all tenants, so it can stand alone in a URL.
type ClipID string

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ParseStreamID accepts 1 to 64 letters, digits, '_' or '-'.
func ParseStreamID(s string) (StreamID, error) {
	if !idPattern.MatchString(s) {
		return "", Permanent(fmt.Errorf("stream ID %.80q: must be 1 to 64 letters, digits, '_' or '-'", s))
	}
	return StreamID(s), nil
}

// ParseTenant accepts the same form as ParseStreamID.
func ParseTenant(s string) (Tenant, error) {
	if !idPattern.MatchString(s) {
		return "", Permanent(fmt.Errorf("tenant %.80q: must be 1 to 64 letters, digits, '_' or '-'", s))
	}
	return Tenant(s), nil
}

// Ref addresses a stream of a tenant. Its String form, "tenant/stream", is the Kafka key and the object-store prefix.
type Ref struct {
	Tenant Tenant
	Stream StreamID
}

func (r Ref) String() string { return string(r.Tenant) + "/" + string(r.Stream) }

// ParseRef reads the String form back.
func ParseRef(s string) (Ref, error) {
	t, id, ok := strings.Cut(s, "/")
	if !ok || !idPattern.MatchString(t) || !idPattern.MatchString(id) {
		return Ref{}, Permanent(fmt.Errorf("stream reference %.140q: must be tenant/stream", s))
	}
	return Ref{Tenant(t), StreamID(id)}, nil
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// H derives an ID from its causes: 26 lower-case characters (128 bits of SHA-256 over the length-prefixed parts).
// The same causes always give the same ID, which is what makes a repeat harmless.
func H(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return idEncoding.EncodeToString(h.Sum(nil)[:16])
}

// NewHighlightID is the identity of a detected highlight: the broadcast and the event that anchored it.
func NewHighlightID(b BroadcastID, anchorEventID string) HighlightID {
	return HighlightID(H("highlight", string(b), anchorEventID))
}

// NewRequestID is the identity of a requested highlight: its idempotency key within the stream.
func NewRequestID(ref Ref, idempotencyKey string) HighlightID {
	return HighlightID(H("request", string(ref.Tenant), string(ref.Stream), idempotencyKey))
}

// NewClipID is the identity of one variant of a highlight's clip; the usual variant is "main".
func NewClipID(h HighlightID, variant string) ClipID { return ClipID(H("clip", string(h), variant)) }

// ArchivedBroadcast is the one broadcast that an archived recording is: the same each time it is run.
func ArchivedBroadcast(ref Ref) BroadcastID {
	return BroadcastID(H("archived", string(ref.Tenant), string(ref.Stream)))
}
