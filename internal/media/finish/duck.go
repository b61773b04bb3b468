package finish

import "math"

const (
	ducked      = 0.32  // what is left of music while somebody speaks: -10 dB
	duckOpen    = 0.018 // full scale: what is quieter is no speech
	duckAttack  = 0.06  // seconds in which it gives way, to 1/e
	duckRelease = 0.45  // seconds in which it comes back
	duckHold    = 0.35  // seconds that a pause between words may last
)

// ducker lets music give way to a voice.
type ducker struct {
	now, attack, release float64
	held                 int
}

func newDucker() *ducker {
	return &ducker{now: 1, attack: 1 - math.Exp(-1/(duckAttack*sampleRate)), release: 1 - math.Exp(-1/(duckRelease*sampleRate))}
}

// gain is what the music is multiplied with beside a sample of the voice.
func (d *ducker) gain(voice float32) float32 {
	if voice > duckOpen {
		d.held = int(duckHold * sampleRate)
	}
	if d.held > 0 {
		d.held--
		d.now += (ducked - d.now) * d.attack
	} else {
		d.now += (1 - d.now) * d.release
	}
	return float32(d.now)
}
