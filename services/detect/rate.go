package detect

import (
	"fmt"
	"time"
)

// RatesRules tell swells of everything that is counted.
type RatesRules struct {
	Likes   RateRules `yaml:"likes"`
	Gifts   RateRules `yaml:"gifts"`
	Follows RateRules `yaml:"follows"`
	Orders  RateRules `yaml:"orders"`
}

// RateRules tell a swell of likes, gifts, follows or orders.
type RateRules struct {
	Least float64 `yaml:"least"` // deviations above the room's median, in ten seconds, from which it counts
	Full  float64 `yaml:"full"`
	Count int64   `yaml:"count"` // fewer in ten seconds are no swell
}

// rate follows how much of one thing the audience does.
type rate struct {
	name   string
	Window []int64 // by hop, the newest last
	Usual  []int
	Sum    int64
	Above  float64
	Value  float64 // greatest of the swell that is going on
	Any    bool    // that ever came
}

var rateNames = map[string]struct{ feature, english, chinese string }{
	signalLikes:   {"likes.burst", "%d likes in %.0f s, usually %.0f", "%[2].0f 秒内点赞 %[1]d 次，平时 %[3].0f 次"},
	signalGifts:   {"gifts.burst", "gifts worth %d in %.0f s, usually %.0f", "%[2].0f 秒内礼物价值 %[1]d，平时 %[3].0f"},
	signalFollows: {"follows.burst", "%d follow in %.0f s, usually %.0f", "%[2].0f 秒内新增关注 %[1]d 人，平时 %[3].0f 人"},
	signalOrders:  {"orders.burst", "%d ordered in %.0f s, usually %.0f", "%[2].0f 秒内下单 %[1]d 件，平时 %[3].0f 件"},
}

// of names a rate; it is kept without its name.
func (s *rate) of(name string) *rate {
	s.name = name
	return s
}

// count gives how much of it a hop has, and the rules that tell a swell of it.
func (s *rate) count(h *hop, r RatesRules) (int64, RateRules) {
	switch s.name {
	case signalLikes:
		return h.Likes, r.Likes
	case signalGifts:
		return h.Gifts, r.Gifts
	case signalFollows:
		return h.Follows, r.Follows
	}
	return h.Orders, r.Orders
}

func (s *rate) take(h happening, r *room) []evidence {
	if h.Hop == nil {
		return nil
	}
	count, rules := s.count(h.Hop, r.rules.Rates)
	if count == 0 && !s.Any {
		return nil // the feed is not there, or not yet
	}
	s.Any = true
	s.Window = append(s.Window, count)
	s.Sum += count
	if n := len(s.Window) - int(window/hopLength); n > 0 {
		for _, gone := range s.Window[:n] {
			s.Sum -= gone
		}
		s.Window = newest(s.Window, int(window/hopLength))
	}
	median, deviation := usual(s.Usual)
	known := time.Duration(len(s.Usual)) * sampleEvery
	s.Above = (float64(s.Sum) - median) / deviation
	if h.At%sampleEvery == 0 {
		s.Usual = newest(append(s.Usual, int(s.Sum)), int(r.rules.Comments.Memory/sampleEvery))
	}
	if known < r.rules.Comments.Settle || s.Sum < rules.Count || s.Above < rules.Least {
		if s.Above < rules.Least/2 {
			s.Value = 0
		}
		return nil
	}
	value := 0.4 + 0.6*ramp(s.Above, rules.Least, rules.Full)
	if value < s.Value+growth && (value < 1 || s.Value == 1) {
		return nil
	}
	s.Value = value
	name := rateNames[s.name]
	return []evidence{{
		Signal: s.name, Feature: name.feature, Kind: kindBurst, Value: value,
		Detail:  fmt.Sprintf(name.english, s.Sum, window.Seconds(), median),
		Chinese: fmt.Sprintf(name.chinese, s.Sum, window.Seconds(), median),
		Moment:  r.answered(h.At - s.since()),
		Burst:   h.Hop.Number,
		Source:  source{came: h.Hop.came},
	}}
}

// since is how long ago the swell began: how far back the newest hops were above the window's mean.
func (s *rate) since() time.Duration {
	counts := make([]float64, len(s.Window))
	for i, n := range s.Window {
		counts[i] = float64(n)
	}
	return time.Duration(len(counts)-rise(smooth(counts), 0)) * hopLength
}

func (s *rate) values(give func(string, float64)) {
	give(s.name+".count", float64(s.Sum))
	give(s.name+".z", s.Above)
}
