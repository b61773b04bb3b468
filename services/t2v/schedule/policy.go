package schedule

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"liveclip/internal/strictyaml"
)

// Policy says in which order quality is given up.
type Policy struct {
	Tiers   map[string]Tier    `yaml:"tiers"`
	Tenants map[string]float64 `yaml:"tenants"` // weights of tenants against each other; 1 where none is named
}

// Tier is what one kind of customer gets.
type Tier struct {
	Weight float64 `yaml:"weight"`
	Levels []Level `yaml:"levels"` // from the best to the least
	Then   string  `yaml:"then"`   // instead of a generated shot: template or footage
}

// Level is a lighter form of an order, as shares of what was asked; 0 stands for 1.
type Level struct {
	Name   string  `yaml:"name"`
	Steps  float64 `yaml:"steps"`
	Size   float64 `yaml:"size"` // of each side
	Length float64 `yaml:"length"`
}

// What is done instead of a generated shot.
const (
	Template = "template"
	Footage  = "footage"
)

// Standard is the tier of an order that names none.
const Standard = "standard"

//go:embed policy.yaml
var shipped []byte

// Shipped is the policy that comes with the program.
func Shipped() Policy {
	p, err := parse(strictyaml.New("policy.yaml", shipped))
	if err != nil {
		panic(err) // it is compiled in, and tested
	}
	return p
}

// LoadPolicy reads a file; its tiers replace those of the shipped policy with the same name. An empty path is the shipped one.
func LoadPolicy(path string) (Policy, error) {
	policy := Shipped()
	if path == "" {
		return policy, nil
	}
	file, err := strictyaml.Open(path)
	if err != nil {
		return policy, fmt.Errorf("read policy: %w", err)
	}
	own, err := parse(file)
	if err != nil {
		return policy, err
	}
	maps.Copy(policy.Tiers, own.Tiers)
	policy.Tenants = own.Tenants
	return policy, nil
}

func parse(file *strictyaml.File) (Policy, error) {
	var p Policy
	if err := file.Decode(&p); err != nil {
		return p, err
	}
	if len(p.Tiers) > maxTiers {
		return p, fmt.Errorf("%s: has more than %d tiers", file.Name(), maxTiers)
	}
	for name, tier := range p.Tiers {
		if err := tier.check(); err != nil {
			return p, fmt.Errorf("%s: tier %.40q: %w", file.Name(), name, err)
		}
	}
	for name, weight := range p.Tenants {
		if !(weight > 0 && weight <= 1000) {
			return p, fmt.Errorf("%s: tenant %.40q: weight must be above 0 and at most 1000, is %g", file.Name(), name, weight)
		}
	}
	return p, nil
}

const (
	maxLevels = 16
	maxTiers  = 16
)

func (t Tier) check() error {
	if !(t.Weight > 0 && t.Weight <= 1000) {
		return fmt.Errorf("weight must be above 0 and at most 1000, is %g", t.Weight)
	}
	if len(t.Levels) == 0 || len(t.Levels) > maxLevels {
		return fmt.Errorf("must have 1 to %d levels, has %d", maxLevels, len(t.Levels))
	}
	if t.Then != Template && t.Then != Footage {
		return fmt.Errorf("then must be template or footage, is %.40q", t.Then)
	}
	before := 1.0
	for i, l := range t.Levels {
		for _, share := range []float64{l.Steps, l.Size, l.Length} {
			if !(share >= 0 && share <= 1) {
				return fmt.Errorf("level %d: shares must be 0 to 1, one is %g", i, share)
			}
		}
		cost := or1(l.Steps) * or1(l.Size) * or1(l.Size) * or1(l.Length)
		if cost > before+1e-9 {
			return fmt.Errorf("level %d costs more than the one above it", i)
		}
		before = cost
	}
	return nil
}

func or1(share float64) float64 {
	if share == 0 {
		return 1
	}
	return share
}

// of gives a form at a level: at least one step, sides of multiples of 16 as the models need them, no shot under a second that
// was not asked for so short.
func (l Level) of(asked Form) Form {
	f := asked
	if asked.Steps > 0 {
		f.Steps = max(1, int(math.Round(float64(asked.Steps)*or1(l.Steps))))
	}
	f.Width, f.Height = side(asked.Width, l.Size), side(asked.Height, l.Size)
	if l.Length > 0 {
		f.Length = max(time.Duration(float64(asked.Length)*l.Length).Round(100*time.Millisecond), min(asked.Length, time.Second))
	}
	return f
}

func side(pixels int, share float64) int {
	return max(16, int(float64(pixels)*or1(share))/16*16)
}

// tier of an order; one that is not known is standard, or the first by name where the policy has no standard.
func (p Policy) tier(name string) Tier {
	if t, ok := p.Tiers[name]; ok {
		return t
	}
	if t, ok := p.Tiers[Standard]; ok {
		return t
	}
	var names []string
	for n := range p.Tiers {
		names = append(names, n)
	}
	return p.Tiers[slices.Min(names)]
}
