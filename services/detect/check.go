package detect

import (
	"fmt"
	"regexp"
	"time"

	"liveclip/internal/strictyaml"
)

var groupName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// check notes every value of the file that makes no sense.
func (s *Spec) check(f *strictyaml.File) {
	within := func(path string, v, low, high float64) {
		if !(v >= low && v <= high) {
			f.Fault(path, "must be between %v and %v, is %v", low, high, v)
		}
	}
	span := func(path string, v, low, high time.Duration) {
		if v < low || v > high {
			f.Fault(path, "must be between %s and %s, is %s", low, high, v)
		}
	}
	within("threshold", s.Threshold, 0.01, 1)
	within("bias", s.Bias, -mostWeight, mostWeight)
	within("fall", s.Fall, 0, s.Threshold)
	within("loose", s.Loose, 0, 0.3)
	within("budget.per_hour", float64(s.Budget.PerHour), 1, 500)
	within("budget.free", s.Budget.Free, 0, 1)
	within("budget.best", s.Budget.Best, 0, 1)
	span("together", s.Together, time.Second, time.Minute)
	span("close", s.Close, 0, 10*time.Minute)
	span("apart", s.Apart, s.Close, 10*time.Minute)
	span("window.before", s.Window.Before, 0, time.Minute)
	span("window.reach", s.Window.Reach, s.Window.Before, time.Minute)
	span("window.after", s.Window.After, 0, time.Minute)
	span("window.edge", s.Window.Edge, 0, 10*time.Second)
	span("window.shortest", s.Window.Shortest, time.Second, 10*time.Minute)
	span("window.longest", s.Window.Longest, max(s.Window.Shortest, s.Window.Reach+s.Window.After), 10*time.Minute)
	within("comments.least_users", float64(s.Comments.LeastUsers), 1, 1e6)
	within("comments.least", s.Comments.Least, 0, 1000)
	within("comments.full", s.Comments.Full, s.Comments.Least, 1000)
	span("comments.echo", s.Comments.Echo, 0, 5*time.Minute)
	span("comments.greeting", s.Comments.Greeting, 0, time.Hour)
	span("comments.memory", s.Comments.Memory, time.Minute, time.Hour)
	span("comments.settle", s.Comments.Settle, 0, s.Comments.Memory)
	span("comments.grace", s.Comments.Grace, 0, time.Minute)
	span("comments.asked_for", s.Comments.AskedFor, 0, 10*time.Minute)
	span("lag.least", s.Lag.Least, 0, lagReach*time.Second)
	span("lag.most", s.Lag.Most, s.Lag.Least, lagReach*time.Second)
	span("lag.prior", s.Lag.Prior, s.Lag.Least, s.Lag.Most)
	within("lag.trust", s.Lag.Trust, 0.01, 1000)
	within("meaning.least_users", float64(s.Meaning.LeastUsers), 1, 1e6)
	within("meaning.least", s.Meaning.Least, 0, 1000)
	within("meaning.full", s.Meaning.Full, s.Meaning.Least, 1000)
	span("place.spread", s.Place.Spread, 100*time.Millisecond, time.Minute)
	within("place.sells", s.Place.Sells, 0, mostWeight)
	within("place.voice", s.Place.Voice, 0, mostWeight)
	within("place.lead", s.Place.Lead, 0, mostWeight)
	within("place.call", s.Place.Call, 0, mostWeight)
	within("voice.least", s.Voice.Least, 0, 60)
	within("voice.full", s.Voice.Full, s.Voice.Least, 60)
	within("loudness.least", s.Loudness.Least, 0, 60)
	within("loudness.full", s.Loudness.Full, s.Loudness.Least, 60)
	for _, rate := range []struct {
		name string
		RateRules
	}{{"likes", s.Rates.Likes}, {"gifts", s.Rates.Gifts}, {"follows", s.Rates.Follows}, {"orders", s.Rates.Orders}} {
		within("rates."+rate.name+".least", rate.Least, 0, 1000)
		within("rates."+rate.name+".full", rate.Full, rate.Least, 1000)
		within("rates."+rate.name+".count", float64(rate.Count), 1, mostCount)
	}
	s.checkGroups(f)
	s.checkConditions(f)
}

func (s *Spec) checkGroups(f *strictyaml.File) {
	if len(s.Keywords) == 0 {
		f.Fault("keywords", "must name at least one group")
	}
	names := map[string]bool{}
	for _, g := range s.Keywords {
		switch {
		case !groupName.MatchString(g.Name):
			f.Fault(g.at+".name", "must be lower-case letters, digits and '_', at most 32, is %.80q", g.Name)
		case names[g.Name]:
			f.Fault(g.at+".name", "%q is named twice", g.Name)
		}
		names[g.Name] = true
		if !(g.Weight >= -mostWeight && g.Weight <= mostWeight) {
			f.Fault(g.at+".weight", "must be between %v and %v, is %v", -mostWeight, mostWeight, g.Weight)
		}
		if g.Loose != nil && !(*g.Loose >= 0 && *g.Loose <= 0.3) {
			f.Fault(g.at+".loose", "must be between 0 and 0.3, is %v", *g.Loose)
		}
		if len(g.Phrases) == 0 && g.List == "" {
			f.Fault(g.at+".phrases", "must hold at least one phrase, or a list must be named")
		}
	}
}

func (s *Spec) checkConditions(f *strictyaml.File) {
	if len(s.Conditions) > mostConditions {
		f.Fault("rules", "more than %d", mostConditions)
	}
	names := map[string]bool{}
	for i, c := range s.Conditions {
		path := fmt.Sprintf("rules.%d", i)
		switch {
		case !groupName.MatchString(c.Name):
			f.Fault(path+".name", "must be lower-case letters, digits and '_', at most 32, is %.80q", c.Name)
		case names[c.Name]:
			f.Fault(path+".name", "%q is named twice", c.Name)
		}
		names[c.Name] = true
		if !(c.Weight >= -mostWeight && c.Weight <= mostWeight) {
			f.Fault(path+".weight", "must be between %v and %v, is %v", -mostWeight, mostWeight, c.Weight)
		}
		if c.Kind != "" && !groupName.MatchString(c.Kind) {
			f.Fault(path+".kind", "must be lower-case letters, digits and '_', at most 32, is %.80q", c.Kind)
		}
	}
}
