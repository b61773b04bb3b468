package vod

import (
	"net/http"
	"strings"
	"testing"
)

func FuzzAConditionNeverLetsAnotherVersionThrough(f *testing.F) {
	f.Add("If-Match", testTag)
	f.Add("If-Range", `W/"sha-of-720p"`)
	f.Add("If-None-Match", `"a", *`)
	f.Add("If-Modified-Since", noonDate)
	f.Add("If-Unmodified-Since", "Sun, 01 Mar 2026 12:00:00 +0000")
	names := map[string]bool{"If-Match": true, "If-Range": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true}
	f.Fuzz(func(t *testing.T, name, value string) {
		if !names[name] {
			return
		}
		h, v := http.Header{name: {value}}, version{testTag, noon}
		got, holds := evaluate(h, v), rangeHolds(h, v)
		ours := strings.Contains(value, testTag) || strings.Contains(value, "*")
		_, err := http.ParseTime(value)
		switch {
		case name == "If-Match" && got == conditionMet && !ours,
			name == "If-None-Match" && got == conditionNotModified && !ours,
			name == "If-Range" && holds && strings.TrimSpace(value) != testTag && err != nil,
			name == "If-Range" && got != conditionMet,
			name != "If-Range" && !holds:
			t.Fatalf("%s: %q comes to %d, %v", name, value, got, holds)
		}
	})
}

func FuzzNoTagListBreaksTheComparison(f *testing.F) {
	f.Add(`"a", W/"b"`)
	f.Add(`*`)
	f.Add(`W/`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, list string) {
		if matches([]string{list}, testTag, true) && !strings.Contains(list, testTag) && !strings.Contains(list, "*") {
			t.Fatalf("%q holds our tag", list)
		}
	})
}
