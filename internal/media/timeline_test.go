package media

import (
	"math"
	"math/big"
	"testing"
	"testing/quick"
	"time"
)

// placeAll places packets of 40 ms of one track with the given source times.
func placeAll(l *timeline, c *trackClock, source ...time.Duration) (at []time.Duration) {
	for _, s := range source {
		a, _ := l.place(c, s, s, 40*time.Millisecond, s, false)
		at = append(at, a)
	}
	return at
}

func TestALeapInTheSourcesClockIsNoLeapInMediaTime(t *testing.T) {
	const ms = time.Millisecond
	for name, leap := range map[string]time.Duration{
		"forward":           time.Hour,
		"backward":          -time.Hour,
		"33 bits are full":  -time.Duration(rescale(1<<33, int64(time.Second), 90000)),
		"32 bits are full":  -(1 << 32) * ms,
		"just far enough":   leapForward + 41*ms,
		"just back too far": -leapBackward - 41*ms,
	} {
		var l timeline
		var picture trackClock
		const begin = 1000 * time.Hour
		l.begin(begin, 10*time.Second)
		got := placeAll(&l, &picture, begin, begin+40*ms, begin+80*ms+leap, begin+120*ms+leap)
		want := []time.Duration{10 * time.Second, 10*time.Second + 40*ms, 10*time.Second + 80*ms, 10*time.Second + 120*ms}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", name, got, want)
				break
			}
		}
	}
}

func TestPicturesAndSoundStayTogetherOverALeap(t *testing.T) {
	const ms = time.Millisecond
	var l timeline
	var picture, sound trackClock
	l.begin(0, 0)
	placeAll(&l, &picture, 0, 40*ms, 80*ms)
	placeAll(&l, &sound, 0, 40*ms)
	placeAll(&l, &picture, time.Hour) // the picture leaps first: 120 ms
	got := placeAll(&l, &sound, 80*ms, time.Hour, time.Hour+40*ms)
	want := []time.Duration{80 * ms, 120 * ms, 160 * ms}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("sound at %v, want %v", got, want)
		}
	}
}

func TestAGapThatIsNoLeapStaysAGap(t *testing.T) {
	var l timeline
	var picture trackClock
	l.begin(0, 0)
	if got := placeAll(&l, &picture, 0, 3*time.Second); got[1] != 3*time.Second {
		t.Errorf("placed at %v, want a gap of 3 s", got)
	}
}

func TestRescaleIsExact(t *testing.T) {
	exact := func(v int64, num, den uint32) bool {
		n, d := int64(num)+1, int64(den)+1
		want := new(big.Int).Mul(big.NewInt(v), big.NewInt(n))
		half := new(big.Int).Div(big.NewInt(d), big.NewInt(2))
		if v < 0 {
			half.Neg(half)
		}
		want.Quo(want.Add(want, half), big.NewInt(d))
		got := rescale(v, n, d)
		if !want.IsInt64() {
			return got == math.MaxInt64 || got == -math.MaxInt64
		}
		return v == math.MinInt64 || got == want.Int64()
	}
	if err := quick.Check(exact, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
}
