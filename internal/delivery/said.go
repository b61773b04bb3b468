package delivery

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"liveclip/internal/cmcd"
	"liveclip/internal/domain"
)

// Said is what a request says of itself, and nobody has checked.
type Said struct {
	RequestID string
	Session   string // of CMCD
	Purpose   domain.Purpose
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// SaidBy reads a request's own ID and colour, so that a player's reports can be joined with what is sent here and with what a
// CDN's log tells: X-Request-Id, or rid in the query; X-Purpose, or purpose in the query (head, preload, fill, or P0, P1, P3),
// else CMCD. The header may be nil.
func SaidBy(h http.Header, rawQuery string) Said {
	s := Said{RequestID: first(h["X-Request-Id"]), Purpose: PurposeOf(first(h["X-Purpose"]))}
	query := url.Values{}
	if rawQuery != "" && MaySay(rawQuery) {
		query, _ = url.ParseQuery(rawQuery) // what cannot be read says nothing
	}
	if s.RequestID == "" {
		s.RequestID = query.Get("rid")
	}
	if s.RequestID != "" && !idPattern.MatchString(s.RequestID) {
		s.RequestID = ""
	}
	if s.Purpose == "" {
		s.Purpose = PurposeOf(query.Get("purpose"))
	}
	data, _ := cmcd.Of(h, query.Get(cmcd.Query))
	s.Session = Cut(data.Session, 128)
	if s.Purpose == "" {
		s.Purpose = purposeSaid(data)
	}
	return s
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// MaySay reports whether a query may have something for SaidBy.
func MaySay(rawQuery string) bool {
	return strings.Contains(rawQuery, "rid=") || strings.Contains(rawQuery, "purpose=") || strings.Contains(rawQuery, cmcd.Query+"=")
}

// purposeKey is the player's own key in CMCD.
const purposeKey = "com.liveclip-purpose"

// purposeSaid takes the purpose out of CMCD: our own key, else what the standard's keys tell of it.
func purposeSaid(d cmcd.Data) domain.Purpose {
	if p := PurposeOf(d.Custom[purposeKey]); p != "" {
		return p
	}
	switch {
	case d.Startup || d.Starved:
		return domain.PurposeHead
	case d.Buffered > 0:
		return domain.PurposeFill
	}
	return ""
}

// PurposeOf reads a purpose's name; empty: it is none.
func PurposeOf(name string) domain.Purpose {
	switch name {
	case "head", "P0", "p0":
		return domain.PurposeHead
	case "preload", "P1", "p1":
		return domain.PurposePreload
	case "fill", "P3", "p3":
		return domain.PurposeFill
	}
	return ""
}

// Cut keeps the first n bytes of what a client says, as valid UTF-8.
func Cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "�")
}
