package roomgen

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Split tells rooms to tune on from rooms to be measured by.
type Split string

const (
	Train   Split = "train"
	HeldOut Split = "held-out"
)

// HeldOutRooms is how many rooms the frozen hash covers.
const HeldOutRooms = 100

// Seed of the room with this number.
func (s Split) Seed(number int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s room %d", s, number))
	return binary.BigEndian.Uint64(sum[:8])
}

//go:embed heldout.sha256
var frozen string

// Frozen reports whether the held-out seeds are still those that were frozen before anything was tuned.
func Frozen() error {
	h := sha256.New()
	for i := range HeldOutRooms {
		h.Write(binary.BigEndian.AppendUint64(nil, HeldOut.Seed(i)))
	}
	if now := hex.EncodeToString(h.Sum(nil)); now != strings.TrimSpace(frozen) {
		return fmt.Errorf("held-out rooms: their seeds hash to %s, frozen was %s", now, strings.TrimSpace(frozen))
	}
	return nil
}
