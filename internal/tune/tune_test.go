package tune

import (
	"math"
	"slices"
	"testing"
	"time"

	"liveclip/internal/loudness"
)

func lufs(t *testing.T, sound [2][]float32) float64 {
	t.Helper()
	values := loudness.NewMeter(Rate, 2).Add([][]float32{sound[0], sound[1]})
	l, ok := loudness.Integrated(slices.Values(values))
	if !ok {
		t.Fatal("silent")
	}
	return l
}

func TestEveryTuneIsAsLongAsAskedForAudibleAndTheSameAgain(t *testing.T) {
	for kind, names := range map[string][]string{"bed": Beds(), "sting": Stings()} {
		for _, name := range names {
			play := Bed
			if kind == "sting" {
				play = Sting
			}
			for _, length := range []time.Duration{1500 * time.Millisecond, 20 * time.Second} {
				got, err := play(name, length)
				if err != nil {
					t.Fatal(err)
				}
				if len(got[0]) != samples(length) || len(got[1]) != samples(length) {
					t.Errorf("%s %s: %d and %d samples of %s", kind, name, len(got[0]), len(got[1]), length)
				}
				if l := lufs(t, got); l < -30 || l > -9 {
					t.Errorf("%s %s of %s is as loud as %.1f LUFS", kind, name, length, l)
				}
				for i, v := range got[0] {
					if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 1 {
						t.Fatalf("%s %s: sample %d is %g", kind, name, i, v)
					}
				}
				again, _ := play(name, length)
				if !slices.Equal(got[0], again[0]) || !slices.Equal(got[1], again[1]) {
					t.Errorf("%s %s is another one the second time", kind, name)
				}
			}
		}
	}
}

func TestAnUnknownTuneNamesThoseThereAre(t *testing.T) {
	if _, err := Bed("polka", time.Second); err == nil || err.Error() != `there is no music "polka" (there are [bright calm drive])` {
		t.Error(err)
	}
}
