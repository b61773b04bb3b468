package ops

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"liveclip/internal/domain"
	"liveclip/internal/view"
	"liveclip/internal/wording"
	opsv1 "liveclip/proto/ops/v1"
	recordingv1 "liveclip/proto/recording/v1"
)

// Bounds of lines that were heard elsewhere.
const (
	maxLines      = 500 // a call
	maxLine       = 500 // characters
	maxLineWords  = 300
	maxLineLength = 30 * time.Second
	maxRevision   = 1 << 20
	maxSeconds    = 1_000_000
	wordsBeyond   = 500 * time.Millisecond // a word may end so long after its line
)

// Why a line is dropped here; the stream's owner has further reasons.
const (
	dropEmpty     = "no text"
	dropControl   = "control character in the text"
	dropPartial   = "a partial line needs an id"
	dropTimes     = "start and end must be given once each, in media time or by the wall clock"
	dropBackwards = "ends before it begins"
	dropLong      = "longer than 30 s"
	dropWords     = "words out of order, or outside of the line"
	dropSpelling  = "words and text differ"
	dropRevision  = "revision out of range"
)

// dropReasonsChinese are the reasons in Chinese, those of the stream's owner too.
var dropReasonsChinese = map[string]string{
	dropEmpty: "没有文字", dropControl: "文字中有控制字符", dropText: "文字过长或不是 UTF-8", dropID: "id 过长", dropPartial: "未定稿的字幕须有 id",
	dropTimes: "开始与结束须各给一次：媒体时间或时钟时间", dropBackwards: "结束早于开始", dropLong: "长于 30 秒", dropWords: "词的时间乱序，或在这一行之外",
	dropSpelling: "词与文字不一致", dropRevision: "修订号超出范围", dropBefore: "早于本场直播开始", dropFuture: "时间在将来",
	"duplicate": "重复", "final already": "该行已定稿", "older revision": "修订号不新", "too late: hearing has moved on": "来得太晚：听写已越过此处",
	"too many partial lines at once": "未定稿的字幕同时过多",
}

// SendLines hands lines to whoever owns the stream: that process alone writes its transcript.
func (s *Service) SendLines(ctx context.Context, req *opsv1.SendLinesRequest) (*opsv1.SendLinesReply, error) {
	_, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	if len(req.Lines) > maxLines {
		return nil, problemf(http.StatusRequestEntityTooLarge, "%d lines: at most %d a call", len(req.Lines), maxLines)
	}
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !stream.Broadcast.Open() {
		return nil, conflict("stream %s is not on air: lines have no media time", ref.Stream)
	}
	clock := mediaClock{stream.Broadcast, s.Now()}
	heardTo, err := clock.heardTo(req)
	if err != nil {
		return nil, err
	}
	reply := &opsv1.SendLinesReply{}
	drop := func(line int, why string) {
		reply.Dropped = append(reply.Dropped, &opsv1.DroppedLine{Line: int32(line), Id: req.Lines[line].GetId(), Reason: why, Chinese: dropReasonsChinese[why]})
	}
	var lines []*recordingv1.SentLine
	var places []int
	for i, m := range req.Lines {
		line, why := clock.line(m)
		if why != "" {
			drop(i, why)
			continue
		}
		lines, places = append(lines, line), append(places, i)
	}
	taken, err := s.Recording.SendLines(ctx, ref, stream.Broadcast.ID, lines, int64(heardTo))
	if err != nil {
		return nil, ownerRefusal(ref, err)
	}
	for i, why := range taken.Dropped {
		if why != "" && i < len(places) {
			drop(places[i], why)
		}
	}
	reply.HeardToS = time.Duration(taken.HeardTo).Seconds()
	reply.Accepted = int32(len(req.Lines) - len(reply.Dropped))
	s.metrics.lines.WithLabelValues("accepted").Add(float64(reply.Accepted))
	s.metrics.lines.WithLabelValues("dropped").Add(float64(len(reply.Dropped)))
	return reply, nil
}

// ownerRefusal turns an error of the stream's owner into what the caller may see.
func ownerRefusal(ref domain.Ref, err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.FailedPrecondition:
		return conflict("stream %s takes no lines: %s; they are taken where the engine is captions (attach --engine captions)", ref.Stream, s.Message())
	case codes.NotFound, codes.Unavailable:
		return unavailable("stream %s has no recorder now: send the lines again in a few seconds", ref.Stream)
	case codes.ResourceExhausted:
		return unavailable("stream %s: %s: send the lines again in a few seconds", ref.Stream, s.Message())
	}
	return fmt.Errorf("send lines of stream %s: %w", ref, err)
}

// mediaClock turns a sender's times, given as media time or by the wall clock, into media time.
type mediaClock struct {
	broadcast view.Broadcast
	now       time.Time
}

