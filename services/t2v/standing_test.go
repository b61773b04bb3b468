package t2v

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/embedded/embeddedtest"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
	"liveclip/services/t2v/schedule"
)

func TestEnginesAreShownToWhoeverSharesTheRedis(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	well, _ := standIn(t, engines.KindOwn, enginestest.None)
	away, _ := standIn(t, engines.KindVideos, enginestest.NotThere)
	well.Name, away.Name = "well", "gone"
	s, _, _ := newService(t, well, prober{}, away)
	s.desk.lookAtAll(t.Context())
	if err := rdb.HSet(t.Context(), enginesKey, "rubbish", "<html>", "old", `{"process":"old","at":"2020-01-01T00:00:00Z"}`).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.desk.showOnce(t.Context(), rdb, "here:1"); err != nil {
		t.Fatal(err)
	}
	shown, err := ShownEngines(t.Context(), rdb, time.Now())
	if err != nil || len(shown) != 1 || shown[0].Process != "here:1" {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	states := map[string]schedule.State{}
	for _, e := range shown[0].Engines {
		states[e.Name] = e.State
		if (e.Why == "") != (e.State == schedule.Ready) {
			t.Errorf("engine %+v", e)
		}
	}
	if want := map[string]schedule.State{"well": schedule.Ready, "gone": schedule.Away}; !reflect.DeepEqual(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	if n := rdb.HLen(t.Context(), enginesKey).Val(); n != 1 {
		t.Errorf("%d are kept, of which one is true", n)
	}
	if gone, err := ShownEngines(t.Context(), rdb, time.Now().Add(time.Minute)); err != nil || len(gone) != 0 {
		t.Errorf("of a process that is gone: %+v, %v", gone, err)
	}
}

func FuzzStandings(f *testing.F) {
	f.Add([]byte(`{"process":"a:1","at":"2026-01-01T00:00:00Z","engines":[{"name":"h200","state":"ready"}]}`))
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = parseStandings(body) })
}
