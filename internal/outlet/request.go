package outlet

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

const (
	maxHead   = 8 << 10 // bytes of a request's head; more: net/http's
	maxFields = 64      // more: net/http's
)

// request is what parse reads into; it is used again for the next request of its connection.
type request struct {
	http.Request
	values [maxFields]string // what the header's values lie in
	close  bool              // the client wants the connection to end with the answer
	target string            // what URL was made of
}

// parse reads a head, up to and with its empty line, into q. False: it is not of the simple form, which says nothing of
// whether it is valid.
func (q *request) parse(head, below string) bool {
	line, rest, _ := strings.Cut(head, "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(line, " ")
	if method != http.MethodGet && method != http.MethodHead || proto != "HTTP/1.1" || !strings.HasPrefix(target, below) || !visible(target) {
		return false
	}
	q.Method, q.RequestURI, q.close, q.Host = method, target, false, ""
	clear(q.Header)
	for n := 0; rest != "\r\n"; n++ {
		if line, rest, _ = strings.Cut(rest, "\r\n"); n == maxFields || rest == "" {
			return false
		}
		name, value, ok := strings.Cut(line, ":")
		if value = strings.Trim(value, " \t"); !ok || !token(name) || !text(value) {
			return false
		}
		if !q.field(textproto.CanonicalMIMEHeaderKey(name), value, n) {
			return false
		}
	}
	if q.Host == "" {
		return false
	}
	if target != q.target {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return false
		}
		q.URL, q.target = u, target
	}
	return true
}

// field takes a field in, the n-th; false: it asks for more than a plain answer.
func (q *request) field(name, value string, n int) bool {
	switch name {
	case "Host":
		ok := q.Host == "" && value != "" && visible(value) && !strings.ContainsAny(value, "/\\@#?\"<>^`{|}")
		q.Host = value
		return ok
	case "Connection":
		switch {
		case strings.EqualFold(value, "close"):
			q.close = true
		case !strings.EqualFold(value, "keep-alive"):
			return false
		}
	case "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te", "Http2-Settings", "Proxy-Connection":
		return false
	}
	if already := q.Header[name]; already != nil {
		q.Header[name] = append(already[:len(already):len(already)], value)
		return true
	}
	q.values[n] = value
	q.Header[name] = q.values[n : n+1 : n+1]
	return true
}

// visible accepts ASCII without white space and control characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// text accepts what RFC 9110 §5.5 allows in a field's value.
func text(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// token accepts what RFC 9110 §5.6.2 allows in a field's name.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
