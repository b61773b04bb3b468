package t2v

import (
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// GateConfig is the part "t2v.gate" of the configuration: generated shots beyond a threshold are made again from another seed,
// and then give way.
type GateConfig struct {
	Black   float64 `koanf:"black"`   // share of black pictures, at most
	Frozen  float64 `koanf:"frozen"`  // share of pictures that do not differ from the one before, at most
	Sharp   float64 `koanf:"sharp"`   // contrast of edges, at least
	Flicker float64 `koanf:"flicker"` // jumps of brightness that turn back at once, at most
	Retries int     `koanf:"retries"` // seeds tried after the first
}

func gateDefaults() GateConfig {
	return GateConfig{Black: 0.3, Frozen: 0.85, Sharp: 0.004, Flicker: 0.04, Retries: 1}
}

func (g GateConfig) faults() (faults []string) {
	for name, v := range map[string]float64{"black": g.Black, "frozen": g.Frozen, "sharp": g.Sharp, "flicker": g.Flicker} {
		if !(v >= 0 && v <= 1) {
			faults = append(faults, fmt.Sprintf("t2v.gate.%s: must be 0 to 1, is %g", name, v))
		}
	}
	if g.Retries < 0 || g.Retries > 5 {
		faults = append(faults, fmt.Sprintf("t2v.gate.retries: must be 0 to 5, is %d", g.Retries))
	}
	return faults
}

// assess makes a record of what was measured, with the threshold that it fails.
func (g GateConfig) assess(l *mediav1.Looked) domain.ShotQuality {
	q := domain.ShotQuality{Frames: int(l.GetFrames()), Black: l.GetBlack(), Frozen: l.GetFrozen(), Sharp: l.GetSharp(), Flicker: l.GetFlicker()}
	switch {
	case q.Frames == 0:
		q.Refused = note.Empty.Say()
	case q.Black > g.Black:
		q.Refused = note.Black.Say(100*q.Black, 100*g.Black)
	case q.Frozen > g.Frozen:
		q.Refused = note.Frozen.Say(100*q.Frozen, 100*g.Frozen)
	case q.Sharp < g.Sharp:
		q.Refused = note.Blurred.Say(q.Sharp, g.Sharp)
	case q.Flicker > g.Flicker:
		q.Refused = note.Flickering.Say(q.Flicker, g.Flicker)
	}
	return q
}
