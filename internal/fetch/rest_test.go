package fetch

import "testing"

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Fuzz(func(t *testing.T, value string) {
		if from, of, ok := ContentRange(value); ok && (from < 0 || of <= from) {
			t.Fatalf("%q: %d of %d", value, from, of)
		}
	})
}
