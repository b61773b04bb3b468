package detect

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARoomHasTheRulesOfItsCategory(t *testing.T) {
	book, err := LoadBook("", "")
	if err != nil {
		t.Fatal(err)
	}
	for category, want := range map[string]string{"": "flash_sale", "美妆": "demonstration", "Beauty": "demonstration", "sports": "goal", "脱口秀": "story", "unheard of": "flash_sale"} {
		names := ""
		for _, g := range book.Of(category).Keywords {
			names += g.Name + " "
		}
		if !strings.Contains(names, want) {
			t.Errorf("%q: groups %s, want %s among them", category, names, want)
		}
	}
	for _, shop := range []string{"beauty", "electronics", "fashion", "food"} {
		if got := kindsIn(book.Of(shop), "最后三分钟"); got != "flash_sale" {
			t.Errorf("%s: heard %q", shop, got)
		}
	}
	if got := PresetNames(); len(got) != 6 {
		t.Errorf("presets %v", got)
	}
}

func TestASettledPresetIsOfEveryRoom(t *testing.T) {
	book, err := LoadBook("", "sports")
	if err != nil || book.Of("beauty") != book.Of("") || kindsIn(book.Of("beauty"), "what a goal") != "goal" {
		t.Errorf("got %v", err)
	}
	if got := (Config{Group: "a", Preset: "sport"}).Faults(); len(got) != 1 || !strings.HasPrefix(got[0], "detect.preset: must be one of beauty") {
		t.Errorf("got %q", got)
	}
}

func TestTheOperatorsFileIsOverThePreset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, "threshold: 0.7\nmore:\n- {name: demonstration, weight: 9, phrases: [看这里]}\n")
	book, err := LoadBook(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if r := book.Of("beauty"); r.Threshold != 0.7 || r.FeatureWeights()["keyword.demonstration"] != 9 || kindsIn(r, "看这里 全场五折") != "demonstration discount" {
		t.Errorf("got %v, %v", r.Threshold, r.FeatureWeights())
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChangedRulesAreTakenUpAndBadOnesRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "rules.yaml")
	write(t, path, "keywords:\n- {name: brands, weight: 5, list: brands.txt}\n")
	write(t, filepath.Join(folder, "brands.txt"), "# ours\n花西子\n完美日记\n")
	var told []error
	s, err := openShelf(Config{Rules: path}, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	s.look()
	if len(told) != 0 || kindsIn(s.of(""), "这是完美日记") != "brands" {
		t.Fatalf("told %v", told)
	}
	write(t, path, "keywords: [\n")
	s.look()
	s.look()
	if len(told) != 1 || told[0] == nil || kindsIn(s.of(""), "这是完美日记") != "brands" {
		t.Errorf("bad rules: told %v", told)
	}
	write(t, path, "keywords:\n- {name: brands, weight: 5, list: brands.txt}\n")
	write(t, filepath.Join(folder, "brands.txt"), "橘朵\n")
	s.look()
	if len(told) != 2 || told[1] != nil || kindsIn(s.of(""), "这是完美日记") != "" || kindsIn(s.of(""), "橘朵") != "brands" {
		t.Errorf("good rules: told %v", told)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.look()
	if len(told) != 3 || told[2] == nil || kindsIn(s.of(""), "橘朵") != "brands" {
		t.Errorf("no rules: told %v", told)
	}
}

func TestRulesAreReadAgainWhenTheListTheyNameAppears(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "rules.yaml")
	write(t, path, "# nothing\n")
	var log bytes.Buffer
	s, err := New(Config{Rules: path}, Deps{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "keywords:\n- {name: brands, weight: 5, list: brands.txt}\n")
	s.rules.look()
	s.rules.look()
	if said := log.String(); strings.Count(said, "refused") != 1 || strings.Contains(said, "taken up") {
		t.Errorf("the list is missing; said %q", said)
	}
	write(t, filepath.Join(folder, "brands.txt"), "橘朵\n")
	s.rules.look()
	s.rules.look()
	if said := log.String(); kindsIn(s.rules.of(""), "橘朵") != "brands" || strings.Count(said, "taken up") != 1 {
		t.Errorf("the list is there; said %q", said)
	}
	write(t, filepath.Join(folder, "brands.txt"), "花西子\n")
	s.rules.look()
	if said := log.String(); kindsIn(s.rules.of(""), "花西子") != "brands" || strings.Count(said, "taken up") != 1 {
		t.Errorf("a change that follows no refusal; said %q", said)
	}
}

// longList writes a hundred thousand phrases.
func longList(t testing.TB) (rules string) {
	t.Helper()
	folder := t.TempDir()
	var list strings.Builder
	runes := []rune("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏")
	for i := range 100_000 {
		fmt.Fprintf(&list, "%c%c%c%c%d\n", runes[i%24], runes[i/24%24], runes[i/576%24], runes[i/13824%24], i%7)
	}
	write(t, filepath.Join(folder, "list.txt"), list.String())
	path := filepath.Join(folder, "rules.yaml")
	write(t, path, "keywords:\n- {name: listed, weight: 5, list: list.txt}\n")
	return path
}

func TestAListOfAHundredThousandLinesIsMatched(t *testing.T) {
	r, err := LoadRules(longList(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := kindsIn(r, "前面的话天天天天0后面的话"); got != "listed" {
		t.Errorf("heard %q", got)
	}
	if got := kindsIn(r, "前面的话天天天9后面的话"); got != "" {
		t.Errorf("heard %q", got)
	}
}

func BenchmarkLoadingAHundredThousandLines(b *testing.B) {
	path := longList(b)
	for b.Loop() {
		if _, err := LoadRules(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchingAmongAHundredThousandLines(b *testing.B) {
	r, err := LoadRules(longList(b))
	if err != nil {
		b.Fatal(err)
	}
	tokens := r.folder.tokens("今天给大家带来的这一款真的是非常非常划算 天天天天0 喜欢的赶紧去拍一号链接")
	for b.Loop() {
		r.matcher.find(tokens)
	}
}
