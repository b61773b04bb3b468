package vod

import (
	"fmt"
	"strings"
	"testing"

	"liveclip/internal/blob/blobtest"
	"liveclip/internal/domain"
)

func TestEveryKindOfReadIsAnsweredWhole(t *testing.T) {
	ways := map[string]*origin{
		"net/http": newOrigin(t, digits), "outlet": newOrigin(t, digits).direct(t), "blocks": newOrigin(t, digits), "S3": newOrigin(t, digits).direct(t),
	}
	ways["blocks"].over(objects{ways["blocks"].store})
	ways["S3"].inS3(t, blobtest.S3URL(t))
	whole := want(200, digits, everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "1000"})
	head := want(200, "", everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "1000"})
	part := func(first, last int) answered {
		return want(206, digits[first:last+1], everyFile, map[string]string{
			"Content-Type": "video/mp4", "Content-Length": itoa(last - first + 1), "Content-Range": fmt.Sprintf("bytes %d-%d/1000", first, last),
		})
	}
	beyond := wantProblem(416, "the file has 1000 bytes", everyFile, map[string]string{"Content-Range": "bytes */1000"})
	fresh := want(304, "", everyFile)
	failed := wantProblem(412, "the file is not the one the condition asks for", everyFile)
	for name, c := range map[string]struct {
		method string
		fields []string
		want   answered
	}{
		"whole":                                     {"GET", nil, whole},
		"head":                                      {"HEAD", nil, head},
		"head with a range":                         {"HEAD", []string{"Range: bytes=0-4"}, head},
		"head with a range beyond":                  {"HEAD", []string{"Range: bytes=5000-"}, head},
		"first to last":                             {"GET", []string{"Range: bytes=10-19"}, part(10, 19)},
		"open":                                      {"GET", []string{"Range: bytes=990-"}, part(990, 999)},
		"suffix":                                    {"GET", []string{"Range: bytes=-3"}, part(997, 999)},
		"suffix longer than the file":               {"GET", []string{"Range: bytes=-3000"}, part(0, 999)},
		"clamped":                                   {"GET", []string{"Range: bytes=990-5000"}, part(990, 999)},
		"beyond":                                    {"GET", []string{"Range: bytes=1000-"}, beyond},
		"suffix of nothing":                         {"GET", []string{"Range: bytes=-0"}, beyond},
		"first after last":                          {"GET", []string{"Range: bytes=5-4"}, beyond},
		"broken":                                    {"GET", []string{"Range: bytes=x"}, beyond},
		"another unit":                              {"GET", []string{"Range: lines=1-2"}, whole},
		"two fields":                                {"GET", []string{"Range: bytes=0-1", "Range: bytes=2-3"}, whole},
		"unit in capitals, white space":             {"GET", []string{"Range: Bytes= 10-19 ,"}, part(10, 19)},
		"two that touch":                            {"GET", []string{"Range: bytes=0-9,10-19"}, part(0, 19)},
		"more in sum than there is":                 {"GET", []string{"Range: bytes=0-,0-,0-"}, whole},
		"if-range with our tag":                     {"GET", []string{"Range: bytes=0-9", "If-Range: " + testTag}, part(0, 9)},
		"if-range with another tag":                 {"GET", []string{"Range: bytes=0-9", `If-Range: "other"`}, whole},
		"if-range with a weak tag":                  {"GET", []string{"Range: bytes=0-9", "If-Range: W/" + testTag}, whole},
		"if-range with another tag and beyond":      {"GET", []string{"Range: bytes=5000-", `If-Range: "other"`}, whole},
		"if-range with our date":                    {"GET", []string{"Range: bytes=0-9", "If-Range: " + noonDate}, part(0, 9)},
		"if-range with a later date":                {"GET", []string{"Range: bytes=0-9", "If-Range: " + afterDate}, whole},
		"if-range with nonsense":                    {"GET", []string{"Range: bytes=0-9", "If-Range: yesterday"}, whole},
		"if-range without a range":                  {"GET", []string{`If-Range: "other"`}, whole},
		"if-match with our tag":                     {"GET", []string{`If-Match: "x", ` + testTag}, whole},
		"if-match with any":                         {"GET", []string{"If-Match: *", "Range: bytes=0-9"}, part(0, 9)},
		"if-match with another tag":                 {"GET", []string{`If-Match: "x"`, "Range: bytes=0-9"}, failed},
		"if-match with a weak tag":                  {"GET", []string{"If-Match: W/" + testTag}, failed},
		"if-match outweighs if-unmodified-since":    {"GET", []string{"If-Match: " + testTag, "If-Unmodified-Since: " + beforeDate}, whole},
		"if-unmodified-since before":                {"GET", []string{"If-Unmodified-Since: " + beforeDate}, failed},
		"if-unmodified-since then":                  {"GET", []string{"If-Unmodified-Since: " + noonDate}, whole},
		"if-none-match with our tag":                {"GET", []string{"If-None-Match: " + testTag}, fresh},
		"if-none-match with our tag, head":          {"HEAD", []string{"If-None-Match: " + testTag}, fresh},
		"if-none-match with our weak tag":           {"GET", []string{`If-None-Match: "x", W/` + testTag, "Range: bytes=0-9"}, fresh},
		"if-none-match with any":                    {"GET", []string{"If-None-Match: *"}, fresh},
		"if-none-match with another tag":            {"GET", []string{`If-None-Match: "x"`}, whole},
		"if-none-match outweighs if-modified-since": {"GET", []string{`If-None-Match: "x"`, "If-Modified-Since: " + afterDate}, whole},
		"if-modified-since then":                    {"GET", []string{"If-Modified-Since: " + noonDate}, fresh},
		"if-modified-since before":                  {"GET", []string{"If-Modified-Since: " + beforeDate}, whole},
		"if-modified-since with nonsense":           {"GET", []string{"If-Modified-Since: never"}, whole},
		"a failed condition outweighs a fresh one":  {"GET", []string{`If-Match: "x"`, "If-None-Match: " + testTag}, failed},
		"a fresh one outweighs a range beyond":      {"GET", []string{"If-None-Match: " + testTag, "Range: bytes=5000-"}, fresh},
		"head, a failed condition":                  {"HEAD", []string{`If-Match: "x"`}, answered{412, failed.header, ""}},
	} {
		for way, o := range ways {
			t.Run(name+" over "+way, func(t *testing.T) { compare(t, o.ask(t, c.method, o.path("720p.mp4"), c.fields...), c.want) })
		}
	}
}

