package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModelsAreListedAndOneThatCannotBeHadIsSaidPlainly(t *testing.T) {
	folder := t.TempDir()
	list := filepath.Join(folder, "list.yaml")
	if err := os.WriteFile(list, []byte("- {name: a, url: 'http://127.0.0.1:1/a.tar.bz2', language: zh, megabytes: 7, about: Mandarin}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"models", "--from", list, "--folder", folder}, 0, "a     zh        7 MB"},
		{[]string{"models", "get", "b", "--from", list, "--folder", folder}, 2, `no model "b"`},
		{[]string{"models", "get", "a", "--from", list, "--folder", folder}, 1, "no network, or 127.0.0.1:1 does not answer"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), c.args, stdio{&out, &out}); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit %d, said %s", c.args, code, &out)
		}
	}
}
