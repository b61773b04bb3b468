package ops

import (
	"strings"
	"testing"

	"liveclip/internal/domain"
	opsv1 "liveclip/proto/ops/v1"
)

func TestARoomSaysWhoHearsItAndHowFarThatIsToBeTrustedInBothLanguages(t *testing.T) {
	if got := hearingMessage(domain.Hearing{}); got != nil {
		t.Errorf("nobody said: %v", got)
	}
	if got := hearingMessage(domain.Hearing{Engine: "house"}); got.Engine != "house" || got.Note+got.Chinese+got.Trouble != "" {
		t.Errorf("all is well: %v", got)
	}
	for _, trouble := range []domain.HearingTrouble{domain.HearingUnknown, domain.HearingForeign, domain.HearingWeak, domain.HearingDeaf, domain.HearingLater} {
		got := hearingMessage(domain.Hearing{Engine: "house", Trouble: trouble, About: "zh"})
		for _, note := range []string{got.Note, got.Chinese} {
			if !strings.Contains(note, "house") && !strings.Contains(note, "zh") || strings.Contains(note, "ENGINE") || strings.Contains(note, "ABOUT") {
				t.Errorf("%s: %q", trouble, note)
			}
		}
	}
}

func TestAnEngineThatNobodyHasIsRefusedWhereEnginesAreKnown(t *testing.T) {
	named := func(name string) *opsv1.Context { return &opsv1.Context{Engine: &name} }
	known := &Service{Deps: Deps{Engines: []string{"house", "none"}}}
	for _, c := range []*opsv1.Context{nil, {}, named(""), named("house"), named("none")} {
		if err := known.checkEngine(c); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := known.checkEngine(named("home")); err == nil || !strings.Contains(err.Error(), `must be one of house, none, is "home"`) {
		t.Errorf("got %v", err)
	}
	if err := new(Service).checkEngine(named("home")); err != nil {
		t.Errorf("engines are not known here: %v", err)
	}
}
