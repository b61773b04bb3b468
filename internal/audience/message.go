package audience

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"liveclip/internal/domain"
)

// Message is one thing a platform said of its audience: before people lose their names and the moment gets its media time.
type Message struct {
	ID     string // the platform's, under the platform's name; a repeat has the same
	Kind   domain.SignalKind
	Text   string
	User   string    // the platform's ID
	At     time.Time // the platform's clock; zero: not told
	Count  int64
	Item   domain.Product
	Action domain.ProductAction
}

// UnixTime reads a platform's number of seconds, or of milliseconds; what cannot be either is the zero time.
func UnixTime(number int64) time.Time {
	const year2001, year2100 = 1_000_000_000, 4_102_444_800 // in seconds; year2001 in milliseconds lies beyond 2100 in seconds
	switch {
	case number >= year2001 && number < year2100:
		return time.Unix(number, 0)
	case number >= year2001*1000 && number < year2100*1000:
		return time.UnixMilli(number)
	}
	return time.Time{}
}

const maxInflated = 8 << 20 // bytes of one frame; a gzip bomb ends here

// Inflate unpacks the gzip of a frame's payload.
func Inflate(payload []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxInflated+1))
	if err == nil && len(text) > maxInflated {
		err = fmt.Errorf("unpacks to more than %d MiB", maxInflated>>20)
	}
	return text, err
}
