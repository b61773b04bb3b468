// Package blobtest holds every blob.Store to the same promises.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

// Run runs the suite; newStore gives an empty store each time.
func Run(t *testing.T, newStore func(t *testing.T) blob.Store) {
	tests := map[string]func(*testing.T, blob.Store){
		"what was put is read back, whole and in part":         wholeAndPart,
		"what is larger than memory should hold comes back":    large,
		"what is not there is not found":                       missing,
		"a put replaces, and the tag and content change":       replaced,
		"of many who write once exactly one wins":              oneWins,
		"of many who replace one version exactly one wins":     oneReplaces,
		"a replace of what is gone or was changed is refused":  changed,
		"a reader that fails leaves nothing behind":            failedReader,
		"a reader keeps what it opened while it is replaced":   keepsOpened,
		"keys that could escape or mislead are refused":        badKeys,
		"a list is in the order of the keys' bytes":            listed,
		"a list begins after a key and ends when asked":        listedAfter,
		"a deleted object is gone and may be deleted again":    deleted,
		"a record is written once and the winner is read back": records,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

func put(t *testing.T, s blob.Store, key, content string) blob.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func get(t *testing.T, s blob.Store, key string, offset, size int64) (string, blob.Info) {
	t.Helper()
	r, info, err := s.Get(t.Context(), key, offset, size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), info
}

func wholeAndPart(t *testing.T, s blob.Store) {
	written := put(t, s, "t/a/b.txt", "0123456789")
	if written.Key != "t/a/b.txt" || written.Size != 10 || written.ETag == "" {
		t.Errorf("put gave %+v", written)
	}
	for _, c := range []struct {
		offset, size int64
		want         string
	}{{0, -1, "0123456789"}, {0, 10, "0123456789"}, {3, 4, "3456"}, {7, -1, "789"}, {7, 99, "789"}, {0, 0, ""}, {10, -1, ""}, {99, 5, ""}} {
		got, info := get(t, s, "t/a/b.txt", c.offset, c.size)
		if got != c.want || info.Size != 10 || info.ETag != written.ETag {
			t.Errorf("%d bytes from %d: got %q of %+v, want %q", c.size, c.offset, got, info, c.want)
		}
	}
	if _, _, err := s.Get(t.Context(), "t/a/b.txt", -1, 5); !domain.IsPermanent(err) {
		t.Errorf("negative offset: %v", err)
	}
	stat, err := s.Stat(t.Context(), "t/a/b.txt")
	if err != nil || stat.ETag != written.ETag || stat.Size != 10 || stat.Modified.IsZero() {
		t.Errorf("stat gave %+v, %v", stat, err)
	}
	put(t, s, "t/empty", "")
	if got, info := get(t, s, "t/empty", 0, -1); got != "" || info.Size != 0 {
		t.Errorf("an empty object came back as %q, %+v", got, info)
	}
}

// large is read by its parts, too, as the VOD path does.
func large(t *testing.T, s blob.Store) {
	content := strings.Repeat("0123456789abcdef", 9<<20/16) + "end"
	info, err := s.Put(t.Context(), "t/large", io.MultiReader(strings.NewReader(content))) // its length is not to be seen
	if err != nil || info.Size != int64(len(content)) {
		t.Fatalf("%+v, %v", info, err)
	}
	for _, c := range []struct{ offset, size int64 }{{0, -1}, {1 << 20, 256 << 10}, {9<<20 - 5, 100}} {
		want := content[c.offset:]
		if c.size >= 0 {
			want = want[:min(c.size, int64(len(want)))]
		}
		if got, now := get(t, s, "t/large", c.offset, c.size); got != want || now.ETag != info.ETag || now.Size != info.Size {
			t.Errorf("%d bytes from %d: %d came back, of %+v", c.size, c.offset, len(got), now)
		}
	}
}

func missing(t *testing.T, s blob.Store) {
	put(t, s, "t/a/b", "x")
	for _, key := range []string{"t/none", "t/a", "t/a/b/c"} {
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("stat %s: %v", key, err)
		}
		if _, _, err := s.Get(t.Context(), key, 0, -1); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("get %s: %v", key, err)
		}
		var v any
		if _, err := blob.ReadJSON(t.Context(), s, key, &v); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("read %s: %v", key, err)
		}
	}
}

