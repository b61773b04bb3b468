package vod

import (
	"reflect"
	"strings"
	"testing"
)

func TestARangeSelectsWhatRFC9110Says(t *testing.T) {
	const max = "9223372036854775807"
	many := func(n int) string { return "bytes=" + strings.TrimSuffix(strings.Repeat("0-0,", n), ",") }
	far := func(n int) string { // ranges of one byte that are too far apart to be joined
		var b strings.Builder
		for i := range n {
			b.WriteString(",")
			b.WriteString(strings.Join([]string{itoa(i * 1000), itoa(i * 1000)}, "-"))
		}
		return "bytes=" + b.String()[1:]
	}
	for name, c := range map[string]struct {
		fields []string
		size   int64
		kind   selection
		parts  []span
	}{
		"none":                           {nil, 100, selectWhole, nil},
		"first and last":                 {[]string{"bytes=2-4"}, 100, selectParts, []span{{2, 4}}},
		"one byte":                       {[]string{"bytes=0-0"}, 100, selectParts, []span{{0, 0}}},
		"to the end":                     {[]string{"bytes=90-"}, 100, selectParts, []span{{90, 99}}},
		"the whole as a range":           {[]string{"bytes=0-"}, 100, selectParts, []span{{0, 99}}},
		"the last bytes":                 {[]string{"bytes=-5"}, 100, selectParts, []span{{95, 99}}},
		"a suffix longer than the file":  {[]string{"bytes=-500"}, 100, selectParts, []span{{0, 99}}},
		"last clamped":                   {[]string{"bytes=90-200"}, 100, selectParts, []span{{90, 99}}},
		"last beyond all numbers":        {[]string{"bytes=90-9" + max}, 100, selectParts, []span{{90, 99}}},
		"first beyond all numbers":       {[]string{"bytes=9" + max + "-"}, 100, selectNone, nil},
		"suffix beyond all numbers":      {[]string{"bytes=-9" + max}, 100, selectParts, []span{{0, 99}}},
		"leading zeros":                  {[]string{"bytes=002-004"}, 100, selectParts, []span{{2, 4}}},
		"first at the end":               {[]string{"bytes=100-"}, 100, selectNone, nil},
		"first after the end":            {[]string{"bytes=500-600"}, 100, selectNone, nil},
		"a suffix of nothing":            {[]string{"bytes=-0"}, 100, selectNone, nil},
		"first after last":               {[]string{"bytes=4-2"}, 100, selectNone, nil},
		"one of them first after last":   {[]string{"bytes=0-1,4-2"}, 100, selectNone, nil},
		"unit in capitals":               {[]string{"BYTES=2-4"}, 100, selectParts, []span{{2, 4}}},
		"another unit":                   {[]string{"seconds=2-4"}, 100, selectWhole, nil},
		"no unit":                        {[]string{"2-4"}, 100, selectWhole, nil},
		"empty":                          {[]string{""}, 100, selectWhole, nil},
		"nothing after the unit":         {[]string{"bytes="}, 100, selectNone, nil},
		"empty list elements only":       {[]string{"bytes= , ,"}, 100, selectNone, nil},
		"white space and empty elements": {[]string{"bytes= , 2-4\t, ,"}, 100, selectParts, []span{{2, 4}}},
		"white space within":             {[]string{"bytes=2 - 4"}, 100, selectNone, nil},
		"a sign":                         {[]string{"bytes=+2-4"}, 100, selectNone, nil},
		"two dashes":                     {[]string{"bytes=2--4"}, 100, selectNone, nil},
		"a dash alone":                   {[]string{"bytes=-"}, 100, selectNone, nil},
		"no dash":                        {[]string{"bytes=2"}, 100, selectNone, nil},
		"letters":                        {[]string{"bytes=a-b"}, 100, selectNone, nil},
		"hexadecimal":                    {[]string{"bytes=0x1-0x2"}, 100, selectNone, nil},
		"the field twice":                {[]string{"bytes=0-1", "bytes=2-3"}, 100, selectWhole, nil},
		"an empty file from its start":   {[]string{"bytes=0-"}, 0, selectWhole, nil},
		"an empty file's last bytes":     {[]string{"bytes=-5"}, 0, selectWhole, nil},
		"two apart":                      {[]string{"bytes=0-9,500-509"}, 1000, selectParts, []span{{0, 9}, {500, 509}}},
		"two apart, the later first":     {[]string{"bytes=500-509,0-9"}, 1000, selectParts, []span{{500, 509}, {0, 9}}},
		"two that overlap":               {[]string{"bytes=0-99,50-199"}, 1000, selectParts, []span{{0, 199}}},
		"two that touch":                 {[]string{"bytes=0-99,100-199"}, 1000, selectParts, []span{{0, 199}}},
		"two that nearly touch":          {[]string{"bytes=0-99,150-199"}, 1000, selectParts, []span{{0, 199}}},
		"a third that bridges two":       {[]string{"bytes=0-9,500-509,5-505"}, 1000, selectParts, []span{{0, 509}}},
		"one of two beyond the end":      {[]string{"bytes=2000-,0-9"}, 1000, selectParts, []span{{0, 9}}},
		"both beyond the end":            {[]string{"bytes=2000-,-0"}, 1000, selectNone, nil},
		"more in sum than there is":      {[]string{"bytes=0-,0-"}, 1000, selectWhole, nil},
		"one byte over and over":         {[]string{many(100)}, 1000, selectParts, []span{{0, 0}}},
		"more ranges than are read":      {[]string{many(maxSpecs + 1)}, 1 << 20, selectWhole, nil},
		"sixteen parts":                  {[]string{far(16)}, 1 << 20, selectParts, farSpans(16)},
		"seventeen parts":                {[]string{far(17)}, 1 << 20, selectWhole, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseRange(c.fields, c.size, nil)
			if want := (choice{c.kind, c.parts, got.open}); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func farSpans(n int) []span {
	spans := make([]span, n)
	for i := range spans {
		spans[i] = span{int64(i) * 1000, int64(i) * 1000}
	}
	return spans
}

func FuzzPartsLieInTheFileApartAndCostNoMoreThanTheWhole(f *testing.F) {
	for _, s := range []string{"bytes=0-", "bytes=-1", "bytes=5-4", "bytes=0-0,2-2,-1", "bytes= , 1-", "x=0-1", "bytes=99999999999999999999-"} {
		f.Add(s, int64(1000))
	}
	f.Fuzz(func(t *testing.T, field string, size int64) {
		got := parseRange([]string{field}, size, make([]span, 0, maxParts))
		kind, parts := got.selection, got.parts
		if (kind == selectParts) != (len(parts) > 0) || len(parts) > maxParts {
			t.Fatalf("%d with %v", kind, parts)
		}
		total := int64(0)
		for i, p := range parts {
			if p.first < 0 || p.first > p.last || p.last >= size {
				t.Fatalf("%v of %d bytes", p, size)
			}
			for _, q := range parts[:i] {
				if p.first <= q.last && q.first <= p.last {
					t.Fatalf("%v and %v overlap", p, q)
				}
			}
			total += p.length()
		}
		if total > size && size > 0 {
			t.Fatalf("%d bytes of %d", total, size)
		}
	})
}
