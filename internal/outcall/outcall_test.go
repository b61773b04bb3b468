package outcall

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestAServerIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-7": 0, "soon": 0, "7.5": 0,
		"3601": time.Hour, "9223372036854775807": time.Hour, "99999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Second).Format(http.TimeFormat):     0,
		now.Add(48 * time.Hour).Format(http.TimeFormat):   time.Hour,
	} {
		answer := &http.Response{Header: http.Header{"Retry-After": {value}}}
		if got := RetryAfter(answer, now, time.Hour); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestAnErrorIsToldWithoutItsURL(t *testing.T) {
	refused := errors.New("connection refused")
	for _, err := range []error{refused, &url.Error{Op: "Post", URL: "https://shop.example/?signature=1", Err: refused}} {
		if got := WithoutURL(err).Error(); got != "connection refused" {
			t.Errorf("got %q", got)
		}
	}
}
