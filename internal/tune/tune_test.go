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

func check(t *testing.T, name string, sound, again [2][]float32) {
	t.Helper()
	if l := lufs(t, sound); l < -30 || l > -9 {
		t.Errorf("%s is as loud as %.1f LUFS", name, l)
	}
	for c := range sound {
		if !slices.Equal(sound[c], again[c]) {
			t.Errorf("%s is another one the second time", name)
		}
		for i, v := range sound[c] {
			if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 1 {
				t.Fatalf("%s: sample %d is %g", name, i, v)
			}
		}
	}
}

func TestEveryStingIsAsLongAsAskedForAudibleAndTheSameAgain(t *testing.T) {
	for _, name := range Stings() {
		for _, length := range []time.Duration{1500 * time.Millisecond, 4 * time.Second} {
			got, err := Sting(name, length)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := Sting(name, length)
			if len(got[0]) != samples(length) || len(got[1]) != samples(length) {
				t.Errorf("%s: %d and %d samples of %s", name, len(got[0]), len(got[1]), length)
			}
			check(t, name, got, again)
		}
	}
}

func TestEveryBedGoesOnWithoutASeam(t *testing.T) {
	for _, name := range Beds() {
		got, err := Loop(name)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Loop(name)
		check(t, name, got, again)
		if seam := math.Abs(float64(got[0][0] - got[0][len(got[0])-1])); seam > 0.1 {
			t.Errorf("%s jumps by %.2f where it begins again", name, seam)
		}
	}
}

func TestAnUnknownTuneNamesThoseThereAre(t *testing.T) {
	if _, err := Loop("polka"); err == nil || err.Error() != `there is no music "polka" (there are [bright calm drive])` {
		t.Error(err)
	}
}
