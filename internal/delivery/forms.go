package delivery

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// readAliyun: [9/Jun/2015:01:58:09 +0800] 192.0.2.1 - 1542 "-" "GET https://host/path" 200 191 2830 MISS "agent" "text/html"
func readAliyun(_ *Importer, line string) (entry, error) {
	f, err := words(line)
	if err != nil {
		return entry{}, err
	}
	if len(f) < 11 {
		return entry{}, fmt.Errorf("%d fields, there should be at least 11", len(f))
	}
	ended, err := time.Parse("2/Jan/2006:15:04:05 -0700", f[0])
	if err != nil {
		return entry{}, fmt.Errorf("the time is none: %.40q", f[0])
	}
	method, at, ok := strings.Cut(f[5], " ")
	if !ok {
		return entry{}, fmt.Errorf("the request is none: %.120q", f[5])
	}
	at, _, _ = strings.Cut(at, " ") // a protocol may follow
	e, err := fromURL(at)
	if err != nil {
		return entry{}, err
	}
	if err := e.answered(f[6], f[8], f[3], f[4], f[9]); err != nil {
		return entry{}, err
	}
	e.Method, e.Started = text(method, 16), ended.Add(-e.Took).UTC()
	return e, nil
}

// readTencent: 20170306101112 192.0.2.1 host /path 1234 22 2 206 referer 15 "agent" "bytes=0-99" GET HTTP/1.1 hit 48291
func readTencent(_ *Importer, line string) (entry, error) {
	f, err := words(line)
	if err != nil {
		return entry{}, err
	}
	if len(f) < 15 {
		return entry{}, fmt.Errorf("%d fields, there should be at least 15", len(f))
	}
	started, err := time.ParseInLocation("20060102150405", f[0], east)
	if err != nil {
		return entry{}, fmt.Errorf("the time is none: %.40q", f[0])
	}
	e, err := fromURL(f[3])
	if err != nil {
		return entry{}, err
	}
	if err := e.answered(f[7], f[4], f[9], strings.Trim(f[8], `"`), f[14]); err != nil {
		return entry{}, err
	}
	e.Asked, e.Method, e.Started = rangeOf(f[11]), text(f[12], 16), started.UTC()
	return e, e.placed("")
}

// rangeOf is a Range as it was asked; some logs leave the unit away.
func rangeOf(s string) string {
	s = text(s, 256)
	if s != "" && !strings.Contains(s, "=") {
		s = "bytes=" + s
	}
	return s
}

// cloudFrontFields is the order while no #Fields line said another.
var cloudFrontFields = strings.Fields(`date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)
	cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken
	x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port
	time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end`)

func readCloudFront(in *Importer, line string) (entry, error) {
	values := strings.Split(line, "\t")
	if len(values) != len(in.fields) {
		return entry{}, fmt.Errorf("%d fields, there should be %d", len(values), len(in.fields))
	}
	f := make(map[string]string, len(values))
	for i, name := range in.fields {
		f[name] = values[i]
	}
	ended, err := time.Parse("2006-01-02 15:04:05", f["date"]+" "+f["time"])
	if err != nil {
		return entry{}, fmt.Errorf("the time is none: %.40q", f["date"]+" "+f["time"])
	}
	at := f["cs-uri-stem"]
	if query := f["cs-uri-query"]; query != "" && query != "-" {
		at += "?" + query
	}
	e, err := fromURL(at)
	if err != nil {
		return entry{}, err
	}
	referer, err := url.QueryUnescape(strings.ReplaceAll(f["cs(Referer)"], "+", "%2B")) // percent signs are written once or twice
	if err != nil {
		referer = f["cs(Referer)"]
	}
	if err := e.answered(f["sc-status"], f["sc-bytes"], "0", referer, f["x-edge-result-type"]); err != nil {
		return entry{}, err
	}
	taken, faulty := seconds("time-taken", f["time-taken"])
	first, faultyFirst := seconds("time-to-first-byte", f["time-to-first-byte"])
	if err := errors.Join(faulty, faultyFirst); err != nil {
		return entry{}, err
	}
	e.Took, e.FirstByte, e.Method, e.Started = taken, first, text(f["cs-method"], 16), ended.Add(-taken).UTC()
	if e.RequestID == "" && f["x-edge-request-id"] != "-" {
		e.RequestID = Cut(f["x-edge-request-id"], 64)
	}
	if from, to := f["sc-range-start"], f["sc-range-end"]; from != "" && from != "-" {
		if to == "-" {
			to = ""
		}
		e.Asked = Cut("bytes="+from+"-"+to, 256)
		e.Ranges = 1
		if e.SentFrom, err = number("sc-range-start", from); err != nil {
			return entry{}, err
		}
	}
	return e, nil
}

