package delivery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const where = "/vod/clip1/hash1/720p.mp4"

func imported(t testing.TB, form, log string) (records []Imported, faults []string) {
	t.Helper()
	in, err := NewImporter(form, "")
	if err != nil {
		t.Fatal(err)
	}
	for record, err := range in.Read(strings.NewReader(log)) {
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		records = append(records, record)
	}
	return records, faults
}

// common is what all samples tell.
func common() domain.Delivery {
	return domain.Delivery{
		Clip: "clip1", Hash: "hash1", File: "720p.mp4", Profile: "720p", Method: "GET", Status: 206, Sent: 2830, Acked: -1,
		Session: "viewer", Referer: "https://shop.example/a b", Purpose: domain.PurposePreload, CacheHit: true,
	}
}

func TestEveryFormGivesTheSameRecord(t *testing.T) {
	query := "?session=viewer&purpose=P1&rid=r1"
	ended := time.Date(2015, 6, 8, 17, 58, 9, 0, time.UTC)
	for form, c := range map[string]struct {
		line string
		want func(*domain.Delivery)
	}{
		"aliyun": {
			`[9/Jun/2015:01:58:09 +0800] 192.0.2.1 - 1542 "https://shop.example/a b" "GET https://cdn.example` + where + query + `" 206 191 2830 HIT "Mozilla/5.0 (compatible; \"x\")" "video/mp4"`,
			func(d *domain.Delivery) {
				d.Took, d.Started = 1542*time.Millisecond, ended.Add(-1542*time.Millisecond)
			},
		},
		"tencent": {
			`20150609015809 192.0.2.1 cdn.example ` + where + query + ` 2830 22 2 206 "https://shop.example/a b" 1542 "Mozilla/5.0 (x)" "bytes=100-2929" GET HTTP/1.1 hit 48291`,
			func(d *domain.Delivery) {
				d.Took, d.Started, d.Asked, d.SentFrom, d.Ranges = 1542*time.Millisecond, ended, "bytes=100-2929", 100, 1
			},
		},
		"cloudfront": {
			"2015-06-08\t17:58:09\tFRA2\t2830\t192.0.2.1\tGET\td1.cloudfront.net\t" + where + "\t206\thttps://shop.example/a%20b\tMozilla/5.0%20(x)\tsession=viewer&purpose=P1&rid=r1&Policy=x&Signature=y&Key-Pair-Id=z\t-\tHit\txGN7KWpVEmB9Dp7ctcVFQC4E-nrcOcEKS3QyAez--06dV7TEXAMPLE==\tcdn.example\thttps\t411\t1.542\t-\tTLSv1.2\tECDHE\tHit\tHTTP/2.0\t-\t-\t11040\t0.021\tHit\tvideo/mp4\t2830\t100\t2929",
			func(d *domain.Delivery) {
				d.Took, d.FirstByte, d.Started = 1542*time.Millisecond, 21*time.Millisecond, ended.Add(-1542*time.Millisecond)
				d.Asked, d.SentFrom, d.Ranges = "bytes=100-2929", 100, 1
			},
		},
		"nginx": {
			`192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET ` + where + query + ` HTTP/1.1" 206 2830 "https://shop.example/a b" "Mozilla/5.0 (x)" range="bytes=100-" content_range="bytes 100-2929/5000" request_id=abc request_time=1.542 first_byte=0.021 cache=HIT`,
			func(d *domain.Delivery) {
				d.Took, d.FirstByte, d.Started = 1542*time.Millisecond, 21*time.Millisecond, ended.Add(-1542*time.Millisecond)
				d.Asked, d.SentFrom, d.Ranges, d.Size = "bytes=100-", 100, 1, 5000
			},
		},
	} {
		want := common()
		want.RequestID, want.Origin = "r1", form
		c.want(&want)
		records, faults := imported(t, form, c.line+"\n")
		if len(records) != 1 || len(faults) > 0 {
			t.Errorf("%s: %v, %d records", form, faults, len(records))
			continue
		}
		got := records[0]
		if got.Delivery != want || got.ID == "" || got.Tenant != domain.DefaultTenant {
			t.Errorf("%s:\ngot  %+v\nwant %+v", form, got.Delivery, want)
		}
	}
}

func TestOurOwnLinesComeBackWhole(t *testing.T) {
	d := common()
	d.RequestID, d.Origin, d.Asked, d.SentFrom, d.Ranges, d.Size = "r1", domain.OriginSelf, "bytes=1-2", 1, 1, 9
	d.Started, d.FirstByte, d.Took = time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC), 1500*time.Microsecond, 2*time.Second
	text, err := json.Marshal(LineOf(event.Envelope{Tenant: "shop", Stream: "room", Broadcast: "b1"}, d))
	if err != nil {
		t.Fatal(err)
	}
	records, faults := imported(t, "liveclip", string(text))
	if len(faults) > 0 || len(records) != 1 || records[0].Delivery != d || records[0].Stream != "room" || records[0].Tenant != "shop" {
		t.Errorf("%v %+v\nof %s", faults, records, text)
	}
}

