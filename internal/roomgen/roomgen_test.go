package roomgen_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
)

func maker(t testing.TB) *roomgen.Maker {
	t.Helper()
	m, err := roomgen.New()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestARoomIsTheSameEachTime(t *testing.T) {
	a, b := maker(t).Room(roomgen.Train, 3), maker(t).Room(roomgen.Train, 3)
	if !reflect.DeepEqual(a, b) {
		t.Error("two rooms of one number differ")
	}
	if reflect.DeepEqual(a.Labels, maker(t).Room(roomgen.HeldOut, 3).Labels) {
		t.Error("a held-out room is a training room")
	}
}

func TestTheHeldOutSeedsAreThoseThatWereFrozen(t *testing.T) {
	if err := roomgen.Frozen(); err != nil {
		t.Error(err)
	}
}

func TestTheGeneratorKnowsNothingOfDetection(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=Deps", "liveclip/internal/roomgen").Output()
	if err != nil {
		t.Fatal(err)
	}
	var listed struct{ Deps []string }
	if err := json.NewDecoder(strings.NewReader(string(out))).Decode(&listed); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(listed.Deps, func(d string) bool { return !strings.HasPrefix(d, "liveclip/") })
	if want := []string{"liveclip/internal/domain", "liveclip/internal/roomlog", "liveclip/internal/strictyaml"}; !reflect.DeepEqual(own, want) {
		t.Errorf("it depends on %v, not only on %v", own, want)
	}
}

func TestAMadeRoomKeepsTheLogsPromises(t *testing.T) {
	for number := range 6 {
		room := maker(t).Room(roomgen.Train, number)
		var heard, at time.Duration
		var last roomlog.Entry
		for _, e := range room.Entries {
			if e.At < at {
				t.Fatalf("%s: arrival falls from %s to %s", room.Name, at, e.At)
			}
			at, last = e.At, e
			switch {
			case e.Progress != nil && (e.Progress.HeardTo < heard || e.Progress.HeardTo > e.Progress.RecordedTo):
				t.Fatalf("%s: mark %s after %s, recorded to %s", room.Name, e.Progress.HeardTo, heard, e.Progress.RecordedTo)
			case e.Progress != nil:
				heard = e.Progress.HeardTo
			case e.Line != nil && e.Line.End < heard:
				t.Fatalf("%s: line %q ends at %s, told after the mark %s", room.Name, e.Line.Text, e.Line.End, heard)
			case e.Sound != nil && e.Sound.Start < heard:
				t.Fatalf("%s: sound of %s told after the mark %s", room.Name, e.Sound.Start, heard)
			}
		}
		if last.Progress == nil || !last.Progress.Closed {
			t.Errorf("%s: does not end closed", room.Name)
		}
	}
}

// What a room is made of, so that no measurement is taken on rooms that a mistake left empty.
func TestRoomsHoldWhatTheyAreMeantTo(t *testing.T) {
	m := maker(t)
	var moments, lines, comments, products, orders, likes, languages = 0, 0, 0, 0, 0, 0, map[string]int{}
	kinds := map[string]int{}
	const rooms = 20
	for number := range rooms {
		room := m.Room(roomgen.Train, number)
		languages[room.Facts.Language]++
		for i, l := range room.Labels.Moments {
			moments++
			kinds[l.Kind]++
			if i > 0 && l.Window().Overlap(room.Labels.Moments[i-1].Window()) > 0 {
				t.Errorf("%s: moments at %s overlap", room.Name, l.Start)
			}
			if said := media(room.Truths[i].First); l.Start > said+time.Second || l.End < said {
				t.Errorf("%s: label %v misses what was said at %s", room.Name, l, said)
			}
		}
		for _, e := range room.Entries {
			switch {
			case e.Line != nil:
				lines++
			case e.Audience == nil:
			case e.Audience.Kind == domain.SignalComment:
				comments++
			case e.Audience.Kind == domain.SignalProduct:
				products++
			case e.Audience.Kind == domain.SignalOrder:
				orders++
			case e.Audience.Kind == domain.SignalLike:
				likes++
			}
		}
	}
	t.Logf("%d rooms: %v, moments %d %v, lines %d, comments %d, products %d, orders %d, likes %d", rooms, languages, moments, kinds, lines, comments, products, orders, likes)
	for what, n := range map[string]int{"moments": moments / 8, "lines": lines / 300, "comments": comments / 2000, "products": products / 5, "orders": orders / 50, "likes": likes / 500} {
		if n < rooms {
			t.Errorf("too few %s", what)
		}
	}
	if len(languages) != 2 || len(kinds) != 5 {
		t.Errorf("languages %v, kinds %v", languages, kinds)
	}
}

func media(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func BenchmarkRoom(b *testing.B) {
	m := maker(b)
	for i := 0; b.Loop(); i++ {
		m.Room(roomgen.Train, i)
	}
}
