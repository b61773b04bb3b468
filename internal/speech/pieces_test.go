package speech

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/models"
)

const ms = time.Millisecond

func word(text string, start, end time.Duration) domain.Word {
	return domain.Word{Text: text, Start: start * ms, End: end * ms}
}

// at are tokens, 100 ms apart.
func at(texts ...string) (out []piece) {
	for i, text := range texts {
		out = append(out, piece{text, time.Duration(i*100) * ms})
	}
	return out
}

func TestTokensOfEveryKindOfModelMakeWordsWithTimes(t *testing.T) {
	for name, c := range map[string]struct {
		tokens []string // of the model, that tell how it spells
		pieces []piece
		text   string
		want   []domain.Word
	}{
		"characters": {nil, at("五", "折"), "五折", []domain.Word{word("五", 0, 100), word("折", 100, 340)}},
		"pieces of words, the space before": {[]string{"▁LAST", "▁THREE", "MIN"}, at(" LAST", " THREE", " MIN", "UTES"), " LAST THREE MINUTES",
			[]domain.Word{word("last", 0, 100), word("three", 100, 200), word("minutes", 200, 540)}},
		"pieces of words that go on": {[]string{"wo@@", "这"}, at("wo@@", "w", "这", "价格", "hot", "deal"), "wow 这价格 hot deal",
			[]domain.Word{word("wow", 0, 200), word("这", 200, 300), word("价格", 300, 400), word("hot", 400, 500), word("deal", 500, 740)}},
		"both languages":    {[]string{"▁wow", "这"}, at(" wow", "这", "个"), " wow这个", []domain.Word{word("wow", 0, 100), word("这", 100, 200), word("个", 200, 440)}},
		"letters":           {[]string{"д", "а"}, at("д", "а", " ", "н", "у"), "да ну", []domain.Word{word("да", 0, 300), word("ну", 300, 640)}},
		"bytes":             {nil, at("<0xE4>", "<0xBA>", "<0x94>", "折"), "五折", []domain.Word{word("五", 200, 300), word("折", 300, 540)}},
		"unknown ones":      {nil, at("<unk>", "折", "<sos/eos>"), "折", []domain.Word{word("折", 100, 340)}},
		"tokens of bytes":   {nil, at("ƌŌŗ", "ĭĺ"), "五折", []domain.Word{word("五", 0, 100), word("折", 100, 340)}},
		"a long pause":      {nil, []piece{{"五", 0}, {"折", 2000 * ms}}, "五折", []domain.Word{word("五", 0, 240), word("折", 2000, 2240)}},
		"after the end":     {nil, []piece{{"五", 0}, {"折", 9000 * ms}}, "五折", []domain.Word{word("五", 0, 240)}},
		"nothing was heard": {nil, nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newSpelling(c.tokens).words(c.pieces, c.text, 5*time.Second); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func FuzzTokensMakeWordsInOrder(f *testing.F) {
	f.Add("五|折", "五折")
	f.Add(" LA|ST|<0xE4>|<unk>|@@", " LAST")
	f.Add("|▁|\xff", "")
	f.Fuzz(func(t *testing.T, tokens, text string) {
		pieces := at(strings.Split(tokens, "|")...)
		before := time.Duration(0)
		for _, w := range newSpelling(nil).words(pieces, text, time.Second) {
			if w.Start < before || w.End < w.Start || w.End > time.Second || w.Text == "" {
				t.Errorf("%+v after %v", w, before)
			}
			before = w.Start
		}
	})
}

func TestOnlyHotWordsThatAModelCanSpellAreTaken(t *testing.T) {
	transducer := func(unit string, vocabulary bool, tokens ...string) models.Verified {
		m := models.Verified{Manifest: models.Manifest{Kind: models.Transducer, Unit: unit, Files: map[string]string{}}, Tokens: tokens}
		if vocabulary {
			m.Files["bpe.vocab"] = ""
		}
		return m
	}
	words := []string{"五折", "保温杯", "iPhone", " big  deal ", "五:2.0", ":9e999", "@五", "#五", "五/折", "\xff", strings.Repeat("五", 100), ""}
	for name, c := range map[string]struct {
		model models.Verified
		want  string
	}{
		"characters":             {transducer("", false, "<blk>", "五", "折", ":"), "五折"},
		"characters and pieces":  {transducer("", true, "<blk>", "五", "折", "▁big"), "五折/iPhone/big deal"},
		"pieces, in capitals":    {transducer("", true, "<blk>", "▁BIG", "DEAL"), "IPHONE/BIG DEAL"},
		"pieces, unknown which":  {transducer("bpe", false, "<blk>", "▁BIG"), ""},
		"searched greedily only": {models.Verified{Manifest: models.Manifest{Kind: models.NemoCTC}, Tokens: []string{"<blk>", "五", "折"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newHotwords(c.model).take(words); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	many := make([]string, 100_000)
	for i := range many {
		many[i] = "五折"
	}
	if got := newHotwords(transducer("", false, "<blk>", "五", "折")).take(many); strings.Count(got, "/") != hotwordsMost-1 {
		t.Errorf("%d of 100,000 were taken", strings.Count(got, "/")+1)
	}
}

func FuzzHotWordsNeverCarrySigns(f *testing.F) {
	h := newHotwords(models.Verified{Manifest: models.Manifest{Kind: models.Transducer, Files: map[string]string{"bpe.vocab": ""}}, Tokens: []string{"<blk>", "五"}})
	f.Add("五:1.5")
	f.Add("@x #y /z")
	f.Fuzz(func(t *testing.T, word string) {
		if got := h.take([]string{word}); strings.ContainsAny(got, ":#@/\n\x00") || !utf8.ValidString(got) {
			t.Errorf("%q became %q", word, got)
		}
	})
}