func TestALineThatCannotBeReadIsNamedAndTheOthersGoOn(t *testing.T) {
	good := `192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET ` + where + ` HTTP/1.1" 200 10 "-" "x"`
	records, faults := imported(t, "nginx", strings.Join([]string{
		good, "", `192.0.2.1 - - "GET`, strings.Replace(good, "200", "20O", 1), strings.Replace(good, "200 10", "200 -10", 1),
		strings.Replace(good, "09/Jun", "99/Jun", 1), strings.Replace(good, where, "/favicon.ico", 1), strings.Repeat("x", 100<<10),
		good + strings.Repeat(" a", 80), good,
	}, "\n"))
	want := []string{
		"line 3: a quote or bracket is not closed", `line 4: the status is none: "20O"`, `line 5: the bytes sent is no whole number: "-10"`,
		`line 6: the time is none: "99/Jun/2015:01:58:09 +0800"`, "line 7: not of the VOD path", "line 8: longer than 65536 bytes", "line 9: more than 64 fields",
	}
	if len(records) != 2 || !reflect.DeepEqual(faults, want) {
		t.Errorf("%d records, %q", len(records), faults)
	}
	if records[0].ID == records[1].ID || records[0].RequestID == records[1].RequestID {
		t.Error("two lines are one record")
	}
}

func TestALogOfSomethingElseSaysSo(t *testing.T) {
	in, err := NewImporter("aliyun", "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range in.Read(strings.NewReader(`[9/Jun/2015:01:58:09 +0800] 10.10.10.10 - 1542 "-" "GET http://www.aliyun.com/index.html" 200 191 2830 MISS "Mozilla/5.0" "text/html"`)) {
		if n++; !errors.Is(err, ErrElsewhere) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
	if _, err := NewImporter("akamai", ""); err == nil {
		t.Error("an unknown form is taken")
	}
}

func TestCloudFrontsFieldsAreThoseItNames(t *testing.T) {
	records, faults := imported(t, "cloudfront", "#Version: 1.0\n#Fields: time date cs-uri-stem sc-status sc-bytes cs-method x-edge-result-type\n17:58:09\t2015-06-08\t"+where+"\t200\t5\tHEAD\tMiss\n")
	if len(faults) > 0 || len(records) != 1 || records[0].Method != http.MethodHead || records[0].Sent != 5 || records[0].CacheHit {
		t.Errorf("%v %+v", faults, records)
	}
}

func TestAPackedLogIsReadLikeAPlainOne(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, `192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET `+where+` HTTP/1.1" 200 10 "-" "x"`+"\n")
	w.Close()
	if records, faults := imported(t, "nginx", packed.String()); len(records) != 1 || len(faults) > 0 {
		t.Errorf("%v %+v", faults, records)
	}
	if records, faults := imported(t, "nginx", packed.String()[:packed.Len()-12]); len(faults) != 1 {
		t.Errorf("cut off: %v %+v", faults, records)
	}
}

func TestAnErrorOfReadingEndsIt(t *testing.T) {
	in, err := NewImporter("nginx", "edge")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range in.Read(iotest.ErrReader(errors.New("the disk is gone"))) {
		if n++; err == nil || n > 1 {
			t.Errorf("%d: %v", n, err)
		}
	}
	if n != 1 {
		t.Errorf("%d times", n)
	}
}

func FuzzAnyLogIsReadOrRefused(f *testing.F) {
	f.Add("aliyun", `[9/Jun/2015:01:58:09 +0800] 192.0.2.1 - 1542 "-" "GET https://cdn.example`+where+`" 206 191 2830 HIT "x" "video/mp4"`)
	f.Add("tencent", `20150609015809 192.0.2.1 cdn.example `+where+` 2830 22 2 206 - 1542 "x" "bytes=1-" GET HTTP/1.1 hit 48291`)
	f.Add("cloudfront", "#Fields: time date cs-uri-stem sc-status sc-bytes x-edge-result-type\n17:58:09\t2015-06-08\t"+where+"\t200\t5\tMiss\n")
	f.Add("nginx", `192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET `+where+`?CMCD=su HTTP/1.1" 206 10 "-" "x" a=" b" c="`)
	f.Add("liveclip", `{"time":"2026-03-01T12:00:00Z","tenant":"default","clip_id":"c","status":200,"sent":1}`)
	f.Add("nginx", "\x1f\x8b")
	f.Fuzz(func(t *testing.T, form, log string) {
		in, err := NewImporter(form, "")
		if err != nil {
			return
		}
		for record, err := range in.Read(strings.NewReader(log)) {
			if err == nil && (record.ID == "" || record.Sent < 0 || record.Took < 0 || record.SentFrom < 0 && form != "liveclip") {
				t.Fatalf("%+v", record)
			}
		}
	})
}
