package asr

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"liveclip/internal/config"
	"liveclip/internal/domain"
)

func TestARoomIsHeardByTheEngineItAsksForElseByThatOfItsLanguage(t *testing.T) {
	own := Defaults()
	own.Engines = map[string]EngineConfig{"house": {Kind: kindSphinx}, "cantonese": {Kind: kindSphinx, Language: "yue"}}
	own.Languages = map[string]string{"yue": "cantonese"}
	everything, none := own, own
	everything.Engine, none.Engine = "house", engineNone
	type answer struct {
		name  string
		known bool
	}
	for _, c := range []struct {
		name string
		cfg  Config
		room domain.Context
		want answer
	}{
		{"nothing said", own, domain.Context{}, answer{kindSphinx, true}},
		{"by name", own, domain.Context{Engine: "house", Language: "yue"}, answer{"house", true}},
		{"a name nobody has", own, domain.Context{Engine: "home"}, answer{kindSphinx, false}},
		{"nobody, as it asks", own, domain.Context{Engine: engineNone}, answer{engineNone, true}},
		{"by language", own, domain.Context{Language: "yue-Hant-HK"}, answer{"cantonese", true}},
		{"English", own, domain.Context{Language: "en-GB"}, answer{kindSphinx, true}},
		{"Mandarin", own, domain.Context{Language: "zh-CN"}, answer{engineMandarin, true}},
		{"a language nobody hears", own, domain.Context{Language: "fi"}, answer{kindSphinx, true}},
		{"the default hears every language", everything, domain.Context{Language: "en"}, answer{"house", true}},
		{"but for those that have their own", everything, domain.Context{Language: "yue"}, answer{"cantonese", true}},
		{"nobody listens", none, domain.Context{Language: "yue"}, answer{engineNone, true}},
		{"but where a room asks", none, domain.Context{Engine: "house"}, answer{"house", true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, known := c.cfg.engineOf(c.room)
			if got := (answer{name, known}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEnginesAreReadFromTheFileAndFromTheCommandLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "liveclip.yaml")
	yaml := "asr:\n  engine: house\n  languages: {zh: house}\n  engines:\n    house: {kind: pocketsphinx, language: zh, options: {models: /m}}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	type whole struct {
		ASR Config `koanf:"asr"`
	}
	got, err := config.Load(whole{Defaults()}, config.Sources{File: file, Flags: map[string]string{"asr.engines.house.recognisers": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	want := EngineConfig{Kind: kindSphinx, Language: "zh", Recognisers: 3, Options: map[string]string{"models": "/m"}}
	if e := got.ASR.Engines["house"]; e.Kind != want.Kind || e.Language != want.Language || e.Recognisers != want.Recognisers || e.Options["models"] != "/m" {
		t.Errorf("got %+v, want %+v", e, want)
	}
	if name, _ := got.ASR.engineOf(domain.Context{Language: "zh"}); name != "house" || len(got.ASR.engineFaults()) > 0 {
		t.Errorf("zh is heard by %s; faults %v", name, got.ASR.engineFaults())
	}
}

func TestEveryFaultOfTheEnginesIsNamed(t *testing.T) {
	c := Defaults()
	c.Engine, c.Languages = "nobody", map[string]string{"zh": "someone"}
	c.Engines = map[string]EngineConfig{"none": {Kind: kindSphinx}, "a": {Kind: "b", Recognisers: -1}, "c": {Kind: kindSherpa}}
	got := c.engineFaults()
	slices.Sort(got)
	want := []string{
		`asr.engine: must be one of a, c, captions, keyword, mandarin, none, pocketsphinx, none, is "nobody"`,
		`asr.engines.a.kind: must be one of pocketsphinx, keyword, sherpa, whisper, captions, is "b"`,
		`asr.engines.a.recognisers: must be 0 (as asr.recognisers) or more, is -1`,
		`asr.engines.c.models: must name the folder of a model`,
		`asr.engines.none: none hears nothing; choose another name`,
		`asr.languages.zh: must be one of a, c, captions, keyword, mandarin, none, pocketsphinx, none, is "someone"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
