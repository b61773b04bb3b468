package bus

import (
	"context"

	"liveclip/internal/event"
)

// Offsets are positions per topic within one partition number: the next offset to read.
type Offsets map[event.Topic]int64

// Merger handles one partition number of several topics as one ordered feed. Its state and offsets belong together: it
// keeps both, atomically, where it likes.
type Merger interface {
	// Restore gives the offsets kept with the state; nil: begin at the oldest.
	Restore(ctx context.Context) (Offsets, error)
	// Handle takes the next event. An error stops the partition, which is then restored and read again.
	Handle(ctx context.Context, e event.Event) error
	// Keep stores the state with the offsets; called every second or so when something was handled, and at the end.
	Keep(ctx context.Context, next Offsets) error
}

// Merge joins the group and runs a Merger per partition number assigned, until ctx ends (nil). All topics of a partition
// number go to one member. Events of the topics are interleaved by their record timestamps, a topic without records at
// hand holding the others up only until it is known to have none older: a replay gives the order that live gave.
func (b *Bus) Merge(ctx context.Context, group string, topics []event.Topic, open func(partition int) Merger) error {
	panic("unwritten")
}
