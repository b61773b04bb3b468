package detect

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	window      = 10 * time.Second // users are counted over this long
	sampleEvery = 5 * time.Second  // how often a count is learned from
	seriesFor   = 40               // seconds of counts kept for dating
	growth      = 0.12             // of a burst's value: then it is told again
)

// comments counts distinct users in a sliding window, learns what is usual in this room, and tells a burst when one begins
// or grows. What means nothing is not counted: greetings, what a host asked for, one text from many.
type comments struct {
	Window []counted     // the hops of the window, oldest first
	Usual  []int         // counts of the past, oldest first, one every sampleEvery
	Series []int         // distinct users a second, the newest last
	Second []uint32      // users of the second that is under way
	Heard  time.Duration // end of the newest hop in which anybody wrote
	Burst  *burst        // going on
	Asked  time.Duration // when the host last asked for comments
	Known  bool          // that the host ever asked
	Count  int           // now
	Above  float64       // deviations above the usual, now
	Median float64
}

// counted is a hop's remarks.
type counted struct {
	Number  int64
	Remarks remarks
}

// burst is one from its first unusual count on until counts are usual again.
type burst struct {
	Number int64   // of the hop it began in
	Height float64 // greatest so far
}

func (c *comments) take(h happening, r *room) []evidence {
	if h.Line != nil && h.Line.asked != nil {
		c.Asked, c.Known = *h.Line.asked, true
	}
	if h.Hop == nil {
		return nil
	}
	c.slide(*h.Hop)
	rules := r.rules.Comments
	if h.At < rules.Greeting {
		c.Burst = nil
		return nil // everybody says hello
	}
	c.Count = c.count(c.asking(h.At, rules))
	median, deviation := usual(c.Usual)
	c.Median = median
	c.Above = (float64(c.Count) - c.Median) / deviation
	settled := c.settled(rules)
	if h.At%sampleEvery == 0 && (len(c.Usual) > 0 || c.Count > 0) {
		c.Usual = newest(append(c.Usual, c.Count), int(rules.Memory/sampleEvery))
	}
	if !settled || c.Count < rules.LeastUsers || c.Above < rules.Least {
		if c.Above < rules.Least/2 {
			c.Burst = nil
		}
		return nil
	}
	return c.tell(h, r)
}

// asking tells whether the host asked for comments not long ago: he was heard to, or the comments look like it.
func (c *comments) asking(now time.Duration, r CommentRules) bool {
	return c.Known && now-c.Asked < r.AskedFor || c.answering()
}

const (
	leastAnswers = 4   // users
	answerShare  = 0.2 // of the users in the window
)

// answering tells whether many write what hosts ask for: a number, a sign over and over.
func (c *comments) answering() bool {
	users, answers := map[uint32]struct{}{}, map[uint32]struct{}{}
	for _, in := range c.Window {
		for _, m := range in.Remarks {
			if users[m.User] = struct{}{}; m.Means&meansAnswer != 0 {
				answers[m.User] = struct{}{}
			}
		}
	}
	return len(answers) >= leastAnswers && float64(len(answers)) >= answerShare*float64(len(users))
}

// settled tells whether enough is known of the room to call anything unusual.
func (c *comments) settled(r CommentRules) bool {
	return time.Duration(len(c.Usual))*sampleEvery >= r.Settle
}

// tell gives the burst's evidence when it begins or has grown.
func (c *comments) tell(h happening, r *room) []evidence {
	value := 0.4 + 0.6*ramp(c.Above, r.rules.Comments.Least, r.rules.Comments.Full)
	if c.Burst == nil {
		c.Burst = &burst{Number: h.Hop.Number}
	}
	height := value + 0.6*ramp(c.Above, r.rules.Comments.Full, 3*r.rules.Comments.Full)
	if height < c.Burst.Height+growth {
		return nil
	}
	c.Burst.Height = height
	burst := evidence{
		Signal: signalComments, Feature: "comments.burst", Kind: kindBurst, Value: value,
		Detail:  fmt.Sprintf("%d people comment in %.0f s, usually %.0f", c.Count, window.Seconds(), c.Median),
		Chinese: fmt.Sprintf("%.0f 秒内 %d 人评论，平时 %.0f 人", window.Seconds(), c.Count, c.Median),
		Moment:  r.answered(c.onset(h.At)),
		Burst:   c.Burst.Number,
		Source:  source{came: h.Hop.came},
	}
	out := append([]evidence{burst}, c.solicited(burst)...)
	surge := burst
	surge.Feature, surge.Value = "comments.surge", ramp(c.Above, r.rules.Comments.Full, 3*r.rules.Comments.Full)
	if surge.Value == 0 {
		return out
	}
	return append(out, surge)
}

