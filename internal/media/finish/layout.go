package finish

import (
	"fmt"
	"math"
	"time"

	"liveclip/internal/typeset"
	mediav1 "liveclip/proto/media/v1"
)

// generatedLabel is the explicit label of generated content, and labelTime how long it is shown from the first picture on:
// the rule asks for at least 2 s, and for characters at least 5 % of the shortest side high.
const (
	generatedLabel = "AI生成"
	labelTime      = 4 * time.Second
)

// layout places an order's texts in a picture of one size. All of it keeps off the edges, which players and platforms cover.
type layout struct {
	order         *mediav1.FinishOrder
	face          *typeset.Face
	width, height int
}

// of is a share of the shortest side, in pixels.
func (l layout) of(share float64) int {
	return int(math.Ceil(share * float64(min(l.width, l.height))))
}

// tall pictures fill a phone: platforms lay their captions and buttons over the lowest fifth, and a bar over the top.
func (l layout) tall() bool { return l.height*2 > l.width*3 }

// head is how far down a title begins, and foot how far up words end.
func (l layout) head() int {
	if l.tall() {
		return l.height * 13 / 100
	}
	return l.of(0.17)
}

func (l layout) foot() int {
	if l.tall() {
		return l.height / 5
	}
	return l.of(0.08)
}

// still are the texts that do not depend on the time, and the label.
func (l layout) still(watermark bool) []line {
	var lines []line
	margin := l.of(0.04)
	if l.order.GeneratedLabel {
		lines = append(lines, line{
			text: generatedLabel, x: fmt.Sprint(margin + l.of(0.015)), y: fmt.Sprint(margin + l.of(0.015)), size: l.of(0.075),
			colour: "white", box: "black@0.5", padding: l.of(0.015), to: labelTime,
		})
	}
	if text, size := l.face.Fit(l.order.Watermark, l.of(0.045), l.width/3, 1); watermark && len(text) > 0 {
		lines = append(lines, line{
			text: text[0], x: fmt.Sprintf("w-tw-%d", margin), y: fmt.Sprint(margin), size: size,
			colour: "white@0.6", outline: 1,
		})
	}
	texts, size := l.face.Fit(l.order.GetTitle().GetText(), l.of(0.07), l.width*86/100, 2)
	for i, text := range texts {
		lines = append(lines, line{
			text: text, x: "(w-tw)/2", y: onBaseline(fmt.Sprint(l.head()+i*size*5/4), size), size: size, colour: "white", outline: max(1, size/14),
		})
	}
	return lines
}

// onBaseline places a line of a size by its top: FFmpeg would place the top of its tallest character there, so that lines of
// low ones would stand higher.
func onBaseline(top string, size int) string {
	return fmt.Sprintf("%s+%d-ascent", top, size*88/100)
}

// centred is text in the middle of the picture.
func (l layout) centred(text string) []line {
	var lines []line
	texts, size := l.face.Fit(text, l.of(0.09), l.width*80/100, 4)
	for i, text := range texts {
		y := fmt.Sprintf("(h-%d)/2+%d", len(texts)*size*5/4, i*size*5/4)
		lines = append(lines, line{text: text, x: "(w-tw)/2", y: y, size: size, colour: "white"})
	}
	return lines
}

// subtitles are the words of one part, whose source's time is so much behind the clip's.
func (l layout) subtitles(part int, behind time.Duration) []line {
	var lines []line
	for _, s := range l.order.Subtitles {
		from, to := max(0, time.Duration(s.Start)+behind), time.Duration(s.End)+behind
		if s.Part != int64(part) || to <= from {
			continue
		}
		texts, size := l.face.Fit(s.Text, l.of(0.06), l.width*86/100, 2)
		for i, text := range texts {
			up := (len(texts)-i)*size*5/4 + l.foot()
			lines = append(lines, line{
				text: text, x: "(w-tw)/2", y: onBaseline(fmt.Sprintf("h-%d", up), size), size: size, colour: "white", outline: max(1, size/12),
				from: from, to: to,
			})
		}
	}
	return lines
}
