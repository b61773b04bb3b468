package cea

import (
	"slices"
	"time"
)

// mostHeld bounds the pictures that wait for one that is shown before them; H.264 allows 16.
const mostHeld = 32

// Order brings pictures from the order of decoding into that of showing.
type Order struct{ held []picture }

type picture struct {
	show time.Duration
	data []byte
}

// Add takes the next picture in the order of decoding, and gives, in order, those that none still to come is shown before.
func (o *Order) Add(decode, show time.Duration, data []byte, give func(show time.Duration, data []byte)) {
	if len(data) > 0 {
		i, _ := slices.BinarySearchFunc(o.held, show, func(p picture, at time.Duration) int {
			if p.show <= at {
				return -1
			}
			return 1
		})
		o.held = slices.Insert(o.held, i, picture{show, slices.Clone(data)})
	}
	n := 0
	for n < len(o.held) && (o.held[n].show <= decode || len(o.held)-n > mostHeld) {
		give(o.held[n].show, o.held[n].data)
		n++
	}
	o.held = slices.Delete(o.held, 0, n)
}

// End gives what is held.
func (o *Order) End(give func(show time.Duration, data []byte)) {
	for _, p := range o.held {
		give(p.show, p.data)
	}
	o.held = nil
}