func TestPartsFarApartComeAsMultipartInTheOrderAsked(t *testing.T) {
	o := newOrigin(t, digits)
	got := o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=500-509, -5, 0-4")
	_, boundary, _ := strings.Cut(got.header["Content-Type"], "boundary=")
	body := "--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 500-509/1000\r\n\r\n0123456789" +
		"\r\n--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 995-999/1000\r\n\r\n56789" +
		"\r\n--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-4/1000\r\n\r\n01234" +
		"\r\n--B--\r\n"
	body = strings.ReplaceAll(body, "B\r", boundary+"\r")
	body = strings.ReplaceAll(body, "B--", boundary+"--")
	compare(t, got, want(206, body, everyFile, map[string]string{
		"Content-Type": "multipart/byteranges; boundary=" + boundary, "Content-Length": itoa(len(body)),
	}))
}

func TestAnEmptyFileIsWholeWhateverIsAsked(t *testing.T) {
	o := newOrigin(t, digits)
	empty := want(200, "", everyFile, map[string]string{"Content-Type": "video/mp4", "Content-Length": "0", "Etag": `"sha-of-empty"`})
	for _, asked := range []string{"bytes=0-", "bytes=-5", "bytes=5-9", "bytes=5-4"} {
		compare(t, o.ask(t, "GET", o.path("empty.mp4"), "Range: "+asked), empty)
	}
}

func TestABrowserMayAskForARange(t *testing.T) {
	o := newOrigin(t, digits)
	got := o.ask(t, "OPTIONS", o.path("720p.mp4"), "Origin: https://shop.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range")
	compare(t, got, want(204, "", map[string]string{
		"Access-Control-Allow-Methods": "GET, HEAD",
		"Access-Control-Allow-Headers": "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Purpose, X-Request-Id",
		"Access-Control-Max-Age":       "86400",
	}))
}

func TestCoverAndSubtitlesGoTheSameWay(t *testing.T) {
	o := newOrigin(t, digits)
	for file, c := range map[string]struct{ kind, body, tag string }{
		"cover.jpg":     {"image/jpeg", "a picture", `"hash1-cover.jpg-9"`},
		"subtitles.vtt": {"text/vtt; charset=utf-8", "WEBVTT\n", `"hash1-subtitles.vtt-7"`},
	} {
		compare(t, o.ask(t, "GET", o.path(file)), want(200, c.body, everyFile, map[string]string{"Content-Type": c.kind, "Content-Length": itoa(len(c.body)), "Etag": c.tag}))
	}
}

func TestADeliverySaysWhatWasAskedAndSent(t *testing.T) {
	o := newOrigin(t, digits)
	o.ask(t, "GET", o.path("720p.mp4")+"&purpose=preload", "Range: bytes=10-19", "X-Request-Id: r1", "Referer: https://shop.example/a")
	<-o.told
	o.ask(t, "GET", "/vod/clip1/hash1/720p.mp4") // refused: nobody's delivery
	got := o.deliveries[0]
	wantDelivery := domain.Delivery{
		RequestID: "r1", Clip: testClip, Hash: testHash, File: "720p.mp4", Profile: "720p", Method: "GET", Status: 206, Asked: "bytes=10-19",
		Ranges: 1, SentFrom: 10, Sent: 10, Acked: got.Acked, Size: 1000, CacheHit: got.CacheHit, Session: "s", Referer: "https://shop.example/a",
		Purpose: domain.PurposePreload, Started: noon, Origin: domain.OriginSelf,
	}
	if len(o.deliveries) != 1 || got.Delivery != wantDelivery || got.Stream != "room" || got.Broadcast != "b1" {
		t.Errorf("got %+v\nwant %+v", o.deliveries, wantDelivery)
	}
}
