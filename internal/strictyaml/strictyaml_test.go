package strictyaml_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/strictyaml"
)

type rule struct {
	Name  string `yaml:"name"`
	Parts []struct {
		Weight float64 `yaml:"weight"`
	} `yaml:"parts"`
}

func TestWhatAFileDoesNotNameKeepsItsValue(t *testing.T) {
	for text, want := range map[string]string{"": "kept", "# nothing\n": "kept", "parts: []\n": "kept", "name: own\n": "own"} {
		r := rule{Name: "kept"}
		if err := strictyaml.New("f.yaml", []byte(text)).Decode(&r); err != nil || r.Name != want {
			t.Errorf("%q: got %q, %v", text, r.Name, err)
		}
	}
}

func TestEveryFaultIsToldWithItsLine(t *testing.T) {
	f := strictyaml.New("f.yaml", []byte("nam: a\nparts:\n- weight: heavy\n"))
	err := f.Decode(&rule{})
	f.Fault("parts.0.weight", "is %d", 1)
	f.Fault("parts.7.weight", "is not there")
	f.Fault("elsewhere", "is not there")
	want := "f.yaml:1: unknown key \"nam\"\n" +
		"f.yaml:3: must be a number, is \"heavy\"\n" +
		"f.yaml:3: parts.0.weight: is 1\n" +
		"f.yaml:3: parts.7.weight: is not there\n" +
		"f.yaml:1: elsewhere: is not there"
	if all := f.Err(); err == nil || all == nil || all.Error() != want || !domain.IsPermanent(all) {
		t.Errorf("got  %v\nwant %s", all, want)
	}
}

func TestAFileThatIsMissingOrTooLargeIsRefused(t *testing.T) {
	if _, err := strictyaml.Open(filepath.Join(t.TempDir(), "none.yaml")); !os.IsNotExist(errorOf(err)) {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := strictyaml.Open(path); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

func errorOf(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func FuzzAnyTextIsReadOrRefusedWithALine(f *testing.F) {
	f.Add("name: a\nparts: [{weight: 1}]\n")
	f.Add("a: &a [*a]")
	f.Add("- [")
	f.Fuzz(func(t *testing.T, text string) {
		file := strictyaml.New("f.yaml", []byte(text))
		err := file.Decode(&rule{})
		if err != nil && !strings.Contains(err.Error(), "f.yaml:") {
			t.Fatalf("%q: %v", text, err)
		}
		file.Fault("parts.0.weight", "wrong")
	})
}
