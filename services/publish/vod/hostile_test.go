package vod

import (
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/sign"
)

func TestWhatIsRefusedSaysWhyAndNoMore(t *testing.T) {
	o := newOrigin(t, digits)
	expired := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Expires: noon}, "720p.mp4")
	grant := func(path string) string {
		return testKeys.URL(sign.Grant{Path: path, Tenant: "default", Expires: noon.Add(time.Hour)}, "720p.mp4")
	}
	other := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "shop", Expires: noon.Add(time.Hour)}, "720p.mp4")
	notAllowed := wantProblem(405, "the VOD path is read with GET or HEAD", map[string]string{"Allow": "GET, HEAD"})
	unsigned := wantProblem(403, "this URL is not signed, or was altered")
	for name, c := range map[string]struct {
		method, path string
		want         answered
	}{
		"post":                    {"POST", o.path("720p.mp4"), notAllowed},
		"delete":                  {"DELETE", o.path("720p.mp4"), notAllowed},
		"options":                 {"OPTIONS", o.path("720p.mp4"), notAllowed},
		"no signature":            {"GET", "/vod/clip1/hash1/720p.mp4", unsigned},
		"another's signature":     {"GET", strings.Replace(o.path("720p.mp4"), "hash1", "hash2", 1), unsigned},
		"altered":                 {"GET", strings.Replace(o.path("720p.mp4"), "session=s", "session=t", 1), unsigned},
		"expired":                 {"GET", expired, wantProblem(403, "this URL has expired")},
		"unknown clip":            {"GET", grant("/vod/none/hash1/"), wantProblem(404, "no such clip")},
		"another tenant's":        {"GET", other, wantProblem(404, "no such clip")},
		"unknown version":         {"GET", grant("/vod/clip1/hash2/"), wantProblem(404, "no such version of this clip")},
		"unknown file":            {"GET", o.path("1080p.mp4"), wantProblem(404, "this clip has no such file")},
		"a file without profile":  {"GET", o.path("manifest.json"), wantProblem(404, "this clip has no such file")},
		"no file":                 {"GET", o.path(""), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"a folder deeper":         {"GET", o.path("x/720p.mp4"), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"a climb":                 {"GET", o.path("..%2f..%2fplan.1.json"), wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
		"not the VOD path at all": {"GET", "/vod", wantProblem(404, "no such path: it is /vod/{clip_id}/{hash}/{file}")},
	} {
		t.Run(name, func(t *testing.T) { compare(t, o.ask(t, c.method, c.path), c.want) })
	}
}

func TestHostileRequestsAreAnsweredAndNothingElse(t *testing.T) {
	o := newOrigin(t, digits).direct(t)
	many := "Range: bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 1300), ",")
	type seen struct {
		status int
		length int
	}
	signed := o.path("720p.mp4")
	for name, c := range map[string]struct {
		path   string
		fields []string
		want   seen
	}{
		"1300 ranges":              {signed, []string{many}, seen{200, 1000}},
		"2^63 first":               {signed, []string{"Range: bytes=9223372036854775808-"}, seen{status: 416}},
		"2^64 last":                {signed, []string{"Range: bytes=0-18446744073709551616"}, seen{206, 1000}},
		"2^64 of the end":          {signed, []string{"Range: bytes=-18446744073709551616"}, seen{206, 1000}},
		"sums beyond 2^63":         {signed, []string{"Range: bytes=0-9223372036854775807,0-9223372036854775807"}, seen{200, 1000}},
		"negative":                 {signed, []string{"Range: bytes=--5"}, seen{status: 416}},
		"garbage":                  {signed, []string{"Range: bytes=\x80\xff-"}, seen{status: 416}},
		"a climb":                  {"/vod/../../etc/passwd", nil, seen{status: 404}},
		"an encoded climb":         {"/vod/%2e%2e/%2e%2e/etc/passwd", nil, seen{status: 404}},
		"an encoded slash":         {"/vod/clip1/hash1/..%2f..%2fmanifest.json", nil, seen{status: 404}},
		"a NUL":                    {"/vod/clip1/hash1/720p.mp4%00", nil, seen{status: 403}},
		"a very long path":         {"/vod/clip1/hash1/" + strings.Repeat("a", 7000), nil, seen{status: 403}},
		"a path beyond all bounds": {"/vod/clip1/hash1/" + strings.Repeat("a", 80_000), nil, seen{status: 431}},
		"a flood of fields":        {signed, []string{strings.Repeat("X: y\r\n", 20_000) + "X: y"}, seen{status: 431}},
		"many fields":              {signed, []string{strings.Repeat("X: y\r\n", 500) + "Range: bytes=0-9"}, seen{206, 10}},
		"an unknown encoding":      {signed, []string{"Transfer-Encoding: gzip"}, seen{status: 501}},
	} {
		t.Run(name, func(t *testing.T) {
			got := o.ask(t, "GET", c.path, c.fields...)
			if c.want.length == 0 {
				got.body = ""
			}
			if now := (seen{got.status, len(got.body)}); !reflect.DeepEqual(now, c.want) {
				t.Errorf("got %+v, want %+v", now, c.want)
			}
		})
	}
}

func TestABodyThatNeverComesHoldsNoConnection(t *testing.T) {
	o := newOrigin(t, digits)
	o.bodyWithin = 100 * time.Millisecond
	for name, address := range map[string]string{"net/http": o.address, "outlet": o.direct(t).address} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nnot all", o.path("720p.mp4"))
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %.100q, then %v", name, answer, err)
		}
	}
	compare(t, o.ask(t, "GET", o.path("720p.mp4"), "Content-Length: 3\r\nRange: bytes=0-3\r\n\r\nabc"), want(206, "0123", everyFile, map[string]string{
		"Content-Type": "video/mp4", "Content-Length": "4", "Content-Range": "bytes 0-3/1000",
	}))
}
