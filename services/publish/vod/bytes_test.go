package vod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/record"
)

// noise is content of which no two places look alike.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return string(b)
}

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
	} {
		o := c.origin
		if strings.Contains(way, "blocks") {
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

func TestAFileThatShrinksOrIsReplacedIsNeverMixed(t *testing.T) {
	content := noise(1 << 20)
	o := newOrigin(t, content).direct(t)
	path := storedAt(t, o)
	part := func() answered { return o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=600000-900000") }
	if got := part(); got.status != 206 || got.body != content[600000:900001] {
		t.Fatalf("before: %d, %d bytes", got.status, len(got.body))
	}
	if err := os.Truncate(path, 700_000); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=600000-900000")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err == nil || string(body) != content[600000:700000] {
		t.Errorf("cut under its reader: %d bytes, %v", len(body), err)
	}
	o.clock.advance(fileSeen) // now it is seen that it is another
	if got := part(); got.status != 500 {
		t.Errorf("when it was looked at: %d", got.status)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	o.clock.advance(fileSeen)
	if got := part(); got.status != 500 || strings.Contains(got.body, "clip1") {
		t.Errorf("when it was gone: %d %s", got.status, got.body)
	}
	o.put(t, record.File("default", testClip, testHash, "720p.mp4"), content)
	if got := part(); got.body != content[600000:900001] {
		t.Errorf("when it was back: %d, %d bytes", got.status, len(got.body))
	}
}

// storedAt is the path of the clip's film.
func storedAt(t *testing.T, o *origin) string {
	t.Helper()
	f, _, err := o.store.(blob.Filer).Open(t.Context(), record.File("default", testClip, testHash, "720p.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(path)
}

// brittle is an object store whose reads break off, and that counts them.
type brittle struct {
	blob.Store
	gets  atomic.Int64
	after atomic.Int64 // bytes a read gives before it breaks; 0: it does not
	tag   atomic.Pointer[string]
	gate  chan struct{} // reads wait for it; nil: they do not
}

var errBroke = errors.New("the object store broke off")

func (b *brittle) Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, blob.Info, error) {
	b.gets.Add(1)
	if b.gate != nil {
		<-b.gate
	}
	body, info, err := b.Store.Get(ctx, key, offset, size)
	if tag := b.tag.Load(); tag != nil {
		info.ETag = *tag
	}
	if after := b.after.Load(); err == nil && after > 0 {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(body, after), broken{}), body}, info, nil
	}
	return body, info, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroke }

func TestAnObjectStoreThatBreaksOffIsReadOnOrTheAnswerIsCut(t *testing.T) {
	content := noise(2*blockSize + 1000)
	fetch := func(o *origin) (int, string, error) {
		answer, err := http.Get("http://" + o.address + o.path("720p.mp4"))
		if err != nil {
			return 0, "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body), err
	}
	over := func() (*origin, *brittle) {
		o := newOrigin(t, content)
		store := &brittle{Store: o.store}
		return o.over(store).direct(t), store
	}
	o, store := over()
	store.after.Store(blockSize/2 + 1) // a second read brings the rest
	if status, body, err := fetch(o); status != 200 || body != content || err != nil {
		t.Errorf("read on: %d, %d bytes, %v", status, len(body), err)
	}

	o, store = over()
	store.after.Store(1000) // three reads bring 3000 bytes of the first block
	if status, body, err := fetch(o); status != 200 || err == nil || body != content[:len(body)] || len(body) > 3*1000 {
		t.Errorf("broke off: %d, %d bytes, %v", status, len(body), err)
	}
	store.after.Store(0)
	if status, body, err := fetch(o); status != 200 || body != content || err != nil {
		t.Errorf("afterwards: %d, %d bytes, %v", status, len(body), err)
	}

	o, store = over()
	other := "another"
	store.tag.Store(&other) // replaced between the look and the read
	if status, body, _ := fetch(o); status != 500 || strings.Contains(body, content[:100]) {
		t.Errorf("another object: %d, %d bytes", status, len(body))
	}
}

func TestReadersOfOneBlockShareOneRead(t *testing.T) {
	content := noise(blockSize)
	o := newOrigin(t, content)
	store := &brittle{Store: o.store, gate: make(chan struct{})}
	o.over(store).direct(t)
	const readers = 10
	bodies := make(chan string, readers)
	for range readers {
		go func() { bodies <- o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=1000-1999").body }()
	}
	close(store.gate)
	for range readers {
		if body := <-bodies; body != content[1000:2000] {
			t.Errorf("%d bytes", len(body))
		}
	}
	for range 3 {
		o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=5-9")
	}
	if n := store.gets.Load(); n != 1 {
		t.Errorf("%d reads for %d readers of one block", n, readers+3)
	}
	if n := len(o.shelf.held); n != 1 {
		t.Errorf("%d objects are held", n)
	}
}

func TestABlockTakesNoMemoryUntilItIsFetched(t *testing.T) {
	o := newOrigin(t, noise(100))
	info, err := o.store.Stat(t.Context(), record.File("default", testClip, testHash, "720p.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBlocks(o.store, blockSize)
	for range fetchesAtMax {
		b.fetches <- struct{}{}
	}
	k, _ := b.get(info, 0)
	if k.data != nil {
		t.Errorf("%d bytes while it waits", len(k.data))
	}
	<-b.fetches
	if got, err := k.wait(t.Context(), 0); err != nil || string(got) != o.content[:len(got)] {
		t.Errorf("%q, %v", got, err)
	}
}

func TestABlockThatNobodyWaitsForIsFetchedNoFurther(t *testing.T) {
	o := newOrigin(t, noise(3*blockSize))
	store := &endless{Store: o.store, asked: make(chan context.Context, 10)}
	o.over(store).direct(t)
	var conns []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", o.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nRange: bytes=0-9\r\n\r\n", o.path("720p.mp4"))
		conns = append(conns, conn)
	}
	fetch := <-store.asked
	wanted := func() (users int) {
		b := o.shelf.blocks
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, k := range b.known {
			users += k.users
		}
		return users
	}
	for deadline := time.Now().Add(2 * time.Minute); wanted() < len(conns); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second never asked")
		}
	}
	conns[0].Close()
	conns[1].Close()
	select {
	case <-fetch.Done():
	case <-time.After(2 * time.Minute):
		t.Fatal("the object is read for nobody")
	}
	if len(store.asked) > 0 {
		t.Error("two who ask for one block have it read twice")
	}
}

// endless is an object store whose reads never give a byte.
type endless struct {
	blob.Store
	asked chan context.Context
}

func (e *endless) Get(ctx context.Context, _ string, _, _ int64) (io.ReadCloser, blob.Info, error) {
	e.asked <- ctx
	<-ctx.Done()
	return nil, blob.Info{}, ctx.Err()
}

func TestABlockStillComesWhenWhoAskedHasEnough(t *testing.T) {
	o := newOrigin(t, noise(blockSize))
	info, err := o.store.Stat(t.Context(), record.File("default", testClip, testHash, "720p.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBlocks(o.store, blockSize)
	for range fetchesAtMax {
		b.fetches <- struct{}{}
	}
	k, _ := b.get(info, 0)
	b.give(k, false)
	again, hit := b.get(info, 0)
	if again != k || !hit {
		t.Error("a block that is on its way was forgotten")
	}
	b.give(k, true)
	if _, hit := b.get(info, 0); hit {
		t.Error("a block that nobody wants is still on its way")
	}
}

func TestTheShelfClosesWhatNobodyUses(t *testing.T) {
	store, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Files = 3
	s := newShelf(store, cfg, newClock().now)
	open := openFiles(t)
	var used []*held
	for i := range 10 {
		key := fmt.Sprintf("default/clips/c/h/%d", i)
		if _, err := store.Put(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
		h, hit, err := s.take(t.Context(), key)
		if err != nil || hit {
			t.Fatal(h, hit, err)
		}
		if i < 5 {
			used = append(used, h) // two more than there is room for
			continue
		}
		s.give(h)
	}
	if n := openFiles(t) - open; n != 5 {
		t.Errorf("%d files are open, five are in use", n)
	}
	for _, h := range used {
		s.give(h)
	}
	if n := openFiles(t) - open; n > cfg.Files {
		t.Errorf("%d files are open, and nobody uses one", n)
	}
	same, hit, err := s.take(t.Context(), used[0].info.Key)
	if err != nil || !hit || same != used[0] {
		t.Errorf("the first is not at hand any more: %v", err)
	}
}

func TestAnAnswerNobodyBoundedGoesOutAsTheFilmPlays(t *testing.T) {
	content := noise(1 << 20)
	o := newOrigin(t, content)
	o.writeLength(t, 10*time.Second)
	o.pacing = Pace{Multiple: 2, Head: 2 * time.Second}
	var rests int // read when the answer is over
	o.pause = func(_ *http.Request, d time.Duration) { rests++; o.clock.advance(d) }
	for _, c := range []struct {
		asked string
		rests int
	}{
		{"", 17},               // ten seconds: two at once, eight at two a second, of which the last rest sends all
		{"bytes=0-", 17},       //
		{"bytes=524288-", 7},   // five: two at once
		{"bytes=0-1048575", 0}, // what a player bounds it wants
		{"bytes=-1048576", 0},
		{"bytes=0-1,5000-", 0},
		{"bytes=900000-", 0}, // the head is all there is
	} {
		rests = 0
		var fields []string
		if c.asked != "" {
			fields = []string{"Range: " + c.asked}
		}
		got := o.ask(t, "GET", o.path("720p.mp4"), fields...)
		if got.status >= 300 || rests < c.rests-1 || rests > c.rests {
			t.Errorf("%q: %d after %d rests, expected %d", c.asked, got.status, rests, c.rests)
		}
	}
}

func (o *origin) writeLength(t *testing.T, length time.Duration) {
	t.Helper()
	o.putJSON(t, record.Manifest("default", testClip), domain.Manifest{Tenant: "default", Stream: "room", Published: noon, Rendered: domain.Rendered{
		Clip: testClip, Revision: 1, Hash: testHash,
		Renditions: []domain.Rendition{{
			Profile: "720p", Key: record.File("default", testClip, testHash, "720p.mp4"), Bytes: int64(len(o.content)), SHA256: "x", Length: length,
		}},
	}})
	o.Drop("default", testClip)
}

func TestThePaceFollowsTheIndex(t *testing.T) {
	o := filmed(t, film(t, "+global_sidx"))
	m, err := o.catalog.find(t.Context(), clipKey{"default", testClip})
	if err != nil {
		t.Fatal(err)
	}
	rendition := m.manifest.Rendered.Renditions[0]
	rendition.Length = 7 * time.Second
	o.pacing = Pace{Multiple: 1, Head: 0}
	p, ok := o.pace(t.Context(), reply{size: int64(len(o.content)), film: &rendition}, span{0, int64(len(o.content)) - 1})
	if !ok {
		t.Fatal("it is not paced")
	}
	index, err := o.indexes.of(t.Context(), rendition)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range index.Fragments {
		if got := p.offset(f.StartS); i > 0 && got != f.Offset {
			t.Errorf("to play up to fragment %d: %d bytes, it begins at %d", i, got, f.Offset)
		}
		if got := p.second(f.Offset); got != f.StartS {
			t.Errorf("byte %d is of second %g, is said to be of %g", f.Offset, f.StartS, got)
		}
	}
	if got := p.due(time.Hour); got != int64(len(o.content)) {
		t.Errorf("in the end %d bytes of %d", got, len(o.content))
	}
}

func TestAViewerWhoLeavesARestIsNotWaitedFor(t *testing.T) {
	o := newOrigin(t, noise(1<<20))
	o.writeLength(t, time.Hour)
	o.pacing = Defaults().Pace
	o.direct(t)
	r, err := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, 1000); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer goes on")
	}
	if d := o.deliveries[0]; d.Sent > 2*leastHead || d.Acked < 0 || d.Acked > d.Sent {
		t.Errorf("told as %+v", d.Delivery)
	}
}

func TestAReaderThatStallsOverHTTP2IsLetGo(t *testing.T) {
	o := newOrigin(t, strings.Repeat(digits, 16<<10))
	o.patience = 200 * time.Millisecond
	o.direct(t)
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	defer h2c.CloseIdleConnections()
	r, _ := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	answer, err := h2c.RoundTrip(r) // whose flow control stops it, as nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer waits for a reader that takes nothing")
	}
	if d := o.deliveries[0]; d.Status != 200 || d.Sent >= int64(len(o.content)) || d.Acked != -1 {
		t.Errorf("told as %+v", d.Delivery)
	}
	if n, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Errorf("%d bytes look like a whole answer", n)
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

func FuzzAConditionNeverLetsAnotherVersionThrough(f *testing.F) {
	f.Add("If-Match", testTag)
	f.Add("If-Range", `W/"sha-of-720p"`)
	f.Add("If-None-Match", `"a", *`)
	f.Add("If-Modified-Since", noonDate)
	f.Add("If-Unmodified-Since", "Sun, 01 Mar 2026 12:00:00 +0000")
	names := map[string]bool{"If-Match": true, "If-Range": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true}
	f.Fuzz(func(t *testing.T, name, value string) {
		if !names[name] {
			return
		}
		h, v := http.Header{name: {value}}, version{testTag, noon}
		got, holds := evaluate(h, v), rangeHolds(h, v)
		ours := strings.Contains(value, testTag) || strings.Contains(value, "*")
		_, err := http.ParseTime(value)
		switch {
		case name == "If-Match" && got == conditionMet && !ours,
			name == "If-None-Match" && got == conditionNotModified && !ours,
			name == "If-Range" && holds && strings.TrimSpace(value) != testTag && err != nil,
			name == "If-Range" && got != conditionMet,
			name != "If-Range" && !holds:
			t.Fatalf("%s: %q comes to %d, %v", name, value, got, holds)
		}
	})
}
