package standing

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/embedded/embeddedtest"
)

func TestWhoSharesARedisSeesTheEnginesOfProcessesThatAreThere(t *testing.T) {
	rdb, now := embeddedtest.Redis(t), time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	if err := rdb.HSet(t.Context(), key, "rubbish", "<html>", "old", `{"process":"old","at":"2020-01-01T00:00:00Z"}`).Err(); err != nil {
		t.Fatal(err)
	}
	b := Process{"b:1", now, []Engine{{Name: "h200", State: Ready, Running: 2, Openings: 3}}}
	a := Process{"a:1", now, []Engine{{Name: "cloud", State: Busy, Why: "asked to be left alone for 5s"}}}
	for _, p := range []Process{b, a} {
		if err := Show(t.Context(), rdb, p); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(at time.Time, want ...Process) {
		t.Helper()
		if got, err := List(t.Context(), rdb, at); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("shown %+v, %v; want %+v", got, err, want)
		}
	}
	shows(now, a, b)
	if n := rdb.HLen(t.Context(), key).Val(); n != 2 {
		t.Errorf("%d are kept, of which two are true", n)
	}
	if err := Hide(t.Context(), rdb, "a:1"); err != nil {
		t.Fatal(err)
	}
	shows(now, b)
	shows(now.Add(time.Minute))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"process":"a:1","at":"2026-01-01T00:00:00Z","engines":[{"name":"h200","state":"ready"}]}`))
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = parse(body) })
}
