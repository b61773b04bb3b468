package roomgen

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomlog"
)

// Facts are what was drawn for a room as a whole. Detection is not told them.
type Facts struct {
	Language, Category, Host string
	Rate                     float64 // of speech: characters or words a second
	WordErrors               float64 // part of the words
	Digits, Punctuated       bool
	CommentRate              float64 // usual, a second
	Users                    int
	Lag                      float64 // of comments, s
	Skew                     float64 // of the platform's clock, s
	Music                    bool
	NoComments, NoProducts   bool
	NoOrders, NoLikes        bool
	StallFrom, StallTo       float64 // no comments between
	BehindFrom, BehindTo     float64 // the recogniser is late by BehindBy
	BehindBy                 float64
}

// Room is a made room.
type Room struct {
	Name    string
	Facts   Facts
	Truths  []Truth
	Entries []roomlog.Entry // in order of arrival
	Labels  roomlog.Labels
	Length  time.Duration
}

// media is s seconds, to the millisecond.
func media(s float64) time.Duration {
	return time.Duration(math.Round(max(0, s)*1000)) * time.Millisecond
}

// Room makes the room with this number of a split: the same each time.
func (m *Maker) Room(split Split, number int) Room {
	seed := split.Seed(number)
	f := m.facts(newDraw(seed, "facts"))
	s := m.script(seed, f, split == HeldOut)
	room := Room{Name: fmt.Sprintf("%s-%d", split, number), Facts: f, Truths: s.truths, Length: media(m.c.Length)}
	labels := newDraw(seed, "labels")
	for _, t := range s.truths {
		l := m.label(labels, t)
		room.Labels.Moments = append(room.Labels.Moments, roomlog.Moment{Start: media(l[0]), End: media(l[1]), Kind: t.Kind})
	}
	room.Entries = m.entries(seed, f, s)
	return room
}

func (m *Maker) facts(d draw) Facts {
	c := m.c
	f := Facts{Language: "en"}
	if d.chance(c.Chinese) {
		f.Language = "zh"
	}
	f.Category = d.of([]string{"beauty", "electronics", "fashion", "food"})
	f.Host = d.of(m.p.Hosts[f.Language])
	f.Rate = d.in(map[string]span{"zh": c.Speech.ZhRate, "en": c.Speech.EnRate}[f.Language])
	f.WordErrors = d.in(c.WordErrors[f.Language])
	f.Digits, f.Punctuated = d.chance(0.5), d.chance(c.Speech.Punctuated)
	f.CommentRate, f.Users = d.log(c.Crowd.Rate), int(d.log(c.Crowd.Users))
	f.Lag, f.Skew = d.in(c.Crowd.Lag), d.in(span{-c.Crowd.Skew, c.Crowd.Skew})
	f.Music = d.chance(c.Sound.Music)
	f.NoComments, f.NoProducts = d.chance(c.Missing.Comments), d.chance(c.Shop.WithoutProducts)
	f.NoOrders, f.NoLikes = d.chance(c.Shop.WithoutOrders), d.chance(c.Likes.Without)
	if d.chance(c.Missing.Stalled) {
		f.StallFrom = d.in(span{300, c.Length - 1000})
		f.StallTo = f.StallFrom + d.in(c.Missing.Stall)
	}
	if d.chance(c.Missing.Behind) {
		f.BehindFrom = d.in(span{300, c.Length - 700})
		f.BehindTo, f.BehindBy = f.BehindFrom+d.in(c.Missing.BehindFor), d.in(c.Missing.BehindBy)
	}
	return f
}

// behind is how much later than usual the recogniser is at t.
func (f Facts) behind(t float64) float64 {
	if t >= f.BehindFrom && t < f.BehindTo {
		return f.BehindBy
	}
	return 0
}

// entries puts together what became known, in order of arrival.
func (m *Maker) entries(seed uint64, f Facts, s script) []roomlog.Entry {
	lines, came := m.listener(seed, f).lines(s.sentences, f.behind)
	out := []roomlog.Entry{
		{Broadcast: &domain.BroadcastChanged{Change: domain.BroadcastOpened, Source: domain.SourcePush}},
		{Context: &domain.Context{Host: f.Host, Category: f.Category, Language: f.Language}},
	}
	for i := range lines {
		out = append(out, roomlog.Entry{At: media(came[i]), Event: lines[i].ID, Line: &lines[i]})
	}
	for _, arrivals := range [][]arrival{m.comments(seed, f, s), m.shop(seed, f, s)} {
		for _, a := range arrivals {
			if a.came < m.c.Length {
				a.signal.At = media(a.at)
				out = append(out, roomlog.Entry{At: media(a.came), Event: a.signal.ID, Audience: &a.signal})
			}
		}
	}
	out = append(out, m.marks(m.sound(seed, f, s), lines, came, m.scenes(seed, s))...)
	slices.SortStableFunc(out, func(a, b roomlog.Entry) int { return cmp.Compare(a.At, b.At) })
	return out
}

// marks gives the sound, and after each chunk how far the room is known: recorded to the chunk's end, heard to the start of
// the first line whose words are still to come.
func (m *Maker) marks(sound []domain.SoundMeasured, lines []domain.TranscriptLine, came []float64, cuts []float64) []roomlog.Entry {
	const late = 150 * time.Millisecond
	slices.Sort(cuts)
	var out []roomlog.Entry
	next := 0
	var heard time.Duration
	for i := range sound {
		end := sound[i].Start + media(soundChunk)
		at := end + late
		for next < len(lines) && media(came[next]) <= at {
			next++
		}
		known := end
		if next < len(lines) {
			known = min(known, lines[next].Start)
		}
		heard = max(heard, known)
		p := domain.StreamProgress{RecordedTo: end, HeardTo: heard, By: "asr"}
		for len(cuts) > 0 && media(cuts[0]) < end {
			p.SceneCuts = append(p.SceneCuts, media(cuts[0]))
			cuts = cuts[1:]
		}
		out = append(out, roomlog.Entry{At: at, Sound: &sound[i]}, roomlog.Entry{At: at, Progress: &p})
	}
	length := media(m.c.Length)
	last := length + late
	if len(came) > 0 {
		last = max(last, media(came[len(came)-1]))
	}
	return append(out, roomlog.Entry{At: last, Progress: &domain.StreamProgress{RecordedTo: length, HeardTo: length, Closed: true, By: "asr"}})
}
