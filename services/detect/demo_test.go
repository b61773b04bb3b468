package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"liveclip/internal/demo"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// playInto plays a sample room into a room, as a recogniser without faults would: a line per sentence, or, with merged, a line
// per three sentences with the pauses between them.
func playInto(r *room, show demo.Room, merged bool) []decision {
	var lines []finalLine
	for _, s := range show.Script {
		lines = append(lines, said(s.Start.Seconds(), (s.Start+s.Length).Seconds(), s.Text))
	}
	if merged {
		var longer []finalLine
		for three := range slices.Chunk(lines, 3) {
			longer = append(longer, pausing(three...))
		}
		lines = longer
	}
	for _, l := range lines {
		r.say(l)
	}
	for _, change := range show.Shop() {
		item := domain.Product{ID: "1", Name: show.Product, Price: change.Price}
		r.signal(event.Envelope{ID: fmt.Sprint("shop-", change.At)}, domain.AudienceSignal{
			ID: fmt.Sprint("shop-", change.At), Kind: domain.SignalProduct, At: change.At, Item: item, Action: domain.ProductAction(change.Action),
		})
	}
	for _, c := range show.Comments {
		r.write(comment(c.At.Seconds(), c.User))
	}
	return r.finish(show.Length)
}

func TestEveryMomentOfASampleRoomHasOneHighlightAndNothingElseHas(t *testing.T) {
	built := builtIn(t)
	for seed := range uint64(150) {
		for _, merged := range []bool{false, true} {
			show := demo.NewRoom(seed)
			if seed >= 100 {
				show = demo.NewMandarinRoom(seed)
			}
			if merged && seed >= 100 {
				continue // a Mandarin engine ends its lines itself
			}
			r := &room{rules: built}
			fired := highlights(playInto(r, show, merged))
			const edge = 300 * time.Millisecond
			for _, m := range show.Moments() {
				holds := func(h domain.Highlight) bool { return h.Window.Start <= m.Start+edge && h.Window.End >= m.End-edge }
				if !slices.ContainsFunc(fired, holds) {
					t.Errorf("seed %d, merged %v: %q at %s has none", seed, merged, m.Text, m.Start)
				}
			}
			if len(fired) != len(show.Moments()) {
				t.Errorf("seed %d, merged %v: %d highlights for %d moments", seed, merged, len(fired), len(show.Moments()))
			}
			if t.Failed() {
				for _, h := range fired {
					t.Logf("%s %+v %+v", h.Kind, h.Window, h.Reasons)
				}
				t.FailNow()
			}
		}
	}
}
