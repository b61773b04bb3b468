package ops

import (
	"net/http"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
)

func TestAClipsNotesAreThereInBothLanguages(t *testing.T) {
	r := newRig(t)
	at := r.onAir(100 * time.Second).Add(80 * time.Second)
	h := found
	h.TriggeredAt = at
	h.Reasons = []domain.Reason{{Signal: "keyword", Detail: `Discount: "五折"`, Chinese: "折扣：“五折”", Weight: 1}}
	away := note.FootageInstead.Say(note.NoEngine.Say())
	for _, e := range []any{
		h,
		domain.ClipStep{Clip: clipOne, Step: domain.StepFound, At: at, Note: `Discount: "五折"`},
		domain.ClipStep{Clip: clipOne, Step: domain.StepPlanned, At: at, Plan: &domain.Plan{Clip: clipOne, Window: h.Window, Reasons: h.Reasons, Triggered: at}},
		domain.ClipStep{Clip: clipOne, Step: domain.StepCut, At: at, Note: away, Shots: []domain.ShotRecord{
			{Kind: domain.ShotGenerated, Became: domain.ShotFootage, Fault: note.NoEngine.Say(), Made: domain.ShotMaking{Degraded: []string{"4 steps instead of 8", "on a Sunday"}}},
		}},
		domain.ClipStep{Clip: clipOne, Step: domain.StepRendered, At: at, Note: domain.ClippedToEnd, Rendered: &domain.Rendered{Clip: clipOne, Window: h.Window, ClippedTo: domain.ClippedToEnd}},
		domain.ClipStep{Clip: clipOne, Step: domain.StepDecided, At: at, Decided: &domain.Decided{
			Clip: clipOne, Verdict: domain.VerdictNeedsPerson, By: byRule, Reason: note.TermSaid.Say("absolute", "最好", "0:01:02.0"),
		}},
	} {
		r.publish(said(e, at))
	}
	path := "/v1/clips/" + string(clipOne)
	r.eventually("the clip's story is shown", func() bool {
		got := r.operator("GET", path, "")
		return got.status == http.StatusOK && len(got.json()["steps"].([]any)) == 5
	})
	got := r.operator("GET", path, "").json()
	steps := map[string]any{}
	for _, s := range got["steps"].([]any) {
		steps[s.(map[string]any)["step"].(string)] = s.(map[string]any)["chinese"]
	}
	equal(t, "steps", steps, map[string]any{
		"found": "折扣：“五折”", "planned": "", "cut": "生成镜头失败，改用实拍：没有配置视频生成引擎", "rendered": "到直播结束为止：此后没有录制", "decided": "",
	})
	shot := got["shots"].([]any)[0].(map[string]any)
	equal(t, "shot", []any{shot["fault_chinese"], shot["degraded_chinese"]}, []any{"没有配置视频生成引擎", []any{"8 步减为 4 步", "on a Sunday"}})
	equal(t, "shortened", got["clipped_to_chinese"], any("到直播结束为止：此后没有录制"))
	equal(t, "verdict", got["verdict"].(map[string]any)["chinese"], any(`0:01:02.0 说到绝对化用语 "最好"`))

	r.operator("POST", path+"/decision", `{"verdict": "rejected", "reason": "no cut: at all"}`)
	if v := r.operator("GET", path, "").json()["verdict"].(map[string]any); v["reason"] != "no cut: at all" || v["chinese"] != "" {
		t.Errorf("a person's own words are translated: %v", v)
	}
}
