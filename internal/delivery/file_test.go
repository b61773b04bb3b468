package delivery

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func written(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

func TestALogIsMovedAsideBeforeItPassesItsSize(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	f := &File{Path: filepath.Join(folder, "d.log"), Max: 6, Keep: 2}
	for _, lines := range []string{"a\n", "bb\n", "ccc\n", "dd\n", "too long for one\n", "e\n"} {
		if err := f.Append([]byte(lines)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"d.log": "e\n", "d.log.1": "too long for one\n", "d.log.2": "dd\n"}
	if got := written(t, folder); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestALogGoesOnAfterACrash(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "d.log")
	if err := os.WriteFile(path, []byte("whole\ncut o"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &File{Path: path, Max: 100, Keep: 1}
	for range 2 {
		if err := f.Append([]byte("next\n")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := written(t, folder)["d.log"]; got != "whole\ncut o\nnext\nnext\n" {
		t.Errorf("%q", got)
	}
}

func TestALogWhosePathIsTakenIsWrittenOnceItIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.log")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	f := &File{Path: path, Max: 100, Keep: 1}
	if err := f.Append([]byte("lost\n")); err == nil {
		t.Error("a folder was written to")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Append([]byte("kept\n")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
