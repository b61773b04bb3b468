package asr

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"liveclip/internal/domain"
)

func TestARoomExpectsItsProductsItsOperatorsWordsAndThoseOfTheRulesInThisOrderEachOnce(t *testing.T) {
	room := domain.Context{Products: []domain.Product{{Name: "保温杯"}, {Name: " iPhone  17 "}, {}}, Hotwords: []string{"家人们", "保温杯"}}
	got := expectedHotwords(room, []string{"小美"}, []string{"全场五折", "家人们", "#no word"})
	if want := []string{"保温杯", "iPhone 17", "家人们", "小美", "全场五折"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAListOfAHundredThousandHotWordsIsSurvivedAndNamed(t *testing.T) {
	var list strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&list, "商品%d\n", i)
	}
	path := filepath.Join(t.TempDir(), "hotwords.txt")
	if err := os.WriteFile(path, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	words, err := readHotwordsFile(path)
	if len(words) != mostHotwords || words[0] != "商品0" || !errors.Is(err, ErrHotwords) || !strings.Contains(err.Error(), "99000") {
		t.Errorf("%d words, %v", len(words), err)
	}
	if got := expectedHotwords(domain.Context{Hotwords: strings.Split(list.String(), "\n")}, words); len(got) != mostHotwords {
		t.Errorf("%d words of a room", len(got))
	}
}

func FuzzHotWordsAreReadOrLeftOut(f *testing.F) {
	f.Add("全场五折\n# a comment\n\n last  three\tminutes ")
	f.Add(strings.Repeat("x", 10_000) + "\nnext")
	f.Add("\xff\xfe\n\x00")
	f.Fuzz(func(t *testing.T, list string) {
		words, err := readHotwords(strings.NewReader(list))
		if err != nil && !errors.Is(err, ErrHotwords) {
			t.Errorf("an error without a name: %v", err)
		}
		for _, w := range words {
			if again, ok := hotword(w); !ok || again != w || strings.Contains(w, "\n") {
				t.Errorf("%q is no word", w)
			}
		}
	})
}
