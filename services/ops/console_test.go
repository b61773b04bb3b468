package ops

import (
	"strings"
	"testing"

	"liveclip/internal/domain"
)

func TestTheConsoleKnowsEverySentenceInChinese(t *testing.T) {
	script, err := consoleFiles.ReadFile("console/console.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range []string{domain.ClippedToStart, domain.ClippedToEnd, domain.ClippedToLoss, domain.ClippedToGap, domain.ClippedToKept, domain.NoteGap} {
		if !strings.Contains(string(script), "'"+sentence+"': '") {
			t.Errorf("%q is not translated", sentence)
		}
	}
}
