package archtest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"liveclip/internal/event"
	"liveclip/services/asr"
	"liveclip/services/detect"
	"liveclip/services/ops"
	"liveclip/services/prompt"
	"liveclip/services/publish"
	"liveclip/services/review"
	"liveclip/services/t2v"
)

var declared = map[string]struct{ takes, gives []event.Topic }{
	"asr":     {asr.Takes, asr.Gives},
	"detect":  {detect.Takes, detect.Gives},
	"prompt":  {prompt.Takes, prompt.Gives},
	"t2v":     {t2v.Takes, t2v.Gives},
	"review":  {review.Takes, review.Gives},
	"publish": {publish.Takes, publish.Gives},
	"ops":     {ops.Takes, ops.Gives},
}

func TestTheTopicTableIsWhatTheServicesDeclare(t *testing.T) {
	for _, spec := range event.Table {
		for name, service := range declared {
			if got, want := slices.Contains(service.gives, spec.Topic), slices.Contains(spec.From, name); got != want {
				t.Errorf("%s gives %s: declared %v, table %v", name, spec.Topic, got, want)
			}
			if got, want := slices.Contains(service.takes, spec.Topic), slices.Contains(spec.To, name); got != want {
				t.Errorf("%s takes %s: declared %v, table %v", name, spec.Topic, got, want)
			}
		}
	}
}

func TestTheREADMEDrawsTheTopicTable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range event.Table {
		row := fmt.Sprintf("| `%s`%s | %s → %s |", spec.Topic, compacted(spec), list(spec.From), list(spec.To))
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row\n%s", row)
		}
	}
}

func compacted(spec event.Spec) string {
	if spec.Compacted {
		return " (compacted)"
	}
	return ""
}

func list(services []string) string {
	if len(services) == 0 {
		return "outside"
	}
	return strings.Join(services, ", ")
}
