package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

type part struct {
	Workers int           `koanf:"workers"`
	Wait    time.Duration `koanf:"wait"`
	Names   []string      `koanf:"names"`
}

type whole struct {
	Data string `koanf:"data"`
	T2V  part   `koanf:"t2v"`
}

var defaults = whole{Data: "data", T2V: part{Workers: 2, Wait: time.Second, Names: []string{}}}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "liveclip.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheCommandLineOutweighsTheEnvironmentWhichOutweighsTheFile(t *testing.T) {
	got, err := Load(defaults, Sources{
		File:    write(t, "t2v:\n  workers: 3\n  wait: 2s\n  names: [a, b]\n"),
		Environ: []string{"LIVECLIP_T2V_WORKERS=4", "LIVECLIP_T2V_WAIT=3s", "HOME=/", "LIVECLIP_CORPUS=x"},
		Flags:   map[string]string{"t2v.workers": "5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := whole{Data: "data", T2V: part{Workers: 5, Wait: 3 * time.Second, Names: []string{"a", "b"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAListInTheEnvironmentIsSeparatedByCommas(t *testing.T) {
	got, err := Load(defaults, Sources{Environ: []string{"LIVECLIP_T2V_NAMES=a,b"}})
	if err != nil || !reflect.DeepEqual(got.T2V.Names, []string{"a", "b"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEveryNameThatIsNoSettingIsToldAtOnce(t *testing.T) {
	path := write(t, "t2v:\n  wrokers: 3\n")
	_, err := Load(defaults, Sources{File: path, Environ: []string{"LIVECLIP_TV2=1"}, Flags: map[string]string{"x.y": "1"}})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v", err)
	}
	want := Faults{"--x.y: no such setting", path + ": t2v.wrokers: no such setting", "LIVECLIP_TV2: no such setting"}
	for _, line := range want {
		found := false
		for _, got := range faults {
			found = found || got == line
		}
		if !found {
			t.Errorf("%q is not told in %q", line, faults)
		}
	}
}

func TestAValueOfTheWrongKindIsAFault(t *testing.T) {
	_, err := Load(defaults, Sources{Flags: map[string]string{"t2v.workers": "many"}})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Errorf("got %v", err)
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	_, err := Load(defaults, Sources{File: "/nowhere/x.yaml"})
	if err == nil || err.Error() != "configuration:\n  /nowhere/x.yaml: no such file" {
		t.Errorf("got %v", err)
	}
}
