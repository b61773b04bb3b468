package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"liveclip/internal/telemetry"
)

// commandLine runs a command line.
func commandLine(t *testing.T, args ...string) (code int, out, problems string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, stdio{&o, &e})
	return code, o.String(), e.String()
}

func TestSettingsAreTakenOutOfTheCommandLine(t *testing.T) {
	settings, rest, err := splitSettings([]string{"serve", "asr", "--t2v.workers=3", "--config", "x", "--kafka.brokers", "a:1,b:2", "--", "--y.z=1"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (settingFlags{"t2v.workers": "3", "kafka.brokers": "a:1,b:2"}); !reflect.DeepEqual(settings, want) {
		t.Errorf("settings %v", settings)
	}
	if want := []string{"serve", "asr", "--config", "x", "--", "--y.z=1"}; !reflect.DeepEqual(rest, want) {
		t.Errorf("rest %v", rest)
	}
}

func TestAWrongCommandLineEndsWith2AndSaysWhy(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{}, "expected one of"},
		{[]string{"dance"}, "dance"},
		{[]string{"serve"}, "<services>"},
		{[]string{"serve", "dance"}, "no service \"dance\""},
		{[]string{"batch", "x.mp4"}, "--out"},
		{[]string{"up", "--data", t.TempDir(), "--no.such=1"}, "--no.such: no such setting"},
		{[]string{"clip", "room", "--before", "soon"}, "--before: must be a length of time, such as 90s or 3m, is \"soon\""},
		{[]string{"batch", "x.mp4", "--out", t.TempDir(), "--recap"}, "--recap: needs a length of time, such as 90s or 3m"},
		{[]string{"batch", "x.mp4", "--recap", "--vertical"}, "--recap: needs a length of time, such as 90s or 3m"},
		{[]string{"attach", "room 42/é", "push"}, "must be 1 to 64 letters"},
	} {
		if code, _, problems := commandLine(t, c.args...); code != 2 || !strings.Contains(problems, c.says) {
			t.Errorf("%v: exit %d, says %q; want 2 and %q", c.args, code, problems, c.says)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	for _, name := range []string{"up", "serve", "attach", "detach", "clip", "batch", "demo", "doctor", "deliveries import"} {
		if code, out, _ := commandLine(t, append(strings.Fields(name), "--help")...); code != 0 || !strings.Contains(out, "Example: liveclip "+name) {
			t.Errorf("%s --help: exit %d\n%s", name, code, out)
		}
	}
}

func TestAServiceWithoutBrokersIsAConfigurationErrorThatNamesEveryFault(t *testing.T) {
	code, _, problems := commandLine(t, "serve", "prompt", "t2v", "--t2v.workers=0")
	for _, fault := range []string{"kafka.brokers", "redis.addresses", "store.url", "keys.current", "t2v.workers: must be at least 1, is 0"} {
		if !strings.Contains(problems, fault) {
			t.Errorf("%q is not told in\n%s", fault, problems)
		}
	}
	if code != 2 {
		t.Errorf("exit %d", code)
	}
}

func TestADataFolderIsUsedByOneProcessAndKeepsItsSecrets(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	first, err := openHome(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openHome(folder); err == nil || !strings.Contains(err.Error(), "another liveclip up uses it") {
		t.Errorf("a second process: %v", err)
	}
	first.close()
	second, err := openHome(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	log := telemetry.Logger(telemetry.Config{Level: "error", Format: "text"}, t.Output())
	if _, err := openEmbedded(t.Context(), folder, log); err == nil || !strings.Contains(err.Error(), "another liveclip up uses it") {
		t.Errorf("a second process on embedded parts: %v", err)
	}
	if second.token != first.token || second.keys != first.keys || len(first.token) < 32 {
		t.Error("the secrets changed")
	}
	info, err := os.Stat(filepath.Join(folder, "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file: %v, %v", info.Mode(), err)
	}
}

func TestClientsSayWhichServerDidNotAnswer(t *testing.T) {
	code, _, problems := commandLine(t, "detach", "room", "--server", "http://127.0.0.1:1", "--token", "x")
	if code != 1 || !strings.Contains(problems, "127.0.0.1:1") || !strings.Contains(problems, "is liveclip up?") {
		t.Errorf("exit %d: %s", code, problems)
	}
}

func TestOneIsNotCountedAsSeveral(t *testing.T) {
	for n, want := range map[int]string{0: "0 clips", 1: "1 clip", 2: "2 clips"} {
		if got := counted(n, "clip"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
