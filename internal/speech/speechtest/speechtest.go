// Package speechtest gives tests sound as recognisers hear it.
package speechtest

import (
	"encoding/binary"
	"os/exec"
	"testing"
)

// Sound is that of an ffmpeg input: 16 kHz, mono.
func Sound(t testing.TB, input ...string) []int16 {
	t.Helper()
	arguments := append(append([]string{"-v", "error", "-nostdin"}, input...), "-ar", "16000", "-ac", "1", "-f", "s16le", "-")
	data, err := exec.CommandContext(t.Context(), "ffmpeg", arguments...).Output()
	if err != nil {
		t.Fatalf("ffmpeg %s: %v", input, err)
	}
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return samples
}
