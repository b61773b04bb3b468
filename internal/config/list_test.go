package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestAListReplacesTheDefaultOne(t *testing.T) {
	type step struct {
		Running int    `koanf:"running"`
		Preset  string `koanf:"preset"`
	}
	type settings struct {
		Load []step `koanf:"load"`
	}
	defaults := settings{Load: []step{{1, "a"}, {2, "b"}}}
	for yaml, want := range map[string][]step{"load: [{running: 7}]": {{7, ""}}, "load: []": {}, "": {{1, "a"}, {2, "b"}}} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(defaults, Sources{File: path})
		if err != nil || !reflect.DeepEqual(got.Load, want) {
			t.Errorf("%q gives %+v, error %v", yaml, got.Load, err)
		}
	}
	if defaults.Load[0].Running != 1 {
		t.Error("the defaults were changed")
	}
}
