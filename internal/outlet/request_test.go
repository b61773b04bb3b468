package outlet

import (
	"bufio"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// FuzzWhatIsSimpleIsWhatNetHTTPReads holds the one rule that keeps us honest: whatever we take, net/http takes and reads the
// same, so that no request means one thing here and another behind a proxy.
func FuzzWhatIsSimpleIsWhatNetHTTPReads(f *testing.F) {
	for _, head := range []string{
		"GET /vod/a/b/c.mp4?x=1 HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n",
		"HEAD /vod/a HTTP/1.1\r\nhost: h:80\r\nrange:\tbytes=0-1 \r\nRange: bytes=5-\r\nConnection: close\r\n\r\n",
		"GET /vod/%2e%2e/%00 HTTP/1.1\r\nHost: [::1]\r\nX-Empty:\r\n\r\n",
		"GET /vod/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"GET /vod/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
		"GET /vod/a HTTP/1.1\r\nHost : h\r\n\r\n",
		"GET /vod/a HTTP/1.1\nHost: h\n\n",
		"GET /vod/a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
		"GET /vod/a HTTP/1.0\r\nHost: h\r\n\r\n",
	} {
		f.Add(head)
	}
	q := request{Request: http.Request{Header: http.Header{}}}
	f.Fuzz(func(t *testing.T, head string) {
		end := strings.Index(head, "\r\n\r\n")
		if end < 0 || !q.parse(head[:end+4], "/vod/") {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", head, err)
		}
		for name, values := range want.Header {
			if q.Header["Pragma"] != nil && name == "Cache-Control" {
				continue // net/http makes it of Pragma
			}
			if !reflect.DeepEqual(q.Header[name], values) {
				t.Fatalf("%q: %s is %q, net/http reads %q", head, name, q.Header[name], values)
			}
		}
		if pragma := q.Header["Pragma"]; pragma == nil && len(q.Header) != len(want.Header) || q.Host != want.Host || q.Method != want.Method ||
			q.RequestURI != want.RequestURI || !reflect.DeepEqual(q.URL, want.URL) || q.close != want.Close || want.ContentLength != 0 {
			t.Fatalf("%q is read as %+v, by net/http as %+v", head, q.Request, want)
		}
	})
}
