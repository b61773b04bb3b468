package speech

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// Keyword is the name of PocketSphinx's keyword mode in orders.
const Keyword = "keyword"

const (
	looked  = -400  // score from which a phrase gets a second look
	unlike  = 1000. // what a phrase that the language model hears nothing of must score more than looked: set on two voices
	around  = 900 * time.Millisecond
	after   = 1600 * time.Millisecond // of a phrase is looked at, too: what it is about
	beside  = 200 * time.Millisecond  // how far from a phrase the words lie that it is compared with
	forever = time.Duration(math.MaxInt64)
)

// hasty has the language model go over sound once and follow less: a tenth of the cost, and good enough to tell whether a phrase
// was said.
var hasty = []string{"-fwdflat", "no", "-bestpath", "no", "-maxhmmpf", "3000", "-maxwpf", "5"}

// Keywords hears phrases, and nothing else: a spotter goes over each utterance, and where it may have heard one the language
// model looks a second time. What it gives are the words around the phrases it believes; an utterance without one has none.
// English only, without partial lines, and hot words are no phrases.
type Keywords struct {
	*Recogniser
	phrases map[string]keyphrase
}

// OpenKeywords takes the options of a Recogniser and "keywords", a file of phrases, one a line; without it the built-in ones.
func OpenKeywords(options map[string]string) (*Keywords, error) {
	options = maps.Clone(options)
	path := options["keywords"]
	delete(options, "keywords")
	models, err := FindModels(options)
	if err != nil {
		return nil, err
	}
	texts, err := readKeywords(path)
	if err != nil {
		return nil, err
	}
	of, err := openSphinx(models, hasty...)
	if err != nil {
		return nil, err
	}
	k := &Keywords{of, nil}
	if k.phrases, err = k.known(texts); err == nil {
		err = k.listen()
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// About says that it gives no partial lines.
func (k *Keywords) About() About { return About{Streams: 1, PartialEvery: forever, Language: "en"} }

// Begin begins an utterance.
func (k *Keywords) Begin(Known) (Utterance, error) {
	return &keywordUtterance{of: k}, nil
}

// Work hears an utterance that has ended.
func (k *Keywords) Work(of []Utterance) error {
	for _, u := range of {
		if u, ok := u.(*keywordUtterance); ok && u.of == k && u.Busy() {
			words, err := k.listenTo(u)
			if err != nil {
				return err
			}
			u.final, u.done, u.sound = newResult(words), true, nil
		}
	}
	return nil
}

// keywordUtterance is heard whole: the channel's colour is measured over all of it.
type keywordUtterance struct {
	of         *Keywords
	sound      []int16
	ends, done bool
	final      Result
}

func (u *keywordUtterance) Hear(samples []int16)   { u.sound = append(u.sound, samples...) }
func (u *keywordUtterance) End()                   { u.ends = true }
func (u *keywordUtterance) Busy() bool             { return u.ends && !u.done }
func (u *keywordUtterance) Partial() Result        { return Result{} }
func (u *keywordUtterance) Final() (Result, error) { return u.final, nil }
func (u *keywordUtterance) Close()                 { u.done, u.sound = true, nil }

func (k *Keywords) listenTo(u *keywordUtterance) ([]domain.Word, error) {
	hits, err := k.spot(u.sound)
	if err != nil {
		return nil, err
	}
	length := time.Duration(len(u.sound)) * time.Second / SampleRate
	var words []domain.Word
	for len(hits) > 0 {
		from, to, n := hits[0].start-around, hits[0].end+after, 1
		for n < len(hits) && hits[n].start-around < to {
			to = hits[n].end + after
			n++
		}
		from, to = max(0, from), min(length, to)
		heard, err := k.words(u.sound[sampleAt(from):sampleAt(to)])
		if err != nil {
			return nil, err
		}
		for i := range heard {
			heard[i].Start, heard[i].End = heard[i].Start+from, heard[i].End+from
		}
		words = append(words, k.believed(hits[:n], heard)...)
		hits = hits[n:]
	}
	return words, nil
}

func sampleAt(t time.Duration) int { return int(t * SampleRate / time.Second) }

// believed gives what was heard with the phrases that are believed in it; nil: none is.
func (k *Keywords) believed(hits []spotted, heard []domain.Word) []domain.Word {
	words, any := heard, false
	for _, hit := range hits {
		var sounds []string
		for _, w := range heard {
			if w.End > hit.start-beside && w.Start < hit.end+beside {
				sounds = append(sounds, k.phones(w.Text)...)
			}
		}
		if hit.score < looked+unlike*apart(hit.phones, sounds) {
			continue
		}
		words, any = put(words, hit), true
	}
	if !any {
		return nil
	}
	return words
}

// put puts a phrase in place of what was heard at its time.
func put(words []domain.Word, hit spotted) []domain.Word {
	said := strings.Fields(hit.text)
	var out []domain.Word
	for _, w := range words {
		if middle := (w.Start + w.End) / 2; middle < hit.start || middle >= hit.end {
			out = append(out, w)
		}
	}
	step := (hit.end - hit.start) / time.Duration(len(said))
	at, _ := slices.BinarySearchFunc(out, hit.start, func(w domain.Word, t time.Duration) int { return cmp.Compare(w.Start, t) })
	for i, text := range said {
		start := hit.start + time.Duration(i)*step
		out = slices.Insert(out, at+i, domain.Word{Text: text, Start: start, End: start + step, Confidence: 1 / (1 + math.Exp(-hit.score/200))})
	}
	return out
}

// likeliest keeps the likeliest of phrases at the same time, in order of time.
func likeliest(hits []spotted) []spotted {
	slices.SortFunc(hits, func(a, b spotted) int { return cmp.Compare(b.score, a.score) })
	var kept []spotted
	for _, h := range hits {
		if !slices.ContainsFunc(kept, h.overlaps) {
			kept = append(kept, h)
		}
	}
	slices.SortFunc(kept, func(a, b spotted) int { return cmp.Compare(a.start, b.start) })
	return kept
}

// apart tells how far a phrase's sounds are from the nearest part of what was heard, a sound in the mean: 0 are the same.
func apart(phrase, heard []string) float64 {
	before := make([]float64, len(heard)+1)
	for _, p := range phrase {
		now := make([]float64, len(heard)+1)
		now[0] = before[0] + 1
		for j, h := range heard {
			now[j+1] = min(before[j]+soundsApart(p, h), before[j+1]+1, now[j]+1)
		}
		before = now
	}
	return slices.Min(before) / float64(len(phrase))
}

// soundsApart: one vowel for another, or one consonant, is half a mistake.
func soundsApart(a, b string) float64 {
	switch {
	case a == b:
		return 0
	case isVowel(a) == isVowel(b):
		return 0.5
	}
	return 1
}

func isVowel(phone string) bool { return strings.ContainsAny(phone[:1], "AEIOU") }