func replaced(t *testing.T, s blob.Store) {
	seen := map[string]bool{}
	for i := range 20 {
		content := fmt.Sprint("version ", i%10)
		info := put(t, s, "t/k", content+fmt.Sprint(i))
		if seen[info.ETag] {
			t.Fatalf("write %d has the tag of an earlier one: %s", i, info.ETag)
		}
		seen[info.ETag] = true
		if got, now := get(t, s, "t/k", 0, -1); got != content+fmt.Sprint(i) || now.ETag != info.ETag {
			t.Fatalf("write %d: got %q, %+v", i, got, now)
		}
	}
}

const racers = 8

// race runs attempt from several goroutines at once and tells how many won; losers must fail with want.
func race(t *testing.T, want error, attempt func(i int) error) (winners []int) {
	t.Helper()
	errs := make([]error, racers)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		all.Go(func() {
			<-start
			errs[i] = attempt(i)
		})
	}
	close(start)
	all.Wait()
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else if !errors.Is(err, want) {
			t.Errorf("loser %d: %v, want %v", i, err, want)
		}
	}
	return winners
}

func oneWins(t *testing.T, s blob.Store) {
	for round := range 10 {
		key := fmt.Sprint("t/once/", round)
		winners := race(t, blob.ErrExists, func(i int) error {
			_, err := s.PutNew(t.Context(), key, strings.NewReader(fmt.Sprint("from ", i)))
			return err
		})
		if len(winners) != 1 {
			t.Fatalf("%d won", len(winners))
		}
		if got, _ := get(t, s, key, 0, -1); got != fmt.Sprint("from ", winners[0]) {
			t.Errorf("%d won, but the object says %q", winners[0], got)
		}
	}
}

func oneReplaces(t *testing.T, s blob.Store) {
	tag := put(t, s, "t/k", "first").ETag
	for round := range 10 {
		winners := race(t, blob.ErrChanged, func(i int) error {
			_, err := s.PutIf(t.Context(), "t/k", strings.NewReader(fmt.Sprint(round, " from ", i)), tag)
			return err
		})
		if len(winners) != 1 {
			t.Fatalf("%d won", len(winners))
		}
		got, info := get(t, s, "t/k", 0, -1)
		if got != fmt.Sprint(round, " from ", winners[0]) {
			t.Errorf("%d won, but the object says %q", winners[0], got)
		}
		tag = info.ETag
	}
}

func changed(t *testing.T, s blob.Store) {
	tag := put(t, s, "t/k", "one").ETag
	put(t, s, "t/k", "two")
	if _, err := s.PutIf(t.Context(), "t/k", strings.NewReader("three"), tag); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("replace of an old version: %v", err)
	}
	if got, _ := get(t, s, "t/k", 0, -1); got != "two" {
		t.Errorf("got %q", got)
	}
	if _, err := s.PutIf(t.Context(), "t/none", strings.NewReader("x"), tag); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("replace of what never was: %v", err)
	}
}