// solicited gives evidence that what the audience wrote answers what the host asked it to write.
func (c *comments) solicited(to evidence) []evidence {
	users, answers := 0, 0
	for _, in := range c.Window {
		for _, m := range in.Remarks {
			users++
			if m.Means&meansAnswer != 0 {
				answers++
			}
		}
	}
	value := ramp(float64(answers)/float64(max(1, users)), 0.1, answerShare*2)
	if apart := to.Moment.End - c.Asked; c.Known && apart >= -askedNear && apart <= askedNear {
		value = max(value, 0.6)
	}
	if value == 0 {
		return nil
	}
	to.Feature, to.Kind, to.Value = "comments.asked", "", value
	to.Detail, to.Chinese = "the host asked for comments", "主播要求刷评论"
	return []evidence{to}
}

const askedNear = 5 * time.Second

// slide moves the window on by a hop.
func (c *comments) slide(h hop) {
	if len(h.Remarks) > 0 {
		c.Window, c.Heard = append(c.Window, counted{h.Number, h.Remarks}), h.end()
	}
	oldest := h.Number - int64(window/hopLength)
	for len(c.Window) > 0 && c.Window[0].Number <= oldest {
		c.Window = slices.Delete(c.Window, 0, 1)
	}
	for _, m := range h.Remarks {
		if m.Means&meansGreeting == 0 && !slices.Contains(c.Second, m.User) && len(c.Second) < mostInHop {
			c.Second = append(c.Second, m.User)
		}
	}
	if (h.Number+1)%int64(time.Second/hopLength) == 0 {
		c.Series = newest(append(c.Series, len(c.Second)), seriesFor)
		c.Second = c.Second[:0]
	}
}

// count gives the distinct users of the window. When the host asked for comments, those who only answered are left out, and
// of those who write one text the second and further. Of a long text that several write, as bots do, one counts at any time.
func (c *comments) count(asked bool) int {
	users := make(map[uint32]struct{}, 64)
	texts := make(map[uint32]struct{}, 64)
	for _, in := range c.Window {
		for _, m := range in.Remarks {
			if m.Means&meansGreeting != 0 || asked && m.Means&meansAnswer != 0 {
				continue
			}
			if _, again := users[m.User]; again {
				continue
			}
			if asked || m.Means&meansLong != 0 {
				if _, again := texts[m.Text]; again {
					continue
				}
				texts[m.Text] = struct{}{}
			}
			users[m.User] = struct{}{}
		}
	}
	return len(users)
}

// onset is the media time at which the counts rose half of the way from what is usual to their height.
func (c *comments) onset(now time.Duration) time.Duration {
	return now - time.Duration(len(c.Series)-rise(smooth(floats(c.Series)), c.Median/window.Seconds()))*time.Second
}

// rise finds where a series begins to be above the middle between base and its last height: an index.
func rise(series []float64, base float64) int {
	peak := 0
	for i, v := range series {
		if v >= series[peak] {
			peak = i
		}
	}
	if len(series) == 0 {
		return 0
	}
	half := base + (series[peak]-base)/2
	for peak > 0 && series[peak-1] > half {
		peak--
	}
	return peak
}

func floats(of []int) []float64 {
	values := make([]float64, len(of))
	for i, n := range of {
		values[i] = float64(n)
	}
	return values
}

// smooth gives the mean of every value and its neighbours.
func smooth(of []float64) []float64 {
	out := make([]float64, len(of))
	for i := range of {
		from, to := max(0, i-1), min(len(of), i+2)
		for _, v := range of[from:to] {
			out[i] += v
		}
		out[i] /= float64(to - from)
	}
	return out
}

func (c *comments) values(give func(string, float64)) {
	give("comments.users", float64(c.Count))
	give("comments.usual", c.Median)
	give("comments.z", c.Above)
}

// usual gives the median of counts and the deviation from it: the median absolute one, scaled to a standard deviation, at
// least that of counts that fall at random.
func usual(counts []int) (median, deviation float64) {
	values := floats(counts)
	median = middle(values)
	for i, v := range values {
		values[i] = math.Abs(v - median)
	}
	return median, max(1.4826*middle(values), math.Sqrt(median), 1)
}

// middle is the median; it sorts values. Of none it is 0.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// ramp rises from 0 at least to 1 at full.
func ramp(v, least, full float64) float64 {
	if v >= full {
		return 1
	}
	return max(0, (v-least)/(full-least))
}
