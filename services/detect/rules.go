package detect

import (
	_ "embed"
	"slices"
	"time"
)

//go:embed rules/default.yaml
var defaultRules []byte

// defaultRulesName stands for the built-in file in faults.
const defaultRulesName = "built-in rules"

// Spec is what a rules file says: what a moment is. A file need not name what it does not change; `keywords`, where given,
// replaces all groups, `more` adds to them.
type Spec struct {
	// Threshold is the score, of 0 to 1, from which a moment is a highlight. The score is the logistic of Bias and the
	// weighted sum of the features.
	Threshold float64 `yaml:"threshold"`
	Bias      float64 `yaml:"bias"`
	// Weights are those of the features, by the two parts of the name: "comments", "burst". What is given here outweighs what
	// a group or a rule says of itself.
	Weights map[string]map[string]float64 `yaml:"weights"`
	// Together: evidence no further apart than this is of one moment.
	Together time.Duration `yaml:"together"`
	// Close: a moment that begins nearer than this to a highlight's is the same. Apart: one that begins this far away never
	// is. Between the two it is the same when the highlight's window already shows it, or the score has not fallen to Fall.
	Close time.Duration `yaml:"close"`
	Apart time.Duration `yaml:"apart"`
	Fall  float64       `yaml:"fall"`

	Budget     BudgetRules      `yaml:"budget"`
	Window     WindowRules      `yaml:"window"`
	Loose      float64          `yaml:"loose"` // how far a phrase may be, by its sound, a token in the mean
	Keywords   []Group          `yaml:"keywords"`
	More       []Group          `yaml:"more"`
	Elsewhere  []string         `yaml:"elsewhere"` // phrases by which a host speaks of another time, or denies
	Leads      []string         `yaml:"leads"`     // phrases by which a host calls for attention: the window begins with them
	Calls      []string         `yaml:"calls"`     // phrases by which a host calls to act
	Place      PlaceRules       `yaml:"place"`
	Comments   CommentRules     `yaml:"comments"`
	Lag        LagRules         `yaml:"lag"`
	Meaning    MeaningRules     `yaml:"meaning"`
	Rates      RatesRules       `yaml:"rates"`
	Loudness   LoudnessRules    `yaml:"loudness"`
	Voice      VoiceRules       `yaml:"voice"`
	Conditions []ConditionRules `yaml:"rules"`
	// Categories are the rooms that a preset is for, as operators name them.
	Categories []string `yaml:"categories"`
}

// BudgetRules bound how many clips an hour may bring.
type BudgetRules struct {
	PerHour int     `yaml:"per_hour"`
	Free    float64 `yaml:"free"` // share of it that is given out at the threshold
	Best    float64 `yaml:"best"` // score that the last of them needs; in between the bar rises evenly
}

// Group is a kind of moment and the phrases that tell it.
type Group struct {
	at      string   // its path in the file
	Name    string   `yaml:"name"`    // the highlight's kind
	Chinese string   `yaml:"chinese"` // its name for people
	Weight  float64  `yaml:"weight"`
	Loose   *float64 `yaml:"loose"` // in place of the rules'; 0: literally only
	Phrases []string `yaml:"phrases"`
	List    string   `yaml:"list"`  // file of further phrases, one a line, beside the rules file
	Not     []string `yaml:"not"`   // a match that shares a word with one of these is none
	Hints   []string `yaml:"hints"` // words that belong to it, without being an offer
}

// PlaceRules tell which sentence an audience reacts to: the one for which the sum is greatest.
type PlaceRules struct {
	Spread time.Duration `yaml:"spread"` // standard deviation of the time that a reaction is dated back to
	Sells  float64       `yaml:"sells"`  // for every weight of what was said in it
	Voice  float64       `yaml:"voice"`  // for every LU that it is louder than the one before
	Lead   float64       `yaml:"lead"`   // follows a call for attention, or is one
	Call   float64       `yaml:"call"`   // is followed by a call to act; off where it follows one
}

// CommentRules tell a burst of comments. Counts are of distinct users in ten seconds; a deviation is the room's median
// absolute deviation, scaled to a standard one.
type CommentRules struct {
	LeastUsers int           `yaml:"least_users"` // fewer are no burst
	Least      float64       `yaml:"least"`       // deviations above the median from which a burst counts
	Full       float64       `yaml:"full"`        // from which it counts fully
	Echo       time.Duration `yaml:"echo"`        // a burst dated less than this after a highlight answers it
	Greeting   time.Duration `yaml:"greeting"`    // at the broadcast's start, when a burst means nothing
	Memory     time.Duration `yaml:"memory"`      // what is usual is learned from this long
	Settle     time.Duration `yaml:"settle"`      // nothing is unusual before this much is known
	Grace      time.Duration `yaml:"grace"`       // waits this long for comments on their way
	Asked      []string      `yaml:"asked"`       // phrases by which a host asks for comments
	AskedFor   time.Duration `yaml:"asked_for"`   // for this long answers to it do not count
}

// Rules are a Spec ready for use. They are never changed; safe for concurrent use.
type Rules struct {
	Spec
	folder     *folder
	sounds     *sounds
	matcher    *matcher
	bySound    *matcher
	lexicon    *matcher
	asked      int // the matcher's group of Comments.Asked; Elsewhere, Leads and Calls are those after it
	hints      int // and then the hints of every group
	weights    map[string]float64
	features   []string // names of the weights, sorted
	conditions []condition
	lists      []string // files of phrases that were read
}

// FeatureWeights gives the weight of every feature, by name.
func (r *Rules) FeatureWeights() map[string]float64 {
	weights := make(map[string]float64, len(r.weights))
	for name, w := range r.weights {
		weights[name] = w
	}
	return weights
}

// WithWeights gives the same rules with another bias and other weights; a feature that is not named keeps its own.
func (r *Rules) WithWeights(bias float64, weights map[string]float64) *Rules {
	changed := *r
	changed.Bias, changed.weights = bias, r.FeatureWeights()
	for name, w := range weights {
		if _, known := changed.weights[name]; known {
			changed.weights[name] = w
		}
	}
	return &changed
}

// WithoutPhrases gives the same rules without the phrases of the groups: what they make of wording that they do not know.
func (r *Rules) WithoutPhrases() *Rules {
	changed := *r
	changed.matcher = newMatcher(literally{}, slices.DeleteFunc(slices.Clone(r.matcher.entries), func(e entry) bool { return e.group < r.asked }))
	changed.bySound = newMatcher(r.sounds, nil)
	return &changed
}

// WithThreshold gives the same rules with another threshold.
func (r *Rules) WithThreshold(threshold float64) *Rules {
	changed := *r
	changed.Threshold = threshold
	return &changed
}
