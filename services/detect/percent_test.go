package detect

import (
	"strings"
	"testing"
)

func TestAPercentageThatALineBeginsWithIsRead(t *testing.T) {
	for text, off := range map[string]float64{"20 percent off": 20, "20 percent of people": 0, "save 20 percent": 20, "percent": 0} {
		got := 0.
		for _, o := range readOffers(strings.Fields(text)) {
			got = o.off
		}
		if got != off {
			t.Errorf("%q: %v off, want %v", text, got, off)
		}
	}
}

func FuzzOffersAreReadFromAnyWords(f *testing.F) {
	for _, text := range []string{"20 percent", "百 分 之", "save", "was 9 now 5", "满 三 百 减", "half price second"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Fields(text)
		for _, o := range readOffers(words) {
			if o.first < 0 || o.last < o.first || o.last >= len(words) {
				t.Errorf("%q: an offer of words %d to %d of %d", text, o.first, o.last, len(words))
			}
		}
	})
}
