package detect

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"time"

	"liveclip/internal/domain"
)

const (
	hop          = 5 * time.Second // a count is of two hops
	mostInHop    = 20_000          // distinct users; more are counted as overflow
	mostAwaiting = 100_000         // users of all hops still to come: an archive's comments may all come before its speech
)

// comments counts distinct users per hop, learns what is usual, and tells a burst when one begins or grows.
type comments struct {
	Hops     map[int64]users // by number: those not yet told, and the last one told
	Waiting  int             // users in Hops
	Next     int64           // the next hop to tell
	Usual    []int           // counts of the past, oldest first
	Burst    *burst          // going on
	AskedAt  time.Duration   // when the host last asked for comments
	WasAsked bool
	Newest   time.Duration // media time of the newest comment
	Any      bool          // of comments ever
}

// users are hashes of distinct ones; as JSON, eight bytes each.
type users map[uint64]struct{}

func (u users) MarshalJSON() ([]byte, error) {
	packed := make([]byte, 0, 8*len(u))
	for _, h := range slices.Sorted(maps.Keys(u)) {
		packed = binary.BigEndian.AppendUint64(packed, h)
	}
	return json.Marshal(packed)
}

func (u *users) UnmarshalJSON(text []byte) error {
	var packed []byte
	if err := json.Unmarshal(text, &packed); err != nil {
		return err
	}
	*u = users{}
	for ; len(packed) >= 8; packed = packed[8:] {
		(*u)[binary.BigEndian.Uint64(packed)] = struct{}{}
	}
	return nil
}

// burst is one from its first unusual count on until counts are usual again.
type burst struct {
	Number int64 // of the hop it began in
	Date   time.Duration
	Weight float64 // greatest so far
}

// add counts a comment. It reports false for one that comes too late, or for which there is no room.
func (c *comments) add(s domain.AudienceSignal) bool {
	number := int64(s.At / hop)
	if s.At < 0 || number < c.Next || c.Waiting >= mostAwaiting {
		return false
	}
	if c.Hops == nil {
		c.Hops = map[int64]users{}
	}
	in := c.Hops[number]
	if in == nil {
		in = users{}
		c.Hops[number] = in
	}
	if len(in) >= mostInHop {
		return false
	}
	user := s.User
	if user == "" {
		user = s.ID
	}
	h := fnv.New64a()
	h.Write([]byte(user))
	if _, known := in[h.Sum64()]; !known {
		in[h.Sum64()] = struct{}{}
		c.Waiting++
	}
	c.Newest, c.Any = max(c.Newest, s.At), true
	return true
}

// due is the media time at which the next hop can be told.
func (c *comments) due(r CommentRules) time.Duration {
	return time.Duration(c.Next+1)*hop + r.Grace
}

// tell counts the ten seconds that end with the next hop. It gives the evidence of a burst when one begins, or grows.
func (c *comments) tell(r CommentRules) (evidence, bool) {
	number := c.Next
	c.Next++
	before, now := len(c.Hops[number-1]), len(c.Hops[number])
	count := c.distinct(number)
	c.forget(number - 1)
	end := time.Duration(number+1) * hop
	if len(c.Usual) == 0 && count == 0 || end-2*hop < r.Greeting {
		return evidence{}, false // the feed is not there yet, or says hello
	}
	median, deviation := usual(c.Usual)
	known := time.Duration(len(c.Usual)) * hop
	c.Usual = append(c.Usual, count)
	if most := int(r.Memory / hop); len(c.Usual) > most {
		c.Usual = slices.Delete(c.Usual, 0, len(c.Usual)-most)
	}
	above := (float64(count) - median) / deviation
	if known < r.Settle || count < r.LeastUsers || above < r.Least {
		c.Burst = nil
		return evidence{}, false
	}
	weight := r.Weight * (0.4 + 0.6*ramp(above, r.Least, r.Full))
	if c.WasAsked && end-c.AskedAt < r.AskedFor+2*hop {
		weight /= 2
	}
	if c.Burst == nil {
		onset := number
		if before > now/2 {
			onset--
		}
		c.Burst = &burst{Number: number, Date: max(0, time.Duration(onset)*hop-r.Lag)}
	}
	if weight <= c.Burst.Weight {
		return evidence{}, false
	}
	c.Burst.Weight = weight
	return evidence{
		Signal: signalComments,
		Kind:   kindBurst,
		Detail: fmt.Sprintf("%d comments in %d s, usually %.0f", count, int(2*hop/time.Second), median),
		Moment: domain.Window{Start: c.Burst.Date, End: c.Burst.Date + hop},
		Weight: weight,
		Burst:  c.Burst.Number,
	}, true
}

// distinct counts the users of a hop and the one before it.
func (c *comments) distinct(number int64) int {
	count := len(c.Hops[number])
	for user := range c.Hops[number-1] {
		if _, again := c.Hops[number][user]; !again {
			count++
		}
	}
	return count
}

func (c *comments) forget(number int64) {
	c.Waiting -= len(c.Hops[number])
	delete(c.Hops, number)
}

// usual gives the median of counts and the deviation from it: the median absolute one, scaled to a standard deviation, at
// least that of counts that fall at random.
func usual(counts []int) (median, deviation float64) {
	values := make([]float64, len(counts))
	for i, n := range counts {
		values[i] = float64(n)
	}
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

const feedMemory = 30 * time.Second // a feed with no comment for so long is quiet; with no signal for two of them, missing

// health of the comment feed at a mark; signals is the mark at which any audience signal last came.
func (c *comments) health(mark, signals time.Duration, any bool) domain.Health {
	switch {
	case c.Any && mark-c.Newest <= feedMemory:
		return domain.HealthPresent
	case any && mark-signals <= 2*feedMemory:
		return domain.HealthQuiet
	}
	return domain.HealthMissing
}