func (c mediaClock) head() time.Duration { return mediaNow(c.broadcast, c.now) }

// mediaTime gives the media time of whichever of the two is given; false: not exactly one is given, or it is out of range.
func (c mediaClock) mediaTime(seconds *float64, at *timestamppb.Timestamp) (time.Duration, bool) {
	switch {
	case (seconds == nil) == (at == nil):
		return 0, false
	case seconds == nil:
		ago := c.now.Sub(at.AsTime())
		if at.CheckValid() != nil || ago.Abs() > maxSeconds*time.Second {
			return 0, false
		}
		return c.head() - ago, true
	case math.IsNaN(*seconds) || math.Abs(*seconds) > maxSeconds:
		return 0, false
	}
	return time.Duration(math.Round(*seconds * float64(time.Second))), true
}

func (c mediaClock) heardTo(req *opsv1.SendLinesRequest) (time.Duration, error) {
	if req.HeardToS == nil && req.HeardToAt == nil {
		return 0, nil
	}
	to, ok := c.mediaTime(req.HeardToS, req.HeardToAt)
	if !ok || to > c.head()+maxEarly {
		return 0, unprocessable("heard_to: must be one of heard_to_s and heard_to_at, not in the future")
	}
	return max(0, to), nil
}

// line reads one line, or says why it is dropped.
func (c mediaClock) line(m *opsv1.SentLine) (*recordingv1.SentLine, string) {
	if m == nil {
		return nil, dropEmpty
	}
	start, ok := c.mediaTime(m.StartS, m.StartAt)
	end, ok2 := c.mediaTime(m.EndS, m.EndAt)
	text, why := lineText(m)
	switch {
	case why != "":
		return nil, why
	case len(m.GetId()) > maxSignalID:
		return nil, dropID
	case m.GetPartial() && m.GetId() == "":
		return nil, dropPartial
	case m.GetRevision() < 0 || m.GetRevision() > maxRevision:
		return nil, dropRevision
	case !ok || !ok2:
		return nil, dropTimes
	case end < start:
		return nil, dropBackwards
	case start < 0:
		return nil, dropBefore
	case end-start > maxLineLength:
		return nil, dropLong
	case end > c.head()+maxEarly:
		return nil, dropFuture
	}
	id := m.GetId()
	if id == "" { // from what was sent: the media time of a wall clock differs with every call
		id = domain.H("sent", fmt.Sprint(m.GetStartS()), m.GetStartAt().AsTime().String(), text)
	}
	words, ok := lineWords(m, start, end)
	if !ok {
		return nil, dropWords
	}
	return &recordingv1.SentLine{Partial: m.GetPartial(), Line: &recordingv1.Line{
		Id: id, Start: int64(start), End: int64(end), Text: text, Words: words, Revision: int64(m.GetRevision())}}, ""
}

// lineText is a line's text, or its words joined where it has none; why says why neither can be used.
func lineText(m *opsv1.SentLine) (text, why string) {
	if len(m.GetWords()) > maxLineWords {
		return "", dropText
	}
	var words []domain.Word
	for _, w := range m.GetWords() {
		if strings.TrimSpace(w.GetText()) == "" {
			return "", dropEmpty
		}
		words = append(words, domain.Word{Text: strings.TrimSpace(w.Text)})
	}
	spelled := wording.Join(words)
	if text = strings.TrimSpace(m.GetText()); text == "" {
		text = spelled
	} else if len(words) > 0 && spokenLetters(text) != spokenLetters(spelled) {
		return "", dropSpelling
	}
	switch {
	case text == "":
		return "", dropEmpty
	case tooLong(text, maxLine):
		return "", dropText
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", dropControl
	}
	return text, ""
}

// spokenLetters are the letters and digits of a text in lower case: what of it can be heard.
func spokenLetters(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// lineWords are a line's words in media time; false: they are out of order, or outside the line.
func lineWords(m *opsv1.SentLine, start, end time.Duration) ([]*recordingv1.Word, bool) {
	var words []*recordingv1.Word
	last := start
	for _, w := range m.GetWords() {
		if math.IsNaN(w.GetStartS()+w.GetEndS()) || math.Abs(w.GetStartS())+math.Abs(w.GetEndS()) > 2*maxLineLength.Seconds() || !(w.Confidence >= 0 && w.Confidence <= 1) {
			return nil, false
		}
		from, to := start+time.Duration(w.StartS*float64(time.Second)), start+time.Duration(w.EndS*float64(time.Second))
		if from < last || to < from || to > end+wordsBeyond {
			return nil, false
		}
		last = from
		words = append(words, &recordingv1.Word{Text: strings.TrimSpace(w.Text), Start: int64(from), End: int64(min(to, max(from, end))), Confidence: w.Confidence})
	}
	return words, true
}
