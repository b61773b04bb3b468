package demo

import (
	"reflect"
	"testing"
	"time"
)

func TestASeedGivesTheSameRoomAgainAndAnotherSeedAnother(t *testing.T) {
	if !reflect.DeepEqual(NewRoom(7), NewRoom(7)) {
		t.Error("seed 7 gave two rooms")
	}
	if reflect.DeepEqual(NewRoom(7).Script, NewRoom(8).Script) {
		t.Error("seeds 7 and 8 gave one script")
	}
	if !reflect.DeepEqual(NewMandarinRoom(7), NewMandarinRoom(7)) {
		t.Error("seed 7 gave two Mandarin rooms")
	}
}

func TestMomentsStandApartAndEndBeforeTheRoomDoes(t *testing.T) {
	for seed := range uint64(400) {
		room := NewRoom(seed)
		if seed >= 200 {
			room = NewMandarinRoom(seed)
		}
		moments := room.Moments()
		if len(moments) < 3 {
			t.Fatalf("seed %d: %d moments", seed, len(moments))
		}
		for i, m := range moments {
			if m.End+6*time.Second > room.Length {
				t.Errorf("seed %d: moment %q ends at %s, the room at %s", seed, m.Text, m.End, room.Length)
			}
			if i > 0 && m.Start-moments[i-1].End < 8*time.Second {
				t.Errorf("seed %d: %q comes %s after %q", seed, m.Text, m.Start-moments[i-1].End, moments[i-1].Text)
			}
		}
		if room.Length > 75*time.Second {
			t.Errorf("seed %d: the room is %s long", seed, room.Length)
		}
	}
}
