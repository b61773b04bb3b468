package asr

import (
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestLoudnessIsToldInFewEventsOfBoundedSize(t *testing.T) {
	const step = 100 * time.Millisecond
	var measured []domain.SoundMeasured
	for i := range 20_000 {
		measured = append(measured, domain.SoundMeasured{Start: time.Duration(i) * step, Step: step, Momentary: []float64{-20}})
	}
	applause := domain.SoundEvent{Kind: "applause", Window: domain.Window{End: time.Second}, Confidence: 1}
	measured[7].Events, measured[9].Events = []domain.SoundEvent{applause}, []domain.SoundEvent{applause}
	measured = append(measured, domain.SoundMeasured{Start: time.Hour, Step: step, Momentary: []float64{-20}}) // after a gap
	if n := len(mergeSound(measured)[0].Events); n != 2 {
		t.Errorf("%d of 2 events of sound are told", n)
	}
	var got []int
	for _, s := range mergeSound(measured) {
		got = append(got, len(s.Momentary))
	}
	if want := []int{6000, 6000, 6000, 2000, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
