package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const broadcast = domain.BroadcastID("b1")

// said is a final line whose words follow one another at even pace.
func said(start, end float64, text string) finalLine {
	line := domain.TranscriptLine{
		ID: fmt.Sprintf("line-%v", start), Final: true, Text: text,
		Start: seconds(start), End: seconds(end),
	}
	words := strings.Fields(text)
	for i, word := range words {
		step := (line.End - line.Start) / time.Duration(len(words))
		from := line.Start + time.Duration(i)*step
		line.Words = append(line.Words, domain.Word{Text: word, Start: from, End: from + step, Confidence: 1})
	}
	return finalLine{source{ID: "event-" + line.ID, Epoch: 1}, line}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// level is a second of sound.
func level(second int, lufs float64) domain.SoundMeasured {
	return domain.SoundMeasured{
		Start: time.Duration(second) * time.Second, Step: 100 * time.Millisecond,
		Momentary: slices.Repeat([]float64{lufs}, 10),
	}
}

func comment(at float64, user string) domain.AudienceSignal {
	return domain.AudienceSignal{ID: fmt.Sprint(at, user), Kind: domain.SignalComment, At: seconds(at), User: user, Text: "这个真不错", Count: 1}
}

// say puts a line, of the event it came in.
func (r *room) say(h finalLine) bool {
	return r.hear(event.Envelope{ID: h.Source.ID, Epoch: h.Source.Epoch, Tenant: "t", Stream: "s", Broadcast: broadcast}, h.Line)
}

// write puts an audience signal.
func (r *room) write(s domain.AudienceSignal) bool {
	return r.signal(event.Envelope{ID: "event-" + s.ID, Broadcast: broadcast}, s)
}

func newRoom(t testing.TB) *room {
	return &room{rules: builtIn(t), memory: memory{Envelope: event.Envelope{ID: "mark", Tenant: "t", Stream: "s", Broadcast: broadcast}}}
}

// found is what a room fires for lines, at the mark after the last of them.
func found(t testing.TB, lines ...finalLine) []domain.Highlight {
	t.Helper()
	r := newRoom(t)
	for _, l := range lines {
		if !r.say(l) {
			t.Fatalf("line %s was lost", l.Line.ID)
		}
	}
	return highlights(r.advance(lines[len(lines)-1].Line.End + hearing))
}

func highlights(decisions []decision) []domain.Highlight {
	var out []domain.Highlight
	for _, d := range decisions {
		if d.Outcome == outcomeFired {
			out = append(out, d.Highlight)
		}
	}
	return out
}

func TestAKeywordMakesAHighlightAroundItsSentence(t *testing.T) {
	line := said(20, 23, "these are the final minutes now")
	got := found(t, line)
	score := logistic(1.1 + 3.1*2/3 + 2.6 + 3.2 - 6.9) // the group's weight, two words of offers, no comments at all, and the bias
	want := []domain.Highlight{{
		ID:     domain.NewHighlightID(broadcast, line.Source.ID),
		Kind:   "flash_sale",
		Window: domain.Window{Start: seconds(19), End: seconds(32.5)},
		Score:  score,
		Reasons: []domain.Reason{{
			Signal: "speech", Detail: `words of an offer: "final", "minutes"`, Chinese: "优惠用语：“final”“minutes”", At: seconds(21.5), Weight: score * 3.1 * 2 / 3 / (1.1 + 3.1*2/3),
			Phrases: []domain.Phrase{{Spoken: "final", Written: "final", Start: seconds(21.5), End: seconds(22)}, {Spoken: "minutes", Written: "minutes", Start: seconds(22), End: seconds(22.5)}},
		}, {
			Signal: "keyword", Detail: `flash sale: "final minutes"`, Chinese: "限时抢购：“final minutes”", At: seconds(21.5), Weight: score * 1.1 / (1.1 + 3.1*2/3),
			Phrases: []domain.Phrase{{Spoken: "final minutes", Written: "final minutes", Start: seconds(21.5), End: seconds(22.5)}},
		}},
		Text:     "these are the final minutes now",
		Features: map[string]float64{"keyword.flash_sale": 1, "speech.hint": 2. / 3, "comments.absent": 1, "speech.alone": 1},
		Shortest: 6 * time.Second,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAHighlightsTextIsOfItsWindowOnly(t *testing.T) {
	line := said(0, 60, strings.Repeat("so much for the bag ", 11)+"last three minutes now please hurry")
	got := found(t, line)
	if len(got) != 1 {
		t.Fatalf("got %+v, want one", got)
	}
	var want []string
	for _, w := range line.Line.Words {
		if middle := (w.Start + w.End) / 2; got[0].Window.Start <= middle && middle < got[0].Window.End {
			want = append(want, w.Text)
		}
	}
	if len(want) == len(line.Line.Words) || got[0].Text != strings.Join(want, " ") {
		t.Errorf("the text of %v is %q, want %q", got[0].Window, got[0].Text, want)
	}
}

func TestWindowsBeginAndEndWithSentences(t *testing.T) {
	moment := said(20, 23, "fifty percent off everything")
	for name, test := range map[string]struct {
		before []finalLine
		want   domain.Window
	}{
		"with nothing said before":               {nil, domain.Window{Start: seconds(19), End: seconds(32.25)}},
		"with the sentence it would have cut":    {[]finalLine{said(14, 19.5, "look at this bag")}, domain.Window{Start: seconds(14), End: seconds(32.25)}},
		"after a sentence that is too long":      {[]finalLine{said(5, 19.5, "look at this bag and so on")}, domain.Window{Start: seconds(19.5), End: seconds(32.25)}},
		"in the pause after an earlier sentence": {[]finalLine{said(10, 17, "look at this bag")}, domain.Window{Start: seconds(19), End: seconds(32.25)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(t, append(test.before, moment)...)
			if len(got) != 1 || got[0].Window != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestAWindowIsNeverNegativeNorTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := builtInWindow
		at := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(0, 200_000).Draw(t, label)) * time.Millisecond
		}
		whole := domain.Window{Start: at("start")}
		whole.End = whole.Start + at("length")
		moment := domain.Window{Start: whole.Start + at("offset")%(whole.Length()+1)}
		moment.End = min(whole.End, moment.Start+seconds(2))
		var others []sentence
		for range rapid.IntRange(0, 5).Draw(t, "others") {
			from := at("from")
			others = append(others, sentence{Window: domain.Window{Start: from, End: from + at("lasts")/10}})
		}
		got := w.around(moment, whole, others, at("after"))
		if got.Start < 0 || got.Length() < w.Shortest || got.Length() > w.Longest || got.Start > moment.Start {
			t.Fatalf("moment %v in %v: window %v", moment, whole, got)
		}
		if moment.Start > got.End {
			t.Fatalf("moment %v in %v is not in its window %v", moment, whole, got)
		}
	})
}

var builtInWindow = WindowRules{
	Before: 2 * time.Second, Reach: 8 * time.Second, After: 4 * time.Second, Shortest: 6 * time.Second, Longest: 30 * time.Second,
}

func TestOneMomentMakesOneHighlight(t *testing.T) {
	got := found(t,
		said(20, 22, "flash sale everyone"),
		said(22.5, 25, "last three minutes"),
		said(28, 30, "fifty percent off"),
	)
	if len(got) != 1 || got[0].Kind != "flash_sale" || got[0].Window.End < seconds(30) {
		t.Fatalf("got %+v", got)
	}
}

func TestMomentsTwelveSecondsApartMakeTwoHighlights(t *testing.T) {
	for name, lines := range map[string][]finalLine{
		"in two sentences":                  {said(20, 23, "flash sale"), said(32, 35, "flash sale")},
		"in one sentence":                   {said(20, 36, "flash sale "+strings.Repeat("and ", 28)+"fifty percent off")},
		"in one line":                       {pausing(said(20, 23, "flash sale"), said(25, 28, "look at this"), said(33, 35, "half price"))},
		"with a long sentence in the first": {said(20, 31, "flash sale "+strings.Repeat("and ", 20)), said(32.5, 35, "half price")},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(t, lines...)
			if len(got) != 2 || got[0].ID == got[1].ID {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// pausing makes one line of several sentences, as a recogniser does that heard no end.
func pausing(sentences ...finalLine) finalLine {
	all := sentences[0]
	for _, s := range sentences[1:] {
		all.Line.Text += " " + s.Line.Text
		all.Line.Words = append(all.Line.Words, s.Line.Words...)
		all.Line.End = s.Line.End
	}
	return all
}

func TestASentenceEndsWhereTheSpeakerPauses(t *testing.T) {
	line := pausing(said(10, 18, "look at the inside"), said(20, 23, "fifty percent off everything"), said(24, 40, "and thank you"))
	got := found(t, line)
	if want := (domain.Window{Start: seconds(19), End: seconds(32.25)}); len(got) != 1 || got[0].Window != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAPhraseThatABreathCutInTwoIsHeardOnce(t *testing.T) {
	got := found(t, said(20, 21, "these are the last three"), said(21.4, 23, "minutes everyone"), said(23.5, 25, "thank you"))
	if len(got) != 1 || got[0].Reasons[0].Detail != `flash sale: "last three minutes"` {
		t.Errorf("got %+v", got)
	}
	if got := found(t, said(20, 21, "these are the last three"), said(29, 31, "minutes everyone")); got != nil {
		t.Errorf("over a long pause: got %+v", got)
	}
}

func TestWeakWordsNeedAnotherSignal(t *testing.T) {
	weak := said(60, 62, "there is a free gift")
	if got := found(t, weak); got != nil {
		t.Fatalf("alone: got %+v", got)
	}
	r := newRoom(t)
	r.say(weak)
	for second := range 62 {
		lufs := -24.
		if second >= 60 {
			lufs = -10
		}
		r.measure(level(second, lufs))
	}
	if got := highlights(r.advance(seconds(70))); len(got) != 1 || got[0].Kind != "gift" || len(got[0].Reasons) != 3 {
		t.Fatalf("loud: got %+v", got)
	}
}

// calm fills a room with a comment every two seconds.
func calm(r *room, from, to int) {
	for at := from; at < to; at += 2 {
		r.write(comment(float64(at), fmt.Sprint("calm", at)))
	}
}

func crowd(r *room, at float64, users int) {
	for i := range users {
		r.write(comment(at+float64(i)*8/float64(users), fmt.Sprint("fan", i)))
	}
}

func TestAStrongBurstOfCommentsMakesAHighlightAndAWeakOneDoesNot(t *testing.T) {
	for users, want := range map[int]int{60: 1, 16: 0} {
		r := newRoom(t)
		calm(r, 0, 200)
		crowd(r, 126, users)
		got := highlights(r.advance(seconds(200)))
		if len(got) != want {
			t.Errorf("%d users: got %+v", users, got)
		}
		if want == 1 && (got[0].Kind != "burst" || got[0].Window.Start > seconds(121) || got[0].Window.End < seconds(121) ||
			!strings.Contains(got[0].Reasons[0].Detail, "usually 5")) {
			t.Errorf("got %+v", got[0])
		}
	}
}

func TestABurstAddsToWhatWasSaidAndIsDatedBackToIt(t *testing.T) {
	r := newRoom(t)
	weak := said(118, 121, "and now there is a free gift")
	r.say(weak)
	calm(r, 0, 200)
	crowd(r, 126, 80)
	got := highlights(r.advance(seconds(200)))
	if len(got) != 1 || got[0].Kind != "gift" || got[0].ID != domain.NewHighlightID(broadcast, weak.Source.ID) || len(got[0].Reasons) != 4 {
		t.Errorf("got %+v", got)
	}
}

func TestABurstThatAnswersAHighlightMakesNoOther(t *testing.T) {
	r := newRoom(t)
	sale := said(118, 121, "flash sale now")
	r.say(sale)
	calm(r, 0, 200)
	crowd(r, 126, 80)
	crowd(r, 133, 120)
	if got := highlights(r.advance(seconds(200))); len(got) != 1 || got[0].Kind != "flash_sale" {
		t.Errorf("got %+v", got)
	}
}

func TestOneUserWhoRepeatsIsOneUser(t *testing.T) {
	r := newRoom(t)
	calm(r, 0, 200)
	for i := range 300 {
		r.write(comment(126+float64(i)/50, "loud"))
	}
	if got := r.advance(seconds(200)); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestGreetingsAtTheStartAreNoBurst(t *testing.T) {
	r := newRoom(t)
	crowd(r, 1, 200)
	crowd(r, 9, 200)
	calm(r, 20, 200)
	if got := r.advance(seconds(200)); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestCommentsTheHostAskedForDoNotCount(t *testing.T) {
	r := newRoom(t)
	ask := said(118, 121, "想要的 在公屏 扣1")
	r.say(ask)
	calm(r, 0, 200)
	crowd(r, 126, 80)
	if got := r.advance(seconds(200)); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestLoudnessNeverMakesAHighlightAlone(t *testing.T) {
	r := newRoom(t)
	for second := range 120 {
		lufs := -30.
		if second%40 > 35 {
			lufs = -5
		}
		r.measure(level(second, lufs))
	}
	if got := highlights(r.advance(seconds(120))); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestLoudnessAddsToWhatWasSaid(t *testing.T) {
	r := newRoom(t)
	for second := range 40 {
		lufs := -25.
		if second >= 30 && second < 34 {
			lufs = -12
		}
		r.measure(level(second, lufs))
	}
	sale := said(30, 33, "flash sale")
	r.say(sale)
	got := highlights(r.advance(seconds(40)))
	if len(got) != 1 || len(got[0].Reasons) != 3 || got[0].Reasons[2].Detail != "the room is 13 dB louder than in the minute before" || got[0].Score <= 0.75 {
		t.Errorf("got %+v", got)
	}
}

func TestPartialLinesAndLinesToldAgainMakeNothing(t *testing.T) {
	r := newRoom(t)
	sale := said(20, 23, "flash sale")
	partial := sale.Line
	partial.Final = false
	r.say(finalLine{sale.Source, partial})
	if got := r.advance(seconds(24)); got != nil {
		t.Fatalf("partial: got %+v", got)
	}
	r.say(sale)
	r.say(sale)
	if got := r.advance(seconds(25)); len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	r.say(sale)
	if got := r.advance(seconds(26)); got != nil {
		t.Errorf("again: got %+v", got)
	}
}

func TestNothingIsDecidedBeforeTheMarkPassesIt(t *testing.T) {
	r := newRoom(t)
	sale := said(20, 23, "flash sale")
	r.say(sale)
	if got := r.advance(seconds(23) + hearing - 1); got != nil {
		t.Errorf("early: got %+v", got)
	}
	if got := r.advance(seconds(23) + hearing); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsLeftIsTakenUpWhenTheBroadcastEnds(t *testing.T) {
	r := newRoom(t)
	sale := said(20, 23, "flash sale")
	r.say(sale)
	if got := r.finish(seconds(21)); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestARoomStoredAndReadBackGoesOnTheSame(t *testing.T) {
	feed := func(r *room, from, to int) []decision {
		var out []decision
		for s := from; s < to; s++ {
			r.measure(level(s, -25+float64(s%7)))
			if s%20 == 3 {
				l := said(float64(s), float64(s)+2, "flash sale now")
				r.say(l)
			}
			for i := range 1 + s%3 {
				r.write(comment(float64(s), fmt.Sprint(s, i)))
			}
			out = append(out, r.advance(time.Duration(s)*time.Second)...)
		}
		return out
	}
	whole := newRoom(t)
	want := feed(whole, 0, 200)
	first := newRoom(t)
	got := feed(first, 0, 101)
	text, err := json.Marshal(first.memory)
	if err != nil {
		t.Fatal(err)
	}
	second := &room{rules: first.rules}
	if err := json.Unmarshal(text, &second.memory); err != nil {
		t.Fatal(err)
	}
	got = append(got, feed(second, 101, 200)...)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// arrival is one thing that goes into a room, and the mark it must come before.
type arrival struct {
	due time.Duration
	put func(*room)
}

// someBroadcast gives all of a broadcast but its sound, and its loudness value by value.
func someBroadcast(t *rapid.T) (all []arrival, loudness []float64) {
	at := 0.
	for range rapid.IntRange(0, 25).Draw(t, "lines") {
		start := at + rapid.Float64Range(0, 9).Draw(t, "pause")
		at = start + rapid.Float64Range(0.5, 12).Draw(t, "length")
		l := said(start, at, rapid.SampledFrom([]string{
			"this bag is blue", "flash sale now", "there is a free gift", "these are the last three", "minutes everyone",
			"fifty percent off and half price", "put one in the chat", "全场 五折",
		}).Draw(t, "text"))
		all = append(all, arrival{l.Line.End, func(r *room) { r.say(l) }})
	}
	end := int(at) + rapid.IntRange(20, 200).Draw(t, "silence")
	crowd := rapid.IntRange(0, end).Draw(t, "crowd")
	for s := range end {
		for range 10 {
			loudness = append(loudness, rapid.SampledFrom([]float64{-40, -25, -24, -23, -8}).Draw(t, "level"))
		}
		writes := rapid.IntRange(0, 2).Draw(t, "comments")
		if s >= crowd && s < crowd+5 {
			writes += 20
		}
		for i := range writes {
			c := comment(float64(s)+float64(i)/30, fmt.Sprint("viewer", (s*37+i)%150))
			all = append(all, arrival{c.At, func(r *room) { r.write(c) }})
		}
	}
	return all, loudness
}

// inStretches cuts loudness into stretches: length gives how many values the next one has, at most.
func inStretches(loudness []float64, length func() int) []arrival {
	const step = 100 * time.Millisecond
	var all []arrival
	for at := 0; at < len(loudness); {
		n := min(length(), len(loudness)-at)
		m := domain.SoundMeasured{Start: time.Duration(at) * step, Step: step, Momentary: loudness[at : at+n]}
		all = append(all, arrival{m.Start + step, func(r *room) { r.measure(m) }})
		at += n
	}
	return all
}

func TestAnyInterleavingThatKeepsTheMarksGivesTheSameHighlights(t *testing.T) {
	built := builtIn(t)
	rapid.Check(t, func(t *rapid.T) {
		rest, loudness := someBroadcast(t)
		all := append(inStretches(loudness, func() int { return 1 }), rest...)
		end := time.Duration(0)
		for _, h := range all {
			end = max(end, h.due)
		}
		fresh := func() *room {
			return &room{rules: built, memory: memory{Envelope: event.Envelope{Broadcast: broadcast}}}
		}
		want := fresh()
		for _, h := range all {
			h.put(want)
		}
		wanted := want.finish(end)

		// Everything arrives in random order, each before the first mark that passes it, and sound in stretches of any length.
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		all = append(inStretches(loudness, func() int { return 1 + random.IntN(random.IntN(80)+1) }), rest...)
		arrives := make(map[int]time.Duration, len(all))
		order := make([]int, len(all))
		for i, h := range all {
			order[i] = i
			arrives[i] = time.Duration(random.Int64N(int64(h.due) + 1))
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(arrives[a], arrives[b]) })
		r := fresh()
		var got []decision
		for _, i := range order {
			if random.IntN(3) == 0 {
				got = append(got, r.advance(arrives[i]-1)...)
			}
			all[i].put(r)
		}
		got = append(got, r.finish(end)...)
		if !reflect.DeepEqual(got, wanted) {
			t.Fatalf("got  %+v\nwant %+v", got, wanted)
		}
	})
}

func TestAHighlightTellsWhichProductIsOnShowAndAtWhatPriceNow(t *testing.T) {
	r := newRoom(t)
	product := func(at float64, action domain.ProductAction, price string) {
		r.write(domain.AudienceSignal{ID: fmt.Sprint(action, at), Kind: domain.SignalProduct, At: seconds(at), Action: action,
			Item: domain.Product{ID: "3", Name: "围巾", Price: price}})
	}
	product(5, domain.ProductShown, "¥99")
	product(20, domain.ProductPriced, "¥59")
	r.say(said(30, 33, "最后三分钟全场五折"))
	got := highlights(r.advance(seconds(120)))
	if len(got) == 0 {
		t.Fatal("nothing was noticed")
	}
	want := domain.Product{ID: "3", Name: "围巾", Price: "¥59", Was: "¥99"}
	if last := got[len(got)-1]; last.Item != want || last.Product != "3" {
		t.Errorf("product %q, %+v; want %+v", last.Product, last.Item, want)
	}
}
