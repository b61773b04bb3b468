package simulated

import (
	"testing"
	"time"
)

func TestNoRoomStarvesAndLittleIsLate(t *testing.T) {
	for name, change := range map[string]func(*Setting){
		"nine tenths of what there is": func(*Setting) {},
		"a greedy room":                func(s *Setting) { s.Greedy = 0.5 },
		"more than there is":           func(s *Setting) { s.Load = 1.3 },
		"a GPU away":                   func(s *Setting) { s.Away = 3 * time.Minute },
	} {
		s := Hour()
		s.Length, s.Rooms, s.Seed = 15*time.Minute, 60, 5
		change(&s)
		r := Run(s)
		if r.Asked == 0 || r.Made+r.Refused != r.Asked {
			t.Errorf("%s: %d asked, %d made, %d refused: something was lost", name, r.Asked, r.Made, r.Refused)
		}
		if r.LateShare() > 0.01 {
			t.Errorf("%s: %.2f %% late", name, 100*r.LateShare())
		}
		if share, room := r.LeastServed(); share < 0.5 {
			t.Errorf("%s: %s got %d of %d", name, room.Name, room.Made, room.Asked)
		}
	}
}
