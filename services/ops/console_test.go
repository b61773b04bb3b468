package ops

import (
	"strings"
	"testing"

	"liveclip/internal/standing"
)

func TestTheConsoleNamesEverySignalInChinese(t *testing.T) {
	script, err := consoleFiles.ReadFile("console/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{
		"request", "keyword", "speech", "voice", "price", "urgency", "comments", "likes", "gifts", "follows", "orders", "product", "loudness", "sound", "scene", "rule",
	} {
		if !strings.Contains(string(script), "'why."+signal+"': '") {
			t.Errorf("%q has no Chinese name", signal)
		}
	}
}

func TestTheConsoleNamesEveryStateOfAnEngineInBothLanguages(t *testing.T) {
	script, err := consoleFiles.ReadFile("console/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []standing.State{standing.Ready, standing.Warming, standing.Away, standing.Broken, standing.Busy} {
		if n := strings.Count(string(script), "'engine."+string(state)+"': '"); n != 2 {
			t.Errorf("%q has %d names", state, n)
		}
	}
}