func seconds(name, s string) (time.Duration, error) {
	if s == "" || s == "-" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n < 1e7) {
		return 0, fmt.Errorf("%s is no number of seconds: %.40q", name, s)
	}
	return time.Duration(n * float64(time.Second)).Round(time.Microsecond), nil
}

// readNginx: 192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET /path HTTP/1.1" 206 100 "referer" "agent" range="bytes=0-99" …
func readNginx(_ *Importer, line string) (entry, error) {
	f, err := words(line)
	if err != nil {
		return entry{}, err
	}
	if len(f) < 9 {
		return entry{}, fmt.Errorf("%d fields, there should be at least 9", len(f))
	}
	ended, err := time.Parse("02/Jan/2006:15:04:05 -0700", f[3])
	if err != nil {
		return entry{}, fmt.Errorf("the time is none: %.40q", f[3])
	}
	request := strings.Split(f[4], " ")
	if len(request) != 3 {
		return entry{}, fmt.Errorf("the request is none: %.120q", f[4])
	}
	e, err := fromURL(request[1])
	if err != nil {
		return entry{}, err
	}
	if err := e.answered(f[5], f[6], "0", f[7], ""); err != nil {
		return entry{}, err
	}
	e.Method = text(request[0], 16)
	contentRange := ""
	for _, pair := range f[9:] {
		name, value, _ := strings.Cut(pair, "=")
		var err error
		switch {
		case value == "" || value == "-":
		case name == "range":
			e.Asked = rangeOf(value)
		case name == "content_range":
			contentRange = value
		case name == "request_id" && e.RequestID == "":
			e.RequestID = Cut(value, 64)
		case name == "request_time":
			e.Took, err = seconds(name, value)
		case name == "first_byte":
			e.FirstByte, err = seconds(name, value)
		case name == "cache":
			e.CacheHit = isHit(value)
		}
		if err != nil {
			return entry{}, err
		}
	}
	e.Started = ended.Add(-e.Took).UTC()
	return e, e.placed(contentRange)
}

// placed says where in the file a partial answer begins: by its Content-Range, or by a Range asked with one part.
func (e *entry) placed(contentRange string) error {
	if e.Status != 206 {
		return nil
	}
	e.Ranges = 1
	if place, ok := strings.CutPrefix(contentRange, "bytes "); ok {
		first, rest, _ := strings.Cut(place, "-")
		_, size, _ := strings.Cut(rest, "/")
		var faults [2]error
		e.SentFrom, faults[0] = number("content_range", first)
		if size != "*" {
			e.Size, faults[1] = number("content_range", size)
		}
		return errors.Join(faults[:]...)
	}
	asked, ok := strings.CutPrefix(e.Asked, "bytes=")
	if parts := strings.Count(asked, ",") + 1; ok && parts > 1 {
		e.Ranges = parts
		return nil
	}
	if first, _, found := strings.Cut(asked, "-"); ok && found && first != "" {
		if n, err := number("range", first); err == nil {
			e.SentFrom = n
		}
	}
	return nil
}
