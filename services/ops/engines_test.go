package ops

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/standing"
)

func TestTheEnginesAreThereInBothLanguages(t *testing.T) {
	r := newRig(t)
	if got := r.operator("GET", "/v1/engines", "").json()["engines"]; !reflect.DeepEqual(got, []any{}) {
		t.Errorf("without any: %v", got)
	}
	err := standing.Show(t.Context(), r.redis, standing.Process{Name: "gpu:7", At: time.Now(), Engines: []standing.Engine{
		{Name: "cloud", State: standing.Broken, Why: "failed 3 times in a row, tried again in 4s"}, {Name: "h200", State: standing.Ready, Running: 2, Openings: 5},
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine := func(name, state, why, chinese string, running, openings float64) any {
		return map[string]any{"name": name, "process": "gpu:7", "state": state, "why": why, "chinese": chinese, "running": running, "openings": openings}
	}
	want := []any{engine("cloud", "broken", "failed 3 times in a row, tried again in 4s", "连续失败 3 次，4s 后重试", 0, 0), engine("h200", "ready", "", "", 2, 5)}
	if got := r.operator("GET", "/v1/engines", "").json()["engines"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the engines %v\nwant        %v", got, want)
	}
	if got := r.call("", "GET", "/v1/engines", "").status; got != 401 {
		t.Errorf("without a token: %d", got)
	}
}
