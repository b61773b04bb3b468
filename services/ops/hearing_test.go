package ops

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/note"
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
		for _, said := range []string{got.Note, got.Chinese} {
			if !strings.Contains(said, "house") && !strings.Contains(said, "zh") || strings.Contains(said, "ENGINE") || strings.Contains(said, "ABOUT") {
				t.Errorf("%s: %q", trouble, said)
			}
		}
	}
}

func TestWhyAnEngineDoesNotWorkIsSaidInTheReadersLanguage(t *testing.T) {
	about := note.Plain(&fs.PathError{Op: "open", Path: "/models/zh", Err: syscall.ENOENT}).Error()
	got := hearingMessage(domain.Hearing{Engine: "house", Trouble: domain.HearingDeaf, About: about})
	equal(t, "notes", [2]string{got.Note, got.Chinese}, [2]string{
		"nobody hears the room: house does not work: there is no such file or folder [open /models/zh: no such file or directory]",
		"无人识别本直播间的讲话：house 无法工作：文件或文件夹不存在：请核对路径，确认磁盘已挂载",
	})
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
