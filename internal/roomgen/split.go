package roomgen

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Split tells rooms to tune on from rooms to be measured by.
type Split string

const (
	Train      Split = "train"
	Validation Split = "validation" // the phrases of training, other rooms: to choose by
	HeldOut    Split = "held-out"
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

// Frozen reports whether the held-out seeds, the phrases and the constants are still those that were frozen.
func Frozen() error {
	h := sha256.New()
	for i := range HeldOutRooms {
		h.Write(binary.BigEndian.AppendUint64(nil, HeldOut.Seed(i)))
	}
	was := strings.Fields(frozen)
	if len(was) != 2 {
		return fmt.Errorf("held-out rooms: heldout.sha256 holds %d hashes, not those of the seeds and of the data", len(was))
	}
	if now := hex.EncodeToString(h.Sum(nil)); now != was[0] {
		return fmt.Errorf("held-out rooms: their seeds hash to %s, frozen was %s", now, was[0])
	}
	data := sha256.Sum256(append(slices.Clone(roomsYAML), phrasesYAML...))
	if now := hex.EncodeToString(data[:]); now != was[1] {
		return fmt.Errorf("held-out rooms: what they are made from hashes to %s, frozen was %s", now, was[1])
	}
	return nil
}
