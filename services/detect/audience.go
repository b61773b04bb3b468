package detect

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"time"

	"liveclip/internal/domain"
)

const (
	hopLength    = 500 * time.Millisecond
	mostInHop    = 2000             // comments of one hop; more are lost
	mostAwaiting = 180_000          // comments of all hops still to come: an archive's may all come before its speech
	latest       = 30 * time.Second // a comment later than this is lost; one less late counts when it comes
	earliest     = 26 * time.Hour   // before its time: an archive's signals come all at once
	earliestLive = 10 * time.Minute // before its time, of a live room: what is further ahead is a wrong clock
	mostHops     = 60_000           // that something waits in: eight hours
	mostCount    = 1_000_000        // of one signal: likes, or a gift's value
	mostSeen     = 256              // signals whose repeats are known, and gift combos still open
	comboFor     = 10 * time.Second
)

// remark is a comment, reduced to what is counted: who, which words, and what they mean.
type remark struct {
	User, Text uint32 // hashes
	Means      meanings
}

// remarks are stored packed, nine bytes each.
type remarks []remark

const remarkBytes = 9

func (rs remarks) MarshalJSON() ([]byte, error) {
	packed := make([]byte, 0, remarkBytes*len(rs))
	for _, r := range rs {
		packed = binary.BigEndian.AppendUint32(packed, r.User)
		packed = binary.BigEndian.AppendUint32(packed, r.Text)
		packed = append(packed, byte(r.Means))
	}
	return json.Marshal(packed)
}

func (rs *remarks) UnmarshalJSON(text []byte) error {
	var packed []byte
	if err := json.Unmarshal(text, &packed); err != nil {
		return err
	}
	*rs = nil
	for ; len(packed) >= remarkBytes; packed = packed[remarkBytes:] {
		*rs = append(*rs, remark{binary.BigEndian.Uint32(packed), binary.BigEndian.Uint32(packed[4:]), meanings(packed[8])})
	}
	return nil
}

// hop is what the audience did in one of the spans of hopLength into which media time is cut.
type hop struct {
	Number  int64
	Remarks remarks `json:",omitempty"`
	Likes   int64   `json:",omitempty"`
	Gifts   int64   `json:",omitempty"` // value
	Follows int64   `json:",omitempty"`
	Orders  int64   `json:",omitempty"` // items
	came    time.Duration
}

func (h *hop) end() time.Duration { return time.Duration(h.Number+1) * hopLength }

// audience puts what the audience did aside, hop by hop, until the mark passes it.
type audience struct {
	Hops    map[int64]*hop
	Waiting int      // remarks in Hops
	Next    int64    // the next hop to give
	Seen    []uint32 // IDs of the newest signals other than comments
	Combos  []combo
	Feeds   map[domain.SignalKind]feed
}

// combo is a gift that is being sent again and again; each message tells the whole of it.
type combo struct {
	Key   uint32
	Count int64
	At    time.Duration
}

// feed is what is known of the feed of one kind of signal.
type feed struct {
	Newest time.Duration // media time of the newest signal
	Came   time.Duration // the mark when a signal last came
}

func hash32(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum32()
}

// note says that a signal came at the mark. It reports false for one that is known. A comment told again is no news either,
// but there are too many to remember: one user counts once in a while anyway.
func (a *audience) note(s domain.AudienceSignal, mark time.Duration) bool {
	if a.Feeds == nil {
		a.Feeds = map[domain.SignalKind]feed{}
	}
	f, known := a.Feeds[s.Kind]
	if known || len(a.Feeds) < 16 {
		a.Feeds[s.Kind] = feed{max(f.Newest, s.At), mark}
	}
	if s.Kind == domain.SignalComment || s.ID == "" {
		return true
	}
	id := hash32(s.ID)
	for _, seen := range a.Seen {
		if seen == id {
			return false
		}
	}
	a.Seen = newest(append(a.Seen, id), mostSeen)
	return true
}

