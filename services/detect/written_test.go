package detect

import (
	"fmt"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

func TestALineMeansTheSameWrittenAsSpoken(t *testing.T) {
	w, err := wording.New()
	if err != nil {
		t.Fatal(err)
	}
	r := builtIn(t)
	offers := func(text string) (out []string) {
		for _, o := range readOffers(tokensOf(r.folder, text)) {
			out = append(out, fmt.Sprintf("%.2f %.2f %.2f %.2f", o.off, o.minus.Amount, o.was.Amount, o.now.Amount))
		}
		return out
	}
	for _, text := range []string{
		"最后三分钟全场五折", "今天打八五折", "全场八点五折", "原价一百九十九现在只要九十九块九", "直降一百", "满三百减五十", "百分之三十的优惠", "第二件半价",
		"从两千三降到一千九", "到手价九块九", "只剩最后五件", "只剩十件了", "买一送一", "倒计时三二一", "最后十五分钟", "今天没有打五折", "这款三折伞很轻便", "一百块左右的预算",
		"现在只要一百二十九元", "平时卖一万二现在八千", "一百块三件", "现在三件只要一百块", "大家扣一",
		"last three minutes", "fifty percent off everything", "the price drops to nineteen dollars", "the price drops to nineteen ninety nine",
		"it was fifty dollars and now it is thirty", "now only one hundred and fifty nine dollars", "save twenty dollars today",
		"was one thousand two hundred dollars now nine hundred dollars", "only twenty left in stock", "buy one get one free", "three two one go",
		"ten nine eight seven", "ninety percent of the fabric is cotton", "twenty dollars off", "from fifty down to thirty dollars", "three more minutes to go",
		"nineteen dollars and ninety nine cents",
	} {
		written := w.Text(text, wording.Style{})
		if a, b := offers(text), offers(written); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%q offers %v, %q %v", text, a, written, b)
		}
		if a, b := kindsIn(r, text), kindsIn(r, written); a != b {
			t.Errorf("%q: heard %q, %q: %q", text, a, written, b)
		}
		words := w.Words([]domain.Word{{Text: text, End: time.Second}}, wording.Style{})
		said := r.folder.hear(domain.TranscriptLine{Text: written, Words: words, End: 10 * time.Second})
		if last := said[len(said)-1]; last.End != time.Second {
			t.Errorf("%q: its words' times are not used: %v", written, said)
		}
	}
}
