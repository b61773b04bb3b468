package ops

import (
	"cmp"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	opsv1 "liveclip/proto/ops/v1"
)

// hearingNotes say to an operator, in English and in Chinese, what is wrong with hearing a room. ENGINE stands for the engine that
// hears it, ABOUT for what the trouble is about.
var hearingNotes = map[domain.HearingTrouble][2]string{
	domain.HearingUnknown: {"there is no engine ABOUT: ENGINE hears the room instead", "没有名为 ABOUT 的语音识别引擎，现由 ENGINE 代替"},
	domain.HearingForeign: {"nobody hears the room: no engine is set for its language, ABOUT (asr.languages; mandarin hears synthetic voices only)",
		"无人识别本直播间的讲话：未为其语言 ABOUT 配置引擎（见 asr.languages；内置 mandarin 只适合合成语音）"},
	domain.HearingWeak: {"ENGINE was trained on synthetic voices: of what people say it gets nearly every character wrong",
		"ENGINE 只用合成语音训练，对真人讲话几乎逐字出错，结果不可信"},
	domain.HearingDeaf:  {"nobody hears the room: ENGINE does not work: ABOUT", "无人识别本直播间的讲话：ENGINE 无法工作：ABOUT"},
	domain.HearingLater: {"ABOUT hears the room from its next broadcast on; this one is ENGINE's", "ABOUT 自下一场直播起生效；本场仍为 ENGINE"},
}

// hearingMessage is nil where no engine is named.
func hearingMessage(h domain.Hearing) *opsv1.Hearing {
	if h.Engine == "" {
		return nil
	}
	m := &opsv1.Hearing{Engine: h.Engine, Trouble: string(h.Trouble)}
	if notes, ok := hearingNotes[h.Trouble]; ok {
		named := func(text, about string) string {
			return strings.NewReplacer("ENGINE", h.Engine, "ABOUT", about).Replace(text)
		}
		m.Note, m.Chinese = named(notes[0], h.About), named(notes[1], cmp.Or(note.Chinese(h.About), h.About))
	}
	return m
}
