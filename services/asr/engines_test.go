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
	own.Engines = map[string]EngineConfig{"house": {Kind: kindPocketSphinx}, "cantonese": {Kind: kindPocketSphinx, Language: "yue"}}
	own.Languages = map[string]string{"yue": "cantonese"}
	everything, none := own, own
	everything.Engine, none.Engine = "house", engineNone
	own.Languages["zh"], own.Languages["zh-HK"], own.Languages["pt-PT"], own.Languages["pt-BR"] = "house", "cantonese", "cantonese", "house"
	bare, mute := Defaults(), Defaults()
	mute.Languages = map[string]string{"en": engineNone}
	for _, c := range []struct {
		name string
		cfg  Config
		room domain.Context
		want domain.Hearing
	}{
		{"nothing said", own, domain.Context{}, domain.Hearing{Engine: kindPocketSphinx}},
		{"by name", own, domain.Context{Engine: "house", Language: "yue"}, domain.Hearing{Engine: "house"}},
		{"a name nobody has", own, domain.Context{Engine: "home"}, domain.Hearing{Engine: kindPocketSphinx, Trouble: domain.HearingUnknown, About: "home"}},
		{"nobody, as it asks", own, domain.Context{Engine: engineNone}, domain.Hearing{Engine: engineNone}},
		{"by language", own, domain.Context{Language: "yue-Hant-HK"}, domain.Hearing{Engine: "cantonese"}},
		{"English", own, domain.Context{Language: "en-GB"}, domain.Hearing{Engine: kindPocketSphinx}},
		{"Mandarin", own, domain.Context{Language: "zh-CN"}, domain.Hearing{Engine: "house"}},
		{"by the very tag", own, domain.Context{Language: "zh-hk"}, domain.Hearing{Engine: "cantonese"}},
		{"by another tag of the language, the first by name", own, domain.Context{Language: "pt"}, domain.Hearing{Engine: "house"}},
		{"as its host is named", own, domain.Context{Host: "小美"}, domain.Hearing{Engine: "house"}},
		{"as its products are named, by nobody", bare, domain.Context{Products: []domain.Product{{Name: "保温杯"}}}, domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign, About: "zh"}},
		{"the small model by its name", bare, domain.Context{Language: "zh", Engine: engineMandarin}, domain.Hearing{Engine: engineMandarin, Trouble: domain.HearingWeak}},
		{"a language that nobody is to hear", mute, domain.Context{Language: "en"}, domain.Hearing{Engine: engineNone}},
		{"a language nobody hears", own, domain.Context{Language: "fi"}, domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign, About: "fi"}},
		{"the default hears every language", everything, domain.Context{Language: "en"}, domain.Hearing{Engine: "house"}},
		{"but for those that have their own", everything, domain.Context{Language: "yue"}, domain.Hearing{Engine: "cantonese"}},
		{"nobody listens", none, domain.Context{Language: "yue"}, domain.Hearing{Engine: engineNone}},
		{"but where a room asks", none, domain.Context{Engine: "house"}, domain.Hearing{Engine: "house"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.cfg.engineOf(c.room); got != c.want {
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
	want := EngineConfig{Kind: kindPocketSphinx, Language: "zh", Recognisers: 3, Options: map[string]string{"models": "/m"}}
	if e := got.ASR.Engines["house"]; e.Kind != want.Kind || e.Language != want.Language || e.Recognisers != want.Recognisers || e.Options["models"] != "/m" {
		t.Errorf("got %+v, want %+v", e, want)
	}
	if name := got.ASR.engineOf(domain.Context{Language: "zh"}).Engine; name != "house" || len(got.ASR.engineFaults()) > 0 {
		t.Errorf("zh is heard by %s; faults %v", name, got.ASR.engineFaults())
	}
}

func TestEveryFaultOfTheEnginesIsNamed(t *testing.T) {
	c := Defaults()
	c.Engine, c.Languages = "nobody", map[string]string{"zh": "someone"}
	c.Engines = map[string]EngineConfig{"none": {Kind: kindPocketSphinx}, "a": {Kind: "b", Recognisers: -1}, "c": {Kind: kindSherpa}}
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
