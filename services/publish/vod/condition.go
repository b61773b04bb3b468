package vod

import (
	"net/http"
	"strings"
	"time"
)

// version is what the conditions of a request are held against.
type version struct {
	etag     string    // strong, with quotes
	modified time.Time // to the second; zero: unknown
}

// condition is what the preconditions of a request come to.
type condition int

const (
	conditionMet condition = iota
	conditionFailed
	conditionNotModified
)

// evaluate holds the preconditions of a GET or HEAD against v in the order of RFC 9110 §13.2.2. If-Range is apart: it only
// decides whether a Range counts.
func evaluate(h http.Header, v version) condition {
	if h["If-Match"] != nil {
		if !matches(h["If-Match"], v.etag, false) {
			return conditionFailed
		}
	} else if since, ok := date(h, "If-Unmodified-Since"); ok && v.modified.After(since) {
		return conditionFailed
	}
	if h["If-None-Match"] != nil {
		if matches(h["If-None-Match"], v.etag, true) {
			return conditionNotModified
		}
	} else if since, ok := date(h, "If-Modified-Since"); ok && !v.modified.IsZero() && !v.modified.After(since) {
		return conditionNotModified
	}
	return conditionMet
}

// rangeHolds reports whether If-Range lets the Range count: absent, v's own strong tag, or exactly its date. Dates are strong
// validators here, since what is served under one URL never changes.
func rangeHolds(h http.Header, v version) bool {
	fields := h["If-Range"]
	if len(fields) == 0 {
		return true
	}
	if len(fields) > 1 {
		return false
	}
	if value := strings.Trim(fields[0], " \t"); strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "W/") {
		return value == v.etag
	}
	at, ok := date(h, "If-Range")
	return ok && !v.modified.IsZero() && at.Equal(v.modified)
}

// date reads a date field; a repeated or malformed one does not count (RFC 9110 §13.1.3).
func date(h http.Header, name string) (time.Time, bool) {
	fields := h[name]
	if len(fields) != 1 {
		return time.Time{}, false
	}
	t, err := http.ParseTime(fields[0])
	return t, err == nil
}

// matches looks for etag in a list of tags. The weak comparison takes W/ tags too. What follows a break of the grammar does
// not count.
func matches(fields []string, etag string, weak bool) bool {
	for _, list := range fields {
		if strings.Trim(list, " \t") == "*" {
			return true
		}
		for list = strings.TrimLeft(list, " \t,"); list != ""; list = strings.TrimLeft(list, " \t,") {
			opaque, isWeak := strings.CutPrefix(list, "W/")
			if opaque == "" || opaque[0] != '"' {
				break
			}
			end := strings.IndexByte(opaque[1:], '"')
			if end < 0 {
				break
			}
			if opaque[:end+2] == etag && (weak || !isWeak) {
				return true
			}
			list = opaque[end+2:]
		}
	}
	return false
}
