package speech

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

const table = `costs 1 1 1
sound 家 jia1
sound 加 jia1
sound 价 jia4 jie5
sound 人 ren2
sound 格 ge2
pair ^ 家 20
pair 家 人 50
pair 人 $ 50
pair ^ 价 5
pair 价 格 50
pair 格 $ 50
pair ^ 加 20
pair 加 $ 20
`

func TestOfCharactersThatSoundAlikeTheLikeliestTextIsTaken(t *testing.T) {
	h, err := parseHomophones(bufio.NewScanner(strings.NewReader(table)))
	if err != nil {
		t.Fatal(err)
	}
	for heard, want := range map[string]string{"加人": "家人", "家人": "家人", "家格": "价格", "价格": "价格", " wow加人": " wow家人", "加": "加", "": ""} { //nolint:gocritic // a word in Latin letters begins with a blank
		var tokens []string
		if rest, ok := strings.CutPrefix(heard, " wow"); ok {
			tokens, heard = append(tokens, " wow"), rest
		}
		for _, r := range heard {
			tokens = append(tokens, string(r))
		}
		if got := strings.Join(h.settle(tokens), ""); got != want {
			t.Errorf("%q was settled as %q, want %q", tokens, got, want)
		}
	}
}

func TestATableThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "costs 2 1 3\n", "pair a b 1\n", "costs 2 1 3\npair a b -1\n", "costs 2 1 3\npair a b NaN\n", "costs x 1 3\n", "words a b\n", "sound a\n"} {
		if _, err := parseHomophones(bufio.NewScanner(strings.NewReader(text))); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzHomophonesGiveOneTokenForEachHeard(f *testing.F) {
	f.Add(table, "加人")
	f.Add("costs 0 0 1\nsound a b\npair a a 0\npair a b 1\n", "aab")
	f.Fuzz(func(t *testing.T, text, heard string) {
		h, err := parseHomophones(bufio.NewScanner(strings.NewReader(text)))
		if err != nil || len(heard) > 50 {
			return
		}
		tokens := strings.Split(heard, "")
		settled := h.settle(tokens)
		if len(settled) != len(tokens) || !slices.Equal(settled, h.settle(tokens)) {
			t.Errorf("%q became %q", tokens, settled)
		}
	})
}
