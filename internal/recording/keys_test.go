package recording

import (
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestASegmentNameReadsBack(t *testing.T) {
	for _, n := range []SegmentName{
		{domain.Window{Start: 0, End: 6 * time.Second}, 1780000000000, 0, true},
		{domain.Window{Start: 3 * time.Hour, End: 3*time.Hour + 6040*time.Millisecond}, 7, 12, false},
	} {
		got, ok := ParseSegmentName(n.String())
		if !ok || got != n {
			t.Errorf("%s reads as %+v, %v; want %+v", n, got, ok, n)
		}
	}
}

func TestTheMillisecondsOfANameHoldTheWholeWindow(t *testing.T) {
	n := SegmentName{Window: domain.Window{Start: 1999999, End: 3000001}}
	got, _ := ParseSegmentName(n.String())
	want := domain.Window{Start: time.Millisecond, End: 4 * time.Millisecond}
	if got.Window != want {
		t.Errorf("window %v, want %v", got.Window, want)
	}
}

func TestOtherNamesAreNoSegments(t *testing.T) {
	for _, name := range []string{"", "closed.json", "0000000000000001-000000.init.mp4", "1-2-3-4-k.m4s",
		"000000000006-000000000001-0000000000000001-000000-k.m4s", "-00000000001-000000000001-0000000000000001-000000-k.m4s",
		"000000000000-000000000001-0000000000000001-000000-x.m4s", "999999999999999999-999999999999999999-0000000000000001-000000-k.m4s"} {
		if n, ok := ParseSegmentName(name); ok {
			t.Errorf("%q reads as %+v", name, n)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add(SegmentName{domain.Window{Start: 1, End: time.Hour}, 5, 3, true}.String())
	f.Add(linesName{time.Second, time.Minute, 9}.String())
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := ParseSegmentName(name); ok {
			if again, ok := ParseSegmentName(n.String()); !ok || again != n {
				t.Fatalf("%q reads as %+v, which reads back as %+v", name, n, again)
			}
		}
		if n, ok := parseLinesName(name); ok {
			if again, ok := parseLinesName(n.String()); !ok || again != n {
				t.Fatalf("%q reads as %+v, which reads back as %+v", name, n, again)
			}
		}
	})
}
