package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestRecordingsToMeasureOnAreThoseWithATextBesideThem(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.wav": "", "a.txt": "flash sale\n", "a.words.json": `[{"text":"flash","start_s":0.5},{"text":"sale","end_s":1.25}]`,
		"b.mp3": "", "b.txt": "全场五折", "c.wav": "", "README.md": "no recording",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	items, err := folderItems(dir)
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	want := []domain.Word{{Text: "flash", Start: 500 * time.Millisecond, End: -1}, {Text: "sale", Start: -1, End: 1250 * time.Millisecond}}
	if a, b := items[0], items[1]; a.Said != "flash sale" || a.language != "en" || !slices.Equal(a.words, want) || b.Said != "全场五折" || b.language != "zh" || b.words != nil {
		t.Errorf("items %+v", items)
	}
	if _, err := items[0].sound(t.Context()); err == nil || !strings.Contains(err.Error(), "read sound") {
		t.Errorf("an empty file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.words.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := folderItems(dir); err == nil || !strings.Contains(err.Error(), "a.words.json") {
		t.Errorf("word times that cannot be read: %v", err)
	}
	if _, err := folderItems(t.TempDir()); err == nil {
		t.Error("an empty folder is measured")
	}
}

func TestNoiseIsAsFarBelowTheVoiceAsAskedForAndItsEdgesAreFound(t *testing.T) {
	sound := make([]byte, 64000)
	for i := 8000; i < 24000; i++ { // a second of a tone in the middle of two
		v := int16(8000 * math.Sin(float64(i)*0.3))
		sound[2*i], sound[2*i+1] = byte(v), byte(uint16(v)>>8)
	}
	words := edges("last minutes", sound)
	if words[0].Start != 500*time.Millisecond || words[1].End != 1500*time.Millisecond || words[0].End >= 0 {
		t.Errorf("edges %+v", words)
	}
	heard := noisy(sound, 20, 1)
	noise, tone := frameLevels(heard)[:40], frameLevels(sound)[60]
	mean := 0.0
	for _, level := range noise {
		mean += math.Pow(10, level/10) / float64(len(noise))
	}
	if below := tone - 10*math.Log10(mean); math.Abs(below-20) > 2.5 {
		t.Errorf("the noise is %.1f dB below", below)
	}
	if !slices.Equal(heard, noisy(sound, 20, 1)) || slices.Equal(heard, noisy(sound, 20, 2)) {
		t.Error("noise must follow from its seed")
	}
}

func TestAnIndexNamesItsRecordingsThoughItLeavesPartOfTheirNamesOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "speech"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"whole.wav", "TEST_NET_Y0_-a[1]_S0.wav", "TEST_MEETING_T1.wav", "a_01_0870.wav", "a_01_0880.wav", "twice_1.wav", "twice_2.wav"} {
		if err := os.WriteFile(filepath.Join(dir, "speech", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rows := "| path | what | text |\n|---|---|---|\n| speech/whole.wav | English | all of it |\n| `speech/TEST_NET_…wav` | net | 我有的时候 |\n" +
		"| speech/TEST_MEETING_....wav | meeting | 好首先说一下 |\n| speech/a_…0880.wav | read | he was not |\n| video/a.flv | picture | |\n| chat/a.xml | comments | first |\n"
	index := func(text string) (got [][2]string, err error) {
		if err := os.WriteFile(filepath.Join(dir, "INDEX.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		items, err := indexItems(dir)
		for _, i := range items {
			got = append(got, [2]string{i.Name, i.Said})
		}
		return got, err
	}
	got, err := index(rows)
	want := [][2]string{{"whole.wav", "all of it"}, {"TEST_NET_Y0_-a[1]_S0.wav", "我有的时候"}, {"TEST_MEETING_T1.wav", "好首先说一下"}, {"a_01_0880.wav", "he was not"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for row, fault := range map[string]string{
		"| speech/gone.wav | | said |": "0 files", "| speech/twice_…wav | | said |": "2 files", "| ../…wav | | said |": "outside", "| none | | said |": "names no recording",
	} {
		if _, err := index(row); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v", row, err)
		}
	}
}

func FuzzIndexRowsNameFilesWithinTheirFolder(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.wav"), nil, 0o600); err != nil {
		f.Fatal(err)
	}
	f.Add("| a.wav | x | said |")
	f.Add("| ../…/…wav | x | said |")
	f.Add("| (…[.wav | x | said |")
	f.Fuzz(func(t *testing.T, line string) {
		name, said, ok := indexRow(line)
		if !ok {
			return
		}
		if said == "" {
			t.Errorf("%q has no text", line)
		}
		if found, err := elided(dir, name); err == nil && filepath.Dir(found) != dir {
			t.Errorf("%q is %q", line, found)
		}
	})
}

func TestTheFoldersIndexNamesItsRecordings(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real recordings")
	}
	items, err := indexItems(corpus)
	if err != nil || len(items) < 9 {
		t.Fatalf("%d recordings, %v", len(items), err)
	}
	for _, i := range items {
		if sound, err := i.sound(context.Background()); err != nil || len(sound) < 32000 {
			t.Errorf("%s: %d bytes of sound, %v", i.Name, len(sound), err)
		}
	}
}
