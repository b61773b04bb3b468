// Package story follows every clip's story (clip.state.v1) and finds the clips whose next step never came: the sweepers of
// t2v, review and publish put those back on their queues, and ops rebuilds its views from it.
package story

import (
	"context"
	"log/slog"
	"time"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Clip is what is known of one clip: the last record of each step.
type Clip struct {
	Envelope event.Envelope // of the newest step
	Steps    map[domain.Step]domain.ClipStep
	Sent     map[string]domain.ClipStep // by destination
}

// Table holds the stories of clips that have not ended. Safe for concurrent use.
type Table struct{}

// New reads nothing yet. Clips whose story ended (sent everywhere it was meant to, rejected, failed, taken down, or
// published and older than keep) are let go.
func New(b *bus.Bus, keep time.Duration, now func() time.Time, log *slog.Logger) *Table {
	panic("unwritten")
}

// Run follows clip.state.v1 from its start until ctx ends.
func (t *Table) Run(ctx context.Context) error { panic("unwritten") }

// Waiting gives the clips that took step `done` at least age ago and have not taken step `missing`, nor failed, nor were
// rejected or taken down. It gives none before the story was read to its end once.
func (t *Table) Waiting(done, missing domain.Step, age time.Duration) []Clip { panic("unwritten") }

// Sweep calls again for every waiting clip, every period, until ctx ends. again must be harmless to repeat.
func (t *Table) Sweep(ctx context.Context, done, missing domain.Step, age, period time.Duration, again func(ctx context.Context, c Clip) error) error {
	panic("unwritten")
}
