package truth

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Seen is what a clip shows and lets hear.
type Seen struct {
	Numbers []int           // of its pictures, in order of play
	At      []time.Duration // when each is shown, in clip time
	Ticks   []time.Duration // when each tick begins, in clip time
	Length  time.Duration   // of the sound
}

const heardRate = 48000

// Read decodes a clip, and fails the test when anything in it is damaged.
func Read(t testing.TB, path string) Seen {
	t.Helper()
	folder := t.TempDir()
	pictures, sound := filepath.Join(folder, "pictures"), filepath.Join(folder, "sound")
	args := []string{"-xerror", "-err_detect", "explode", "-copyts", "-i", path,
		"-map", "0:v:0", "-vsync", "passthrough", "-vf", fmt.Sprintf("scale=%d:%d:flags=area,format=gray", columns, rows), "-f", "rawvideo", pictures,
	}
	if len(run(t, "ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=index", "-of", "csv=p=0", path)) > 0 {
		args = append(args, "-map", "0:a:0", "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "s16le", sound)
	}
	FFmpeg(t, args...)
	var s Seen
	data := read(t, pictures)
	for i := 0; i+columns*rows <= len(data); i += columns * rows {
		var bits [columns * rows]bool
		for b, v := range data[i : i+columns*rows] {
			bits[b] = v > 127
		}
		n, ok := number(bits)
		if !ok {
			n = -1
		}
		s.Numbers = append(s.Numbers, n)
	}
	at, first := Times(t, path)
	for _, a := range at {
		s.At = append(s.At, a+first)
	}
	if len(s.At) != len(s.Numbers) {
		t.Errorf("%s: %d pictures have a time, %d can be decoded", path, len(s.At), len(s.Numbers))
	}
	s.Ticks, s.Length = heard(read(t, sound))
	return s
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return data
}

// heard finds where it begins to be loud after some quiet.
func heard(samples []byte) (at []time.Duration, length time.Duration) {
	quiet := heardRate
	for i := 0; i+1 < len(samples); i += 2 {
		quiet++
		if v := int16(binary.LittleEndian.Uint16(samples[i:])); v > 7000 || v < -7000 {
			if quiet > heardRate/50 {
				at = append(at, inTime(i/2))
			}
			quiet = 0
		}
	}
	return at, inTime(len(samples) / 2)
}

func inTime(sample int) time.Duration { return time.Duration(sample) * time.Second / heardRate }
