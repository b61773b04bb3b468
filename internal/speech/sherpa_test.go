package speech

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/native"
	"liveclip/internal/native/nativetest"
	"liveclip/internal/speech/speechtest"
)

// ours is the model that comes with liveclip.
var ours = filepath.Join("..", "..", "services", "asr", "models", "mandarin-commerce")

func openOurs(t *testing.T) Engine {
	t.Helper()
	e, err := Open(Sherpa, map[string]string{"models": ours, "libraries": nativetest.Libraries(t, native.Sherpa)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// sayMandarin speaks between two pauses.
func sayMandarin(t *testing.T, text string) []int16 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "said.wav")
	if out, err := exec.Command("espeak-ng", "-v", "cmn-latn-pinyin", "-s", "150", "-w", file, text).CombinedOutput(); err != nil {
		t.Fatalf("espeak-ng: %v %s", err, out)
	}
	return speechtest.Sound(t, "-i", file, "-af", "adelay=300:all=1,apad=pad_dur=0.4")
}

func TestManyUtterancesAreHeardSideBySideEachAsAlone(t *testing.T) {
	e := openOurs(t)
	var samples [][]int16
	var want []Result
	for _, text := range []string{"最后三分钟", "全场五折", "今天免运费，只剩十件"} {
		s := sayMandarin(t, text)
		samples, want = append(samples, s), append(want, whole(t, e, s))
	}
	var open []Utterance
	for range samples {
		open = append(open, begin(t, e, Known{}))
	}
	for at := 0; ; at += SampleRate / 10 {
		more := false
		for i, u := range open {
			if at < len(samples[i]) {
				u.Hear(samples[i][at:min(at+SampleRate/10, len(samples[i]))])
				more = true
			}
		}
		work(t, e, open...)
		if !more {
			break
		}
	}
	for i, u := range open {
		if got := end(t, e, u); got.Text == "" || got.Text != want[i].Text || !reflect.DeepEqual(got.Words, want[i].Words) {
			t.Errorf("side by side %q %v, alone %q %v", got.Text, got.Words, want[i].Text, want[i].Words)
		}
	}
}

func TestAStreamingModelGivesPartialLinesAndTimesInOrder(t *testing.T) {
	e := openOurs(t)
	samples := sayMandarin(t, "最后三分钟，全场五折")
	u := begin(t, e, Known{})
	length := time.Duration(len(samples)) * time.Second / SampleRate
	grew, last := 0, ""
	for at := 0; at < len(samples); at += SampleRate / 10 {
		u.Hear(samples[at:min(at+SampleRate/10, len(samples))])
		work(t, e, u)
		if p := u.Partial(); p.Text != last {
			grew, last = grew+1, p.Text
		}
	}
	final := end(t, e, u)
	if grew < 4 || !strings.HasPrefix(final.Text, last[:min(3, len(last))]) {
		t.Errorf("%d partial lines, the last %q, then %q", grew, last, final.Text)
	}
	var before time.Duration
	for _, w := range final.Words {
		if w.Start < before || w.End < w.Start || w.End > length {
			t.Errorf("word %+v after %v in %v", w, before, length)
		}
		before = w.Start
	}
}

func TestAModelThatCantBeLoadedIsAPermanentErrorAndNoEndOfTheProcess(t *testing.T) {
	found := nativetest.Libraries(t, native.Sherpa)
	good := map[string][]byte{}
	for _, name := range []string{"model.onnx", "tokens.txt"} {
		data, err := os.ReadFile(filepath.Join(ours, name))
		if err != nil {
			t.Fatal(err)
		}
		good[name] = data
	}
	for name, change := range map[string]func(files map[string][]byte){
		"nothing there":      func(f map[string][]byte) { clear(f) },
		"missing":            func(f map[string][]byte) { delete(f, "tokens.txt") },
		"cut short":          func(f map[string][]byte) { f["model.onnx"] = f["model.onnx"][:len(f["model.onnx"])/2] },
		"text instead":       func(f map[string][]byte) { f["model.onnx"] = []byte("<html>Not Found</html>") },
		"another kind":       func(f map[string][]byte) { f["encoder.onnx"], f["decoder.onnx"] = f["model.onnx"], f["model.onnx"] },
		"tokens of another":  func(f map[string][]byte) { f["tokens.txt"] = []byte("<blk> 0\na 1\n") },
		"tokens are no text": func(f map[string][]byte) { f["tokens.txt"] = f["model.onnx"][:1000] },
		"tokens with a gap":  func(f map[string][]byte) { f["tokens.txt"] = []byte("<blk> 0\na 2\n") },
		"a voice detector":   func(f map[string][]byte) { f["model.yaml"] = []byte("kind: silero-vad\nfiles: {model.onnx: \"\"}") },
		"recorded as another": func(f map[string][]byte) {
			f["model.yaml"] = []byte("kind: nemo-ctc\nfiles: {model.onnx: " + strings.Repeat("0", 64) + ", tokens.txt: \"\"}")
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{"model.onnx": good["model.onnx"], "tokens.txt": good["tokens.txt"]}
			change(files)
			folder := filepath.Join(t.TempDir(), "nemo-ctc-model")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			for file, data := range files {
				if err := os.WriteFile(filepath.Join(folder, file), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e, err := Open(Sherpa, map[string]string{"models": folder, "libraries": found})
			if err == nil {
				e.Close()
			}
			if !domain.IsPermanent(err) || !strings.Contains(err.Error(), folder) {
				t.Errorf("got %v", err)
			}
		})
	}
	for name, options := range map[string]map[string]string{
		"no model":          {"libraries": found},
		"no library":        {"models": ours, "libraries": t.TempDir()},
		"an unknown option": {"models": ours, "colour": "red"},
		"no number":         {"models": ours, "threads": "many"},
		"too many threads":  {"models": ours, "threads": "1000"},
	} {
		if _, err := Open(Sherpa, options); !domain.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEngineIsMeasured(t *testing.T) {
	if factor, err := Measure(openOurs(t)); err != nil || factor <= 0 || factor > 10 {
		t.Errorf("%v, %v", factor, err)
	}
}