func failedReader(t *testing.T, s blob.Store) {
	broken := errors.New("broken")
	reader := func() io.Reader { return io.MultiReader(strings.NewReader("half"), failing{broken}) }
	if _, err := s.Put(t.Context(), "t/p", reader()); !errors.Is(err, broken) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.PutNew(t.Context(), "t/n", reader()); !errors.Is(err, broken) {
		t.Errorf("put new: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ended, "t/c", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the end: %v", err)
	}
	if keys := list(t, s, "", ""); len(keys) != 0 {
		t.Errorf("left behind: %q", keys)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func keepsOpened(t *testing.T, s blob.Store) {
	old := strings.Repeat("a", 1<<20)
	put(t, s, "t/k", old)
	r, _, err := s.Get(t.Context(), "t/k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	put(t, s, "t/k", strings.Repeat("b", 1<<20))
	rest, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(append(head, rest...), []byte(old)) {
		t.Error("old and new content were mixed")
	}
}

func badKeys(t *testing.T, s blob.Store) {
	for _, key := range []string{"", "/", "/t/a", "t//a", "t/a/", "../a", "t/../a", "t/a..b", "t/./a", ".tmp/a", "t/.a", "t/a b", "t/a\x00", "t/ä", `t\a`, "t/a%2f", strings.Repeat("a", 201), strings.Repeat("a/", 400) + "a"} {
		_, put := s.Put(t.Context(), key, strings.NewReader("x"))
		_, putNew := s.PutNew(t.Context(), key, strings.NewReader("x"))
		_, putIf := s.PutIf(t.Context(), key, strings.NewReader("x"), "tag")
		_, _, get := s.Get(t.Context(), key, 0, -1)
		_, stat := s.Stat(t.Context(), key)
		for call, err := range map[string]error{"put": put, "put new": putNew, "put if": putIf, "get": get, "stat": stat, "delete": s.Delete(t.Context(), key)} {
			if !domain.IsPermanent(err) {
				t.Errorf("%s %.40q: %v", call, key, err)
			}
		}
	}
}

func list(t *testing.T, s blob.Store, prefix, after string) []string {
	t.Helper()
	keys := []string{}
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

var someKeys = []string{"t/a-b/x", "t/a.b", "t/a/x/1", "t/a/x-1", "t/a/y", "t/a0", "t/aa/z", "t/b=1/q", "u/a/x", "t-2/x"}

func listed(t *testing.T, s blob.Store) {
	for i, key := range someKeys {
		put(t, s, key, strings.Repeat("x", i))
	}
	want := slices.Sorted(slices.Values(someKeys))
	for _, prefix := range []string{"", "t", "t/", "t/a", "t/a/", "t/a/x", "t/a/x/", "t/a-", "t/b=1/q", "v", "t/a/x/1/2"} {
		under := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return !strings.HasPrefix(k, prefix) })
		if got := list(t, s, prefix, ""); !reflect.DeepEqual(got, under) {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, under)
		}
	}
	for info, err := range s.List(t.Context(), "t/a/y", "") {
		if stat, _ := s.Stat(t.Context(), "t/a/y"); err != nil || info.Size != stat.Size || info.ETag != stat.ETag {
			t.Errorf("listed as %+v, %v; stat says %+v", info, err, stat)
		}
	}
	for _, err := range s.List(t.Context(), "t/../", "") {
		if err != nil && !domain.IsPermanent(err) {
			t.Errorf("a prefix that climbs: %v", err)
		}
	}
}

func listedAfter(t *testing.T, s blob.Store) {
	for _, key := range someKeys {
		put(t, s, key, "x")
	}
	want := slices.Sorted(slices.Values(someKeys))
	for _, after := range append(slices.Clone(want), "t/", "t/a", "t/a/", "t/a/x/0", "t/a/zzz", "t/b", "zz") {
		later := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return !strings.HasPrefix(k, "t/") || k <= after })
		if got := list(t, s, "t/", after); !reflect.DeepEqual(got, later) {
			t.Errorf("after %q: got %q, want %q", after, got, later)
		}
	}
	seen := 0
	for range s.List(t.Context(), "", "") {
		if seen++; seen == 2 {
			break
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var failed error
	for _, err := range s.List(ended, "", "") {
		failed = err
	}
	if !errors.Is(failed, context.Canceled) {
		t.Errorf("a list after the end: %v", failed)
	}
}

func deleted(t *testing.T, s blob.Store) {
	put(t, s, "t/a/b/c", "x")
	put(t, s, "t/a/d", "x")
	for range 2 {
		if err := s.Delete(t.Context(), "t/a/b/c"); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, s, "", ""); !reflect.DeepEqual(got, []string{"t/a/d"}) {
		t.Errorf("left: %q", got)
	}
	put(t, s, "t/a/b", "a folder's name is free again")
}

type note struct {
	By   string
	Tags map[string]string `json:",omitempty"`
}

func records(t *testing.T, s blob.Store) {
	first := note{By: "one"}
	if won, err := blob.WriteNewJSON(t.Context(), s, "t/r.json", &first); err != nil || !won {
		t.Fatalf("first: %v, %v", won, err)
	}
	second := note{By: "two", Tags: map[string]string{"only": "two"}}
	if won, err := blob.WriteNewJSON(t.Context(), s, "t/r.json", &second); err != nil || won || !reflect.DeepEqual(second, first) {
		t.Errorf("second: %v, %v, reads %+v", won, err, second)
	}
	var read note
	tag, err := blob.ReadJSON(t.Context(), s, "t/r.json", &read)
	if err != nil || !reflect.DeepEqual(read, first) {
		t.Fatalf("read %+v, %v", read, err)
	}
	next, err := blob.ReplaceJSON(t.Context(), s, "t/r.json", note{By: "three"}, tag)
	if err != nil || next == tag {
		t.Errorf("replace: tag %q, %v", next, err)
	}
	if _, err := blob.ReplaceJSON(t.Context(), s, "t/r.json", note{By: "four"}, tag); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("replace of what was replaced: %v", err)
	}
	put(t, s, "t/torn.json", `{"By":`)
	if _, err := blob.ReadJSON(t.Context(), s, "t/torn.json", &read); !domain.IsPermanent(err) {
		t.Errorf("a torn record: %v", err)
	}
}
