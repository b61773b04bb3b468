// Package truth makes recordings that say of every picture which one it is and of every moment when it is heard, and reads
// that back from what was cut out of them. Tests only: it runs the ffmpeg command.
//
// A picture is its number in black and white blocks, with a check; a sound is a row of ticks in pairs, the second of which
// comes later from pair to pair, so that no stretch of it fits in at another place.
package truth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	columns, rows = 5, 4
	// Width and Height of a picture, unless the source says otherwise.
	Width, Height = 160, 96
)

// Source is a recording to be made.
type Source struct {
	Name      string
	Rate      string // of pictures: "25", "30000/1001"
	Frames    int
	First     int      // number of the first picture
	Sound     int      // samples a second; 0: none
	Video     []string // options of ffmpeg that encode the picture
	Audio     []string // … and the sound
	Times     string   // setpts expression of a source with pictures at uneven times; empty: even
	Width     int      // 0: Width
	Height    int
	Container string // empty: mp4
}

// Made is a recording that was made.
type Made struct {
	Source
	Path  string
	Times []time.Duration // when each picture is shown, since the first
	Ticks []time.Duration // when each tick begins, since the first picture
	Every time.Duration   // of the pictures' rate
	// Begins is when the first picture is shown in the file's time, which begins with whatever is first in it.
	Begins time.Duration
}

// FFmpeg runs the ffmpeg command and gives what it writes to its standard output.
func FFmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	return run(t, "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes()
}

// Make makes a source in a folder.
func Make(t testing.TB, folder string, s Source) Made {
	t.Helper()
	if s.Width == 0 {
		s.Width, s.Height = Width, Height
	}
	if s.Container == "" {
		s.Container = "mp4"
	}
	m := Made{Source: s, Path: filepath.Join(folder, s.Name+"."+s.Container), Every: every(s.Rate)}
	pictures := filepath.Join(folder, s.Name+".gray")
	write(t, pictures, s.pictures())
	args := []string{"-f", "rawvideo", "-pix_fmt", "gray", "-video_size", fmt.Sprintf("%dx%d", s.Width, s.Height), "-framerate", s.Rate, "-i", pictures}
	if s.Sound > 0 {
		sound := filepath.Join(folder, s.Name+".s16")
		length := time.Duration(s.Frames) * m.Every
		if s.Times != "" {
			length = length * 3 / 2
		}
		var samples []byte
		samples, m.Ticks = s.sound(length)
		write(t, sound, samples)
		args = append(args, "-f", "s16le", "-ar", strconv.Itoa(s.Sound), "-ac", "1", "-i", sound)
	}
	filter := "format=yuv420p"
	if s.Times != "" {
		filter += ",settb=1/90000,setpts='" + s.Times + "'"
		args = append(args, "-vsync", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000")
	}
	args = append(append(append(args, "-vf", filter), s.Video...), s.Audio...)
	FFmpeg(t, append(args, "-shortest", m.Path)...)
	os.Remove(pictures)
	var first time.Duration
	m.Times, first = Times(t, m.Path)
	m.Begins = first - starts(t, m.Path)
	return m
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func every(rate string) time.Duration {
	num, den, _ := strings.Cut(rate, "/")
	n, _ := strconv.ParseFloat(num, 64)
	d := 1.0
	if den != "" {
		d, _ = strconv.ParseFloat(den, 64)
	}
	return time.Duration(math.Round(float64(time.Second) * d / n))
}

// blocks of a picture's number: sixteen bits and a check of four.
func blocks(n int) (bits [columns * rows]bool) {
	check := n ^ n>>4 ^ n>>8 ^ n>>12 ^ 0x5
	for i := range 16 {
		bits[i] = n>>i&1 == 1
	}
	for i := range 4 {
		bits[16+i] = check>>i&1 == 1
	}
	return bits
}

func number(bits [columns * rows]bool) (n int, ok bool) {
	for i := range 16 {
		if bits[i] {
			n |= 1 << i
		}
	}
	return n, blocks(n) == bits
}

func (s Source) pictures() []byte {
	data := make([]byte, 0, s.Frames*s.Width*s.Height)
	for i := range s.Frames {
		bits := blocks(s.First + i)
		for y := range s.Height {
			for x := range s.Width {
				v := byte(24)
				if bits[y*rows/s.Height*columns+x*columns/s.Width] {
					v = 232
				}
				data = append(data, v)
			}
		}
	}
	return data
}

// ticks of a sound: the first of a pair every half second, the second 100 ms and more behind it.
func ticks(length time.Duration) (at []time.Duration) {
	for k := 0; ; k++ {
		first := 100*time.Millisecond + time.Duration(k)*500*time.Millisecond
		if first >= length {
			return at
		}
		at = append(at, first, first+100*time.Millisecond+time.Duration(k%11)*20*time.Millisecond)
	}
}

const tick = 4 * time.Millisecond

func (s Source) sound(length time.Duration) (samples []byte, at []time.Duration) {
	n := int(length.Seconds() * float64(s.Sound))
	samples = make([]byte, 2*n)
	at = ticks(length)
	for _, a := range at {
		begin := int(a.Seconds() * float64(s.Sound))
		for i := begin; i < min(n, begin+int(tick.Seconds()*float64(s.Sound))); i++ {
			v := int16(24000 * math.Cos(2*math.Pi*2000*float64(i-begin)/float64(s.Sound)))
			samples[2*i], samples[2*i+1] = byte(v), byte(uint16(v)>>8)
		}
	}
	return samples, at
}

// starts is a file's own time of its beginning.
func starts(t testing.TB, path string) time.Duration {
	t.Helper()
	out := run(t, "ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", path)
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatalf("%s begins at %q", path, out)
	}
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}

// Times gives when a file's pictures are shown since the first one, in order, and when that one is, in the file's own time.
func Times(t testing.TB, path string) (at []time.Duration, first time.Duration) {
	t.Helper()
	var probed struct {
		Packets []struct {
			PTS   string `json:"pts_time"`
			Flags string
		}
	}
	out := run(t, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags", "-of", "json", path)
	if err := json.Unmarshal(out, &probed); err != nil {
		t.Fatal(err)
	}
	for _, p := range probed.Packets {
		seconds, err := strconv.ParseFloat(p.PTS, 64)
		if err != nil {
			t.Fatalf("%s: time %q", path, p.PTS)
		}
		if strings.Contains(p.Flags, "D") {
			continue
		}
		at = append(at, time.Duration(math.Round(seconds*1e6))*time.Microsecond)
	}
	slices.Sort(at)
	if len(at) > 0 {
		first = at[0]
	}
	for i := range at {
		at[i] -= first
	}
	return at, first
}
