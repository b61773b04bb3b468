package t2v

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/standing"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
)

func TestEnginesAreShownToWhoeverSharesTheRedis(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	well, _ := standIn(t, engines.KindOwn, enginestest.None)
	away, _ := standIn(t, engines.KindVideos, enginestest.NotThere)
	well.Name, away.Name = "well", "gone"
	s, _, _ := newService(t, well, prober{}, away)
	s.dispatcher.checkAll(t.Context())
	if err := s.dispatcher.showOnce(t.Context(), rdb, "here:1"); err != nil {
		t.Fatal(err)
	}
	shown, err := standing.List(t.Context(), rdb, time.Now())
	if err != nil || len(shown) != 1 || shown[0].Name != "here:1" {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	states := map[string]standing.State{}
	for _, e := range shown[0].Engines {
		states[e.Name] = e.State
		if (e.Why == "") != (e.State == standing.Ready) {
			t.Errorf("engine %+v", e)
		}
	}
	if want := map[string]standing.State{"well": standing.Ready, "gone": standing.Away}; !reflect.DeepEqual(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
}
