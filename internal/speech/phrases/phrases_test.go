package phrases

import (
	"maps"
	"slices"
	"testing"
)

func TestEveryPhraseHasAKindOfMoment(t *testing.T) {
	kinds := Kinds(Keywords)
	for _, phrase := range Each(Keywords) {
		if kinds[phrase] == "" {
			t.Errorf("%q has none", phrase)
		}
	}
	if kinds["price dropped"] != "price_drop" || kinds["free gift"] != "gift" {
		t.Errorf("got %v", slices.Sorted(maps.Values(kinds)))
	}
}