// Until is the media time up to which hops were given.
func (a *audience) Until() time.Duration { return time.Duration(a.Next) * hopLength }

// add counts a signal. It reports false for one that comes too late, or for which there is no room: then what is farthest in
// the future goes first.
func (a *audience) add(s domain.AudienceSignal, lane domain.Lane, r *Rules, came time.Duration) bool {
	at, ahead := max(0, s.At), earliest
	if lane == domain.LaneLive {
		ahead = earliestLive
	}
	if at < a.Until()-latest || at > a.Until()+ahead {
		return false
	}
	number := max(int64(at/hopLength), a.Next)
	if len(a.Hops) >= mostHops && a.Hops[number] == nil && !a.evict(number) {
		return false
	}
	h := a.hop(number)
	h.came = max(h.came, came)
	count := min(max(s.Count, 0), mostCount)
	switch s.Kind {
	case domain.SignalComment:
		return a.remark(h, s, r)
	case domain.SignalLike:
		h.Likes += count
	case domain.SignalGift:
		h.Gifts += a.grown(s, count, at)
	case domain.SignalFollow:
		h.Follows += max(1, count)
	case domain.SignalOrder:
		h.Orders += max(1, count)
	}
	return true
}

func (a *audience) hop(number int64) *hop {
	if a.Hops == nil {
		a.Hops = map[int64]*hop{}
	}
	h := a.Hops[number]
	if h == nil {
		h = &hop{Number: number}
		a.Hops[number] = h
	}
	return h
}

func (a *audience) remark(h *hop, s domain.AudienceSignal, r *Rules) bool {
	if len(h.Remarks) >= mostInHop {
		return false
	}
	if a.Waiting >= mostAwaiting && !a.evict(h.Number) {
		return false
	}
	user := s.User
	if user == "" {
		user = s.ID
	}
	text, means := r.meaning(s.Text)
	h.Remarks = append(h.Remarks, remark{hash32(user), text, means})
	a.Waiting++
	return true
}

// evict lets the hop farthest in the future go, if it lies beyond number.
func (a *audience) evict(number int64) bool {
	farthest := number
	for n := range a.Hops {
		farthest = max(farthest, n)
	}
	if farthest == number {
		return false
	}
	a.Waiting -= len(a.Hops[farthest].Remarks)
	delete(a.Hops, farthest)
	return true
}

// grown gives by how much a gift's combo grew: every message of it tells the count so far.
func (a *audience) grown(s domain.AudienceSignal, count int64, at time.Duration) int64 {
	key := hash32(s.User, s.Item.ID, s.Item.Name, s.Text)
	for i := range a.Combos {
		c := &a.Combos[i]
		if c.Key != key || (at-c.At).Abs() > comboFor {
			continue
		}
		more := max(0, count-c.Count)
		c.Count, c.At = max(c.Count, count), max(c.At, at)
		return more
	}
	a.Combos = newest(append(a.Combos, combo{key, count, at}), mostSeen)
	return count
}

// due is the media time at which the next hop can be given.
func (a *audience) due(grace time.Duration) time.Duration {
	return time.Duration(a.Next+1)*hopLength + grace
}

// next takes the next hop out.
func (a *audience) next() hop {
	h := hop{Number: a.Next}
	if known := a.Hops[a.Next]; known != nil {
		h = *known
		a.Waiting -= len(h.Remarks)
		delete(a.Hops, a.Next)
	}
	a.Next++
	return h
}

const feedMemory = 30 * time.Second // a feed with nothing for so long is quiet; when none says anything for two of them, missing

// health of the feed of a kind at a mark. A feed is quiet while others of its platform still speak.
func (a *audience) health(kind domain.SignalKind, mark time.Duration) domain.Health {
	if f, known := a.Feeds[kind]; known && mark-f.Newest <= feedMemory {
		return domain.HealthPresent
	}
	for _, f := range a.Feeds {
		if mark-f.Came <= 2*feedMemory {
			return domain.HealthQuiet
		}
	}
	return domain.HealthMissing
}
