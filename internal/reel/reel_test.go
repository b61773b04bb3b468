package reel_test

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/reel"
)

func clip(start, end int, score float64, title, text, product string) reel.Clip {
	return reel.Clip{Window: domain.Window{Start: time.Duration(start) * time.Second, End: time.Duration(end) * time.Second}, Score: score, Title: title, Text: text, Product: product}
}

func titles(clips []reel.Clip) []string {
	var out []string
	for _, c := range clips {
		out = append(out, c.Title)
	}
	return out
}

func TestAReelHoldsWhatSaysMostInItsTime(t *testing.T) {
	const minute = time.Minute
	for name, c := range map[string]struct {
		clips  []reel.Clip
		budget time.Duration
		want   []string
	}{
		"all that fits, in order of time":                           {[]reel.Clip{clip(60, 80, 0.7, "b", "", ""), clip(10, 30, 0.9, "a", "", "")}, minute, []string{"a", "b"}},
		"the best by the second":                                    {[]reel.Clip{clip(0, 50, 0.9, "long", "", ""), clip(60, 80, 0.8, "b", "", ""), clip(100, 120, 0.8, "c", "", "")}, minute, []string{"b", "c"}},
		"one long clip worth more than the short that shuts it out": {[]reel.Clip{clip(0, 5, 0.2, "short", "", ""), clip(60, 120, 0.95, "long", "", "")}, minute, []string{"long"}},
		"no second of the same words": {[]reel.Clip{clip(0, 20, 0.9, "a", "today fifty percent off everything", ""), clip(60, 80, 0.89, "again", "today, fifty percent off everything!", ""),
			clip(90, 110, 0.5, "other", "only three pieces left", "")}, 40 * time.Second, []string{"a", "other"}},
		"another product before the same": {[]reel.Clip{clip(0, 20, 0.9, "a", "", "cup"), clip(60, 80, 0.8, "cup again", "", "cup"), clip(90, 110, 0.7, "lamp", "", "lamp")}, 40 * time.Second, []string{"a", "lamp"}},
		"no moment twice":                 {[]reel.Clip{clip(0, 20, 0.9, "a", "", ""), clip(19, 39, 0.9, "b", "", "")}, minute, []string{"a"}},
		"nothing short enough":            {[]reel.Clip{clip(0, 90, 0.9, "a", "", "")}, minute, nil},
		"nothing at all":                  {nil, minute, nil},
		"clips of nothing":                {[]reel.Clip{clip(5, 5, 0.9, "empty", "", ""), clip(9, 2, 0.9, "turned", "", ""), clip(10, 20, 0, "worthless", "", "")}, minute, nil},
	} {
		if got := titles(reel.Choose(c.clips, c.budget)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestAReelIsNeverLongerThanAskedNorShowsAMomentTwice(t *testing.T) {
	for seed := range 50 {
		var clips []reel.Clip
		x := uint32(seed + 1)
		next := func(n uint32) int { x = x*1664525 + 1013904223; return int((x >> 8) % n) }
		for range 40 {
			at := next(5000)
			clips = append(clips, clip(at, at+5+next(25), float64(next(100))/100, "", string(rune('a'+next(5))), string(rune('p'+next(3)))))
		}
		budget := time.Duration(30+seed*5) * time.Second
		var sum, last time.Duration
		for _, c := range reel.Choose(clips, budget) {
			if c.Window.Start < last {
				t.Fatalf("seed %d: %v begins before %s", seed, c.Window, last)
			}
			sum, last = sum+c.Window.Length(), c.Window.End
		}
		if sum > budget {
			t.Errorf("seed %d: %s of %s", seed, sum, budget)
		}
	}
}
