package ops

import (
	"strings"
	"testing"

	"liveclip/internal/domain"
)

func TestTheConsoleKnowsEverySentenceInChinese(t *testing.T) {
	script, err := consoleFiles.ReadFile("console/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range []string{domain.ClippedToStart, domain.ClippedToEnd, domain.ClippedToLoss, domain.ClippedToGap, domain.ClippedToKept, domain.TooShort, domain.NoteGap} {
		if !strings.Contains(string(script), "'"+sentence+"': '") {
			t.Errorf("%q is not translated", sentence)
		}
	}
}

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
