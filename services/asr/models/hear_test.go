package models

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/native"
	"liveclip/internal/native/nativetest"
	"liveclip/internal/speech"
	"liveclip/internal/speech/speechtest"
)

// frozen is the held-out set that no training has seen (services/asr/train/heldout.json).
type frozen struct {
	Test struct {
		Variants        []string
		Speeds, Pitches []int
		Written, Drawn  []string
	}
}

// TestPhrasesAndVoicesNeverTrainedOnAreHeard holds the model to what its card promises, through the engine that rooms are heard
// with. It takes every sixth phrase of the set; the card's figures are over all of them.
func TestPhrasesAndVoicesNeverTrainedOnAreHeard(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip(err)
	}
	engine := openMandarin(t)
	defer engine.Close()
	data, err := os.ReadFile(filepath.Join("..", "train", "heldout.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set frozen
	if err := json.Unmarshal(data, &set); err != nil {
		t.Fatal(err)
	}
	wrong, said := 0, 0
	phrases := slices.Concat(set.Test.Written, set.Test.Drawn)
	for i := 0; i < len(phrases); i += 6 {
		text := strings.TrimSpace(strings.ReplaceAll(phrases[i], "▁", " "))
		sound := speak(t, set.Test.Variants[i/6%len(set.Test.Variants)], set.Test.Speeds[i/6%len(set.Test.Speeds)], set.Test.Pitches[i/24%len(set.Test.Pitches)], text)
		heard := hear(t, engine, sound)
		truth, got := characters(text), characters(heard.Text)
		errors := distance(truth, got)
		if errors > 0 {
			t.Logf("%q was heard as %q", text, heard.Text)
		}
		wrong, said = wrong+errors, said+len(truth)
		checkTimes(t, heard, time.Duration(len(sound))*time.Second/speech.SampleRate)
	}
	t.Logf("character error %.1f %% of %d", 100*float64(wrong)/float64(said), said)
	if 10*wrong > said {
		t.Errorf("%d of %d characters are wrong, more than a tenth", wrong, said)
	}
}

func TestSilenceAndNoiseAreNoWords(t *testing.T) {
	engine := openMandarin(t)
	defer engine.Close()
	if heard := hear(t, engine, make([]int16, 5*speech.SampleRate)); heard.Text != "" {
		t.Errorf("silence was heard as %q", heard.Text)
	}
	hiss := make([]int16, 5*speech.SampleRate)
	state := uint32(1)
	for i := range hiss {
		state = state*1664525 + 1013904223
		hiss[i] = int16(state>>16) / 64
	}
	if heard := hear(t, engine, hiss); len(characters(heard.Text)) > 2 {
		t.Errorf("noise was heard as %q", heard.Text)
	}
}

func openMandarin(t *testing.T) speech.Engine {
	t.Helper()
	libraries := nativetest.Libraries(t, native.Sherpa)
	folder, err := Unpack(t.TempDir(), Mandarin)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := speech.Open(speech.Sherpa, map[string]string{"models": folder, "libraries": libraries})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// speak gives 16-bit samples at 16 kHz.
func speak(t *testing.T, variant string, speed, pitch int, text string) []int16 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "said.wav")
	if out, err := exec.Command("espeak-ng", "-v", "cmn-latn-pinyin+"+variant, "-s", fmt.Sprint(speed), "-p", fmt.Sprint(pitch), "-w", file, text).CombinedOutput(); err != nil {
		t.Fatalf("espeak-ng: %v %s", err, out)
	}
	return speechtest.Sound(t, "-i", file)
}

func hear(t *testing.T, engine speech.Engine, sound []int16) speech.Result {
	t.Helper()
	u, err := engine.Begin(speech.Known{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	const piece = speech.SampleRate / 10
	for at := 0; at < len(sound); at += piece {
		u.Hear(sound[at:min(at+piece, len(sound))])
		work(t, engine, u)
	}
	u.End()
	work(t, engine, u)
	result, err := u.Final()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func work(t *testing.T, engine speech.Engine, u speech.Utterance) {
	t.Helper()
	for u.Busy() {
		if err := engine.Work([]speech.Utterance{u}); err != nil {
			t.Fatal(err)
		}
	}
}

func checkTimes(t *testing.T, heard speech.Result, length time.Duration) {
	t.Helper()
	var last time.Duration
	for _, w := range heard.Words {
		if w.Start < last || w.End < w.Start || w.Start > length+time.Second {
			t.Errorf("%q: %q from %s to %s, the one before from %s, in %s", heard.Text, w.Text, w.Start, w.End, last, length)
		}
		last = w.Start
	}
}

func characters(text string) []rune { return []rune(strings.ReplaceAll(text, " ", "")) }

// distance is the least number of changes between two texts.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before := row[0]
		row[0] = i + 1
		for j := range b {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
