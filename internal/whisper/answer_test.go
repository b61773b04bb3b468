package whisper

import (
	"testing"
	"time"
)

func FuzzAnswersGiveWordsInOrderWithinTheUtterance(f *testing.F) {
	for _, seed := range []string{`{"text":"a","words":[{"word":"a","start":1e308,"end":-1}]}`, `{"text":"a","segments":[{"text":"a","start":0.1,"end":0.9,"avg_logprob":1e9}]}`, `{"text":null}`, `[]`, `<html>`, "\xff", `{"text":"` + "\xff" + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const length = 3 * time.Second
		words, err := parse(body, length)
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, w := range words {
			if w.Text == "" || w.Start < last || w.End < w.Start || w.End > length || !(w.Confidence >= 0 && w.Confidence <= 1) {
				t.Fatalf("word %+v after %v", w, last)
			}
			last = w.Start
		}
	})
}
