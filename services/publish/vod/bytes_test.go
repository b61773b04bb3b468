package vod

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"liveclip/internal/blob/blobtest"
)

// randomSet is a range set as a client may send it: valid, odd or broken.
func randomSet(r *rand.Rand, size int64) string {
	var b strings.Builder
	b.WriteString([]string{"bytes=", "Bytes=", "bytes= "}[r.IntN(3)])
	for i := range 1 + r.IntN(1+r.IntN(24)) {
		if i > 0 {
			b.WriteString([]string{",", ", ", " ,\t", ",,"}[r.IntN(4)])
		}
		first := r.Int64N(size + size/8)
		if r.IntN(4) == 0 {
			first = r.Int64N(1 + size/100) // near each other: to be joined
		}
		switch r.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "%d-", first)
		case 1:
			fmt.Fprintf(&b, "-%d", first)
		case 2:
			fmt.Fprintf(&b, "%d-%d", first, first+r.Int64N(size))
		default:
			fmt.Fprintf(&b, "%d-%d", first, first+r.Int64N(1+size/64))
		}
	}
	if r.IntN(32) == 0 {
		b.WriteString([]string{",x", ",5-4", ",--1", ",18446744073709551616-", ",1-9223372036854775808"}[r.IntN(5)])
	}
	return b.String()
}

// check holds an answer against the file's own bytes, wherever they are said to be from.
func check(r *http.Response, content string) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	is := func(part, contentRange string) error {
		var first, last, size int
		if _, err := fmt.Sscanf(contentRange, "bytes %d-%d/%d", &first, &last, &size); err != nil || size != len(content) || last >= size || first > last {
			return fmt.Errorf("Content-Range %q", contentRange)
		}
		if part != content[first:last+1] {
			return fmt.Errorf("%d bytes said to be %s are others", len(part), contentRange)
		}
		return nil
	}
	switch r.StatusCode {
	case http.StatusOK:
		if string(body) != content {
			return fmt.Errorf("the whole has %d bytes, or others", len(body))
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if got := r.Header.Get("Content-Range"); got != fmt.Sprintf("bytes */%d", len(content)) {
			return fmt.Errorf("Content-Range %q", got)
		}
	case http.StatusPartialContent:
		kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/byteranges" {
			return is(string(body), r.Header.Get("Content-Range"))
		}
		in := multipart.NewReader(strings.NewReader(string(body)), parameters["boundary"])
		for n := 0; ; n++ {
			part, err := in.NextPart()
			if errors.Is(err, io.EOF) && n >= 2 && n <= maxParts {
				return nil
			}
			if err != nil {
				return fmt.Errorf("after %d parts: %w", n, err)
			}
			data, err := io.ReadAll(part)
			if err != nil {
				return err
			}
			if err := is(string(data), part.Header.Get("Content-Range")); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("answered %s", r.Status)
	}
	return nil
}

// TestWhateverIsAskedTheBytesAreTheFiles asks for random range sets over every way an answer can take.
func TestWhateverIsAskedTheBytesAreTheFiles(t *testing.T) {
	content := noise(3*blockSize + 12_345)
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2c.CloseIdleConnections)
	plain := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(plain.CloseIdleConnections)
	for way, c := range map[string]struct {
		origin    *origin
		transport *http.Transport
	}{
		"sendfile":           {newOrigin(t, content), plain},
		"net/http":           {newOrigin(t, content), plain},
		"HTTP/2":             {newOrigin(t, content), h2c},
		"blocks":             {newOrigin(t, content), plain},
		"blocks over HTTP/2": {newOrigin(t, content), h2c},
		"few blocks":         {newOrigin(t, content), plain},
		"blocks of S3":       {newOrigin(t, content), plain},
	} {
		o := c.origin
		switch {
		case way == "blocks of S3":
			o.inS3(t, blobtest.S3URL(t))
		case strings.Contains(way, "blocks"):
			o.over(objects{o.store})
		}
		if way == "few blocks" {
			o.shelf.blocks.max = blockSize
		}
		if way != "net/http" {
			o.direct(t)
		}
		t.Run(way, func(t *testing.T) {
			var all sync.WaitGroup
			for worker := range 4 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(worker), 5))
					for range 20 {
						set := randomSet(random, int64(len(content)))
						r, _ := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
						r.Header.Set("Range", set)
						answer, err := c.transport.RoundTrip(r)
						if err == nil {
							err = check(answer, content)
							answer.Body.Close()
						}
						if err != nil {
							t.Errorf("%q: %v", set, err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func FuzzNoRangeBringsAnotherByte(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 5))
	for range 20 {
		f.Add(randomSet(random, 10_000))
	}
	o := newOrigin(f, noise(10_000))
	o.deps.Deliver = func(*Delivery) {}
	f.Fuzz(func(t *testing.T, field string) {
		r := httptest.NewRequest(http.MethodGet, o.path("720p.mp4"), nil)
		r.Header["Range"] = []string{field}
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if err := check(w.Result(), o.content); err != nil {
			t.Fatalf("%q: %v", field, err)
		}
	})
}
