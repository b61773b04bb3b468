package roomlog_test

import (
	"bytes"
	"compress/gzip"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomlog"
)

func collect(entries iter.Seq2[roomlog.Entry, error]) ([]roomlog.Entry, error) {
	var all []roomlog.Entry
	for e, err := range entries {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func every() []roomlog.Entry {
	return []roomlog.Entry{
		{At: 0, Event: "e0", Broadcast: &domain.BroadcastChanged{Change: domain.BroadcastOpened, StartedAt: time.Unix(1700000000, 5).UTC(), Source: "push",
			Parameters: domain.MediaParameters{VideoCodec: "h264", Width: 1280, Height: 720, FrameRate: 30}}},
		{At: 1, Context: &domain.Context{Host: "小美", Category: "beauty", Language: "zh", Products: []domain.Product{{ID: "7", Name: "口红", Price: "¥99"}}, Extra: map[string]string{"a": "b"}}},
		{At: 61_123_456_789, Event: "e1", Line: &domain.TranscriptLine{ID: "l1", Revision: 2, Final: true, Start: 58*time.Second + 1, End: 61 * time.Second, Text: "今天全场五折",
			Words: []domain.Word{{Text: "今天", Start: 58 * time.Second, End: 59 * time.Second, Confidence: 0.75}}, Engine: "x", Language: "zh"}},
		{At: 62 * time.Second, Line: &domain.TranscriptLine{ID: "l2", Start: 61 * time.Second, End: 62 * time.Second, Text: "partial"}},
		{At: 66 * time.Second, Event: "e2", Audience: &domain.AudienceSignal{ID: "m1", Kind: domain.SignalProduct, At: 65 * time.Second, Sent: time.Unix(1700000065, 0).UTC(),
			Count: 1, Item: domain.Product{ID: "7", Price: "¥49"}, Action: domain.ProductPriced}},
		{At: 66 * time.Second, Audience: &domain.AudienceSignal{Kind: domain.SignalLike, At: -time.Second, User: "u", Count: 0}},
		{At: 67 * time.Second, Sound: &domain.SoundMeasured{Start: 66 * time.Second, Step: 100 * time.Millisecond, Momentary: []float64{-21.5, -120},
			Events: []domain.SoundEvent{{Kind: "applause", Window: domain.Window{Start: 66 * time.Second, End: 67 * time.Second}, Confidence: 0.5}}}},
		{At: 68 * time.Second, Progress: &domain.StreamProgress{RecordedTo: 68 * time.Second, HeardTo: 67 * time.Second, By: "asr",
			Health: map[string]domain.Health{"speech": domain.HealthPresent}, SceneCuts: []time.Duration{66 * time.Second}}},
		{At: 69 * time.Second, Broadcast: &domain.BroadcastChanged{Change: domain.BroadcastGap, At: 69 * time.Second, Gap: domain.Window{Start: 68 * time.Second, End: 69 * time.Second}, Reason: "gone"}},
		{At: 70 * time.Second, Progress: &domain.StreamProgress{RecordedTo: 70 * time.Second, HeardTo: 70 * time.Second, Closed: true, By: "asr"}},
	}
}

func TestWhatIsWrittenComesBackExact(t *testing.T) {
	var log bytes.Buffer
	n, err := roomlog.Write(&log, every()...)
	if err != nil || n != log.Len() {
		t.Fatalf("wrote %d of %d: %v", n, log.Len(), err)
	}
	got, err := collect(roomlog.Read(&log))
	if err != nil {
		t.Fatal(err)
	}
	if want := every(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAStrangersShortFormIsFilledIn(t *testing.T) {
	text := `
{"at_s": 61.9, "line": {"start_s": 58.2, "end_s": 61.4, "text": "今天全场五折"}}

{"at_s": 66, "audience": {"kind": "comment", "user": "u1", "text": "抢到了"}}
{"at_s": 67.5, "progress": {"heard_to_s": 67}}
`
	got, err := collect(roomlog.Read(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	want := []roomlog.Entry{
		{At: 61900 * time.Millisecond, Line: &domain.TranscriptLine{ID: "line-2", Final: true, Start: 58200 * time.Millisecond, End: 61400 * time.Millisecond, Text: "今天全场五折"}},
		{At: 66 * time.Second, Audience: &domain.AudienceSignal{Kind: domain.SignalComment, At: 66 * time.Second, User: "u1", Text: "抢到了", Count: 1}},
		{At: 67500 * time.Millisecond, Progress: &domain.StreamProgress{HeardTo: 67 * time.Second, RecordedTo: 67 * time.Second}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	good := `{"at_s":1,"progress":{"heard_to_s":1}}` + "\n"
	for text, want := range map[string]string{
		good + "{":          "line 2: unexpected EOF",
		good + `{"at_s":2}`: "line 2: must have exactly one of",
		good + `{"at_s":2,"progress":{"heard_to_s":1},"context":{}}`:     "line 2: must have exactly one of",
		good + `{"at_s":0.5,"context":{}}`:                               "line 2: at_s falls from 1s to 500ms",
		`{"context":{}}`:                                                 "line 1: at_s must be given",
		`{"at_s":-1,"context":{}}`:                                       "line 1: at_s must be given, and not be negative",
		`{"at_s":1e300,"context":{}}`:                                    "more than 2592000",
		`{"at_s":1,"contxt":{}}`:                                         `line 1: json: unknown field "contxt"`,
		`{"at_s":1,"context":{}} {}`:                                     "line 1: something follows the value",
		`{"at_s":1,"audience":{"kind":"shout"}}`:                         `line 1: audience: kind "shout" is none of`,
		`{"at_s":1,"line":{"start_s":2,"end_s":1,"text":""}}`:            "line 1: line: start_s",
		`{"at_s":1,"sound":{"start_s":2,"step_s":0,"lufs":[]}}`:          "line 1: sound: step_s",
		good + good + `{"at_s":1,"event":"` + strings.Repeat("x", 1<<20): "line 3: longer than 1024 KiB",
	} {
		_, err := collect(roomlog.Read(strings.NewReader(text)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got %v, want %q", text, err, want)
		}
	}
}

func TestALogWithoutMarksIsMarkedOnlyAsFarAsItsLinesCame(t *testing.T) {
	s := time.Second
	line := func(at, end time.Duration) roomlog.Entry {
		return roomlog.Entry{At: at, Line: &domain.TranscriptLine{ID: "l", Final: true, End: end}}
	}
	comment := func(at time.Duration) roomlog.Entry {
		return roomlog.Entry{At: at, Audience: &domain.AudienceSignal{Kind: domain.SignalComment, At: at}}
	}
	mark := func(at, heard time.Duration, closed bool) roomlog.Entry {
		return roomlog.Entry{At: at, Progress: &domain.StreamProgress{RecordedTo: at, HeardTo: heard, Closed: closed, By: "asr"}}
	}
	entries := func(yield func(roomlog.Entry, error) bool) {
		for _, e := range []roomlog.Entry{comment(1 * s), comment(1 * s), comment(5 * s), line(6*s, 4*s), comment(7 * s)} {
			if !yield(e, nil) {
				return
			}
		}
	}
	got, err := collect(roomlog.Marked(entries))
	want := []roomlog.Entry{comment(1 * s), comment(1 * s), mark(1*s, 1*s, false), comment(5 * s), mark(5*s, 4*s, false),
		line(6*s, 4*s), mark(6*s, 6*s, false), comment(7 * s), mark(7*s, 7*s, true)}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestALogWithMarksIsLeftAsItIs(t *testing.T) {
	var log bytes.Buffer
	if _, err := roomlog.Write(&log, every()...); err != nil {
		t.Fatal(err)
	}
	got, err := collect(roomlog.Marked(roomlog.Read(&log)))
	if want := every(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestASetIsReadWhole(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := roomlog.Write(z, every()...); err != nil {
		t.Fatal(err)
	}
	z.Close()
	write("b.jsonl.gz", packed.String())
	write("b.labels.json", `{"moments": [{"start_s": 1.5, "end_s": 3, "kind": "discount"}]}`)
	write("a.jsonl", "")
	write("a.labels.json", `{"moments": []}`)
	set, err := roomlog.ReadSet(folder)
	if err != nil {
		t.Fatal(err)
	}
	want := []roomlog.Labelled{
		{Name: "a", Log: filepath.Join(folder, "a.jsonl"), Labels: roomlog.Labels{Moments: []roomlog.Moment{}}},
		{Name: "b", Log: filepath.Join(folder, "b.jsonl.gz"), Labels: roomlog.Labels{Moments: []roomlog.Moment{{Start: 1500 * time.Millisecond, End: 3 * time.Second, Kind: "discount"}}}},
	}
	if !reflect.DeepEqual(set, want) {
		t.Errorf("got  %+v\nwant %+v", set, want)
	}
	if got, err := collect(roomlog.ReadFile(set[1].Log)); err != nil || !reflect.DeepEqual(got, every()) {
		t.Errorf("packed log: got %+v, %v", got, err)
	}
	write("c.labels.json", `{"moments": []}`)
	if _, err := roomlog.ReadSet(folder); err == nil || !strings.Contains(err.Error(), "c.labels.json has no log") {
		t.Errorf("labels without a log: %v", err)
	}
	write("c.labels.json", `{"moments": [{"start_s": 3, "end_s": 3}]}`)
	write("c.jsonl", "")
	if _, err := roomlog.ReadSet(folder); err == nil || !strings.Contains(err.Error(), "room c: read labels: moment:") {
		t.Errorf("an empty moment: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	var log bytes.Buffer
	if _, err := roomlog.Write(&log, every()...); err != nil {
		f.Fatal(err)
	}
	f.Add(log.Bytes())
	f.Add([]byte(`{"at_s":1,"line":{"start_s":0,"end_s":1,"text":"x"}}` + "\n"))
	f.Add([]byte("{\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 { // written again, a line may grow beyond what is read
			t.Skip()
		}
		entries, _ := collect(roomlog.Marked(roomlog.Read(bytes.NewReader(text))))
		var again bytes.Buffer
		if _, err := roomlog.Write(&again, entries...); err != nil {
			t.Fatal(err)
		}
		back, err := collect(roomlog.Read(&again))
		if err != nil || len(back) != len(entries) {
			t.Fatalf("%d of %d entries came back: %v", len(back), len(entries), err)
		}
	})
}

func TestWhatCouldNotBeReadAgainIsNotWritten(t *testing.T) {
	for _, length := range []int{1<<20 - 200, 1 << 20} {
		var log bytes.Buffer
		_, err := roomlog.Write(&log, roomlog.Entry{Line: &domain.TranscriptLine{ID: "l", Final: true, Text: strings.Repeat("x", length)}})
		lines := 0
		for _, readErr := range roomlog.Read(bytes.NewReader(log.Bytes())) {
			if readErr != nil {
				t.Errorf("%d characters: %v", length, readErr)
			}
			lines++
		}
		if (err == nil) != (lines == 1) || (length == 1<<20) != (err != nil) {
			t.Errorf("%d characters: written %v, read %d", length, err, lines)
		}
	}
}
