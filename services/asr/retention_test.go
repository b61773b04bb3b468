package asr

import (
	"reflect"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestRetentionSparesWhatAClipShowsAndNoMore(t *testing.T) {
	span := func(from, to time.Duration) domain.Window {
		return domain.Window{Start: from * time.Second, End: to * time.Second}
	}
	shot := func(kind domain.ShotKind, w domain.Window) domain.Shot { return domain.Shot{Kind: kind, Window: w} }
	for _, c := range []struct {
		name  string
		shots []domain.Shot
		want  []domain.Window
	}{
		{"a clip", []domain.Shot{shot(domain.ShotFootage, span(0, 7200))}, []domain.Window{span(0, 7200)}},
		{"a recap", []domain.Shot{shot(domain.ShotTemplate, domain.Window{}), shot(domain.ShotFootage, span(0, 20)), shot(domain.ShotFootage, span(7180, 7200))},
			[]domain.Window{span(0, 20), span(7180, 7200)}},
		{"shots that footage may have to stand in for", []domain.Shot{shot(domain.ShotGenerated, span(3, 9)), shot(domain.ShotGenerated, domain.Window{})},
			[]domain.Window{span(3, 9), span(0, 7200)}},
		{"no shots", nil, []domain.Window{span(0, 7200)}},
	} {
		if got := footageWindows(domain.Plan{Window: span(0, 7200), Shots: c.shots}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
