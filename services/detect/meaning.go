package detect

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// meanings are what a comment may say, as bits.
type meanings uint8

const (
	meansBuy meanings = 1 << iota
	meansExcited
	meansComplaint
	meansLaugh
	meansGreeting
	meansAnswer // what a host asks for: a number, or one sign over and over
	meansLong   // nothing of the sort, but too long for two people to write it alike by chance
)

const meansMood = meansBuy | meansExcited | meansComplaint | meansLaugh

const longRemark = 7 // tokens

const mostRemark = 240 // bytes of a comment that are looked at

// MeaningRules are the words by which comments are told to mean something.
type MeaningRules struct {
	Buy        []string `yaml:"buy"`
	Excited    []string `yaml:"excited"`
	Complaint  []string `yaml:"complaint"`
	Laugh      []string `yaml:"laugh"`
	Greeting   []string `yaml:"greeting"`    // counts for nothing
	LeastUsers int      `yaml:"least_users"` // distinct users in ten seconds who mean the same; fewer say nothing
	Least      float64  `yaml:"least"`       // deviations above the room's median from which it counts
	Full       float64  `yaml:"full"`
}

// wordList are the words of one meaning, by their name in the file.
type wordList struct {
	name    string
	phrases []string
}

// lexicon gives the words: the place of a list is that of its meaning's bit.
func (m MeaningRules) lexicon() []wordList {
	return []wordList{{"buy", m.Buy}, {"excited", m.Excited}, {"complaint", m.Complaint}, {"laugh", m.Laugh}, {"greeting", m.Greeting}}
}

// meaning gives the hash of a comment's words and what they mean. Signs are no words, and nor is how often one is repeated.
func (r *Rules) meaning(text string) (hash uint32, means meanings) {
	if len(text) > mostRemark {
		cut := mostRemark
		for cut > mostRemark-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	tokens := r.folder.tokens(text)
	if len(tokens) == 0 {
		return hash32(text), 0
	}
	distinct := make([]string, 0, len(tokens))
	for i, t := range tokens {
		if i == 0 || t.text != tokens[i-1].text {
			distinct = append(distinct, t.text)
		}
	}
	for _, m := range r.lexicon.find(tokens) {
		means |= 1 << m.group
	}
	if len(distinct) == 1 && means == 0 && isAnswer(distinct[0]) {
		means = meansAnswer
	}
	if len(distinct) >= longRemark {
		means |= meansLong
	}
	return hash32(distinct...), means
}

func isAnswer(token string) bool {
	r, size := utf8.DecodeRuneInString(token)
	return size == len(token) || unicode.IsDigit(r) && len(token) <= 3
}

// meaning follows how many people write that they want to buy, are excited, or complain.
type meaning struct {
	Window []counted // the hops of the window, oldest first; only remarks that mean something
	Moods  [5]mood   // as moodNames
}

// mood is one meaning.
type mood struct {
	Usual []int
	Count int
	Above float64
	Value float64 // greatest of the swell that is going on
}

// moods are what is counted together, as moodNames.
var moods = [...]meanings{meansBuy, meansExcited, meansComplaint, meansLaugh, meansBuy | meansExcited}

var moodNames = [...]struct{ feature, english, chinese string }{
	{"comments.buy", "want to buy", "想买"},
	{"comments.excited", "are excited", "很兴奋"},
	{"comments.complaint", "complain", "在抱怨"},
	{"comments.laugh", "laugh", "在笑"},
	{"comments.keen", "want it or are excited", "想买或很兴奋"},
}

func (m *meaning) take(h happening, r *room) []evidence {
	if h.Hop == nil {
		return nil
	}
	var telling remarks
	for _, said := range h.Hop.Remarks {
		if said.Means&meansMood != 0 {
			telling = append(telling, said)
		}
	}
	if len(telling) > 0 {
		m.Window = append(m.Window, counted{h.Hop.Number, telling})
	}
	for len(m.Window) > 0 && m.Window[0].Number <= h.Hop.Number-int64(moodWindow/hopLength) {
		m.Window = slices.Delete(m.Window, 0, 1)
	}
	if h.At < r.rules.Comments.Greeting {
		return nil
	}
	counts := m.count(r.Comments.asking(h.At, r.rules.Comments))
	var out []evidence
	for i := range m.Moods {
		if value := m.Moods[i].follow(counts[i], h.At, r.rules); value > 0 {
			name := moodNames[i]
			out = append(out, evidence{
				Signal: signalComments, Feature: name.feature, Kind: kindBurst, Value: value,
				Detail:  fmt.Sprintf("%d people %s", counts[i], name.english),
				Chinese: fmt.Sprintf("%d 人%s", counts[i], name.chinese),
				Moment:  r.answered(r.Comments.onset(h.At)),
				Burst:   h.Hop.Number,
				Source:  source{came: h.Hop.came},
			})
			out = append(out, r.Comments.solicited(out[len(out)-1])...)
		}
	}
	return out
}

const moodWindow = 10 * time.Second

// count gives the distinct users of the window by mood; of those who write one text because the host asked for it, one.
func (m *meaning) count(asked bool) (counts [5]int) {
	users := map[uint32]meanings{}
	texts := map[uint32]bool{}
	for _, in := range m.Window {
		for _, said := range in.Remarks {
			if asked && texts[said.Text] {
				continue
			}
			texts[said.Text] = true
			users[said.User] |= said.Means
		}
	}
	for _, means := range users {
		for i := range moods {
			if means&moods[i] != 0 {
				counts[i]++
			}
		}
	}
	return counts
}

// follow takes the count of now, and gives the value when a swell begins or has grown, or 0.
func (m *mood) follow(count int, now time.Duration, r *Rules) float64 {
	median, deviation := usual(m.Usual)
	m.Count, m.Above = count, (float64(count)-median)/deviation
	known := time.Duration(len(m.Usual)) * sampleEvery
	if now%sampleEvery == 0 {
		m.Usual = newest(append(m.Usual, count), int(r.Comments.Memory/sampleEvery))
	}
	if known < r.Comments.Settle || count < r.Meaning.LeastUsers || m.Above < r.Meaning.Least {
		if m.Above < r.Meaning.Least/2 {
			m.Value = 0
		}
		return 0
	}
	value := 0.4 + 0.6*ramp(m.Above, r.Meaning.Least, r.Meaning.Full)
	if value < m.Value+growth && (value < 1 || m.Value == 1) {
		return 0
	}
	m.Value = value
	return value
}

func (m *meaning) values(give func(string, float64)) {
	for i, mood := range m.Moods {
		give(moodNames[i].feature, float64(mood.Count))
	}
}
