// Package outcall reads what calls to other people's HTTP servers come back with.
package outcall

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// WithoutURL is a client's error without the URL that net/http puts in front: it may hold a secret.
func WithoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// RetryAfter is how long the server wants to be left alone, in seconds or until a date (RFC 9110, section 10.2.3), at most most;
// 0: it does not say.
func RetryAfter(answer *http.Response, now time.Time, most time.Duration) time.Duration {
	value := answer.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(most/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}
