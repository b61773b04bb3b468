package tune

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Rate is the sample rate of everything made here; it is stereo.
const Rate = 48000

// tune is a loop: chords, four beats each, and what plays them.
type tune struct {
	tempo  float64 // beats a minute
	chords [][]int // semitones over A (220 Hz)
	pluck  float64 // how loud each is: 0 to 1
	pad    float64
	bass   float64
	kick   float64
	hat    float64
	clap   float64
	swing  float64 // by how much of half a beat the second half comes late
	arp    []int   // which note of the chord is plucked at each eighth; -1: none
}

// beds are the tunes that can run under a whole clip.
var beds = map[string]tune{
	"bright": {tempo: 116, chords: [][]int{{3, 7, 10, 15}, {-2, 2, 5, 10}, {0, 3, 7, 12}, {-4, 0, 3, 8}}, pluck: 0.5, pad: 0.16, bass: 0.5, kick: 0.75, hat: 0.2, clap: 0.32, arp: []int{0, 2, 1, 3, 2, 1, 3, 2}},
	"drive":  {tempo: 126, chords: [][]int{{0, 3, 7, 12}, {0, 3, 7, 12}, {-4, 0, 3, 8}, {-2, 2, 5, 10}}, pluck: 0.36, pad: 0.12, bass: 0.6, kick: 0.9, hat: 0.3, clap: 0.4, arp: []int{0, -1, 3, 0, -1, 2, 0, 3}},
	"calm":   {tempo: 82, chords: [][]int{{3, 10, 14, 19}, {0, 7, 10, 15}, {-4, 3, 7, 12}, {-2, 5, 9, 14}}, pluck: 0.44, pad: 0.34, bass: 0.34, kick: 0.2, hat: 0.08, swing: 0.12, arp: []int{0, -1, 2, -1, 1, -1, 3, -1}},
}

// stings are sounds of a template: a bed's beginning and what happens over it.
var stings = map[string]sting{
	"bright": {bed: "bright", hits: []hit{{0, "whoosh"}, {0.55, "boom"}, {1.05, "ding"}}},
	"tick":   {bed: "drive", hits: []hit{{0, "whoosh"}, {0.4, "boom"}, {1, "tick"}, {1.5, "tick"}, {2, "tick"}, {2.5, "tick"}, {0.9, "ding"}}},
	"alarm":  {bed: "drive", hits: []hit{{0, "boom"}, {0.5, "beep"}, {0.75, "beep"}, {1.1, "boom"}, {1.7, "beep"}, {1.95, "beep"}}},
	"calm":   {bed: "calm", hits: []hit{{0.1, "whoosh"}, {0.95, "ding"}}},
	"rise":   {bed: "bright", hits: []hit{{0, "rise"}, {0.95, "boom"}, {1.2, "ding"}}},
}

type sting struct {
	bed  string
	hits []hit
}

type hit struct {
	at   float64
	kind string
}

// Beds are the names that Loop knows, Stings those that Sting knows.
func Beds() []string   { return slices.Sorted(maps.Keys(beds)) }
func Stings() []string { return slices.Sorted(maps.Keys(stings)) }

// Loop is one turn of a bed, left and right, 1 full scale: played again and again it goes on without a seam.
func Loop(name string) ([2][]float32, error) {
	t, ok := beds[name]
	if !ok {
		return [2][]float32{}, fmt.Errorf("there is no music %.40q (there are %v)", name, Beds())
	}
	turn := 4 * int(60/t.tempo*Rate) * len(t.chords)
	out := t.play(2 * turn) // in the second, what rings on from the first is heard
	for c := range out {
		out[c] = out[c][turn:]
		for i, v := range out[c] {
			out[c][i] = float32(math.Tanh(float64(v)))
		}
	}
	return out, nil
}

// Sting is the sound of a template's shot of a length, faded in and out.
func Sting(name string, length time.Duration) ([2][]float32, error) {
	s, ok := stings[name]
	if !ok {
		return [2][]float32{}, fmt.Errorf("there is no sound %.40q (there are %v)", name, Stings())
	}
	n := samples(length)
	out := beds[s.bed].play(n)
	for c := range out {
		for i := range out[c] {
			out[c][i] *= 0.7
		}
	}
	for _, h := range s.hits {
		h.add(out)
	}
	return faded(out, 0.01, 0.25), nil
}

func samples(length time.Duration) int { return int(math.Round(length.Seconds() * Rate)) }

// faded comes in and goes out over so many seconds.
func faded(out [2][]float32, in, away float64) [2][]float32 {
	n := len(out[0])
	for c := range out {
		for i := range out[c] {
			by := min(1, float64(i)/(in*Rate), float64(n-i)/(away*Rate))
			out[c][i] = float32(math.Tanh(float64(out[c][i]) * by))
		}
	}
	return out
}

// play makes one loop and repeats it over n samples.
func (t tune) play(n int) [2][]float32 {
	beat := int(60 / t.tempo * Rate)
	loop := 4 * beat * len(t.chords)
	made := min(loop, n)
	var once, out [2][]float32
	for c := range once {
		once[c], out[c] = make([]float32, made+2*Rate), make([]float32, n)
	}
	for bar, chord := range t.chords {
		at := bar * 4 * beat
		if at >= made {
			break
		}
		t.bar(once, at, beat, chord)
	}
	for c := range out {
		for at := 0; at < n; at += loop {
			for i := 0; i < len(once[c]) && at+i < n; i++ { // what rings on rings into the next
				out[c][at+i] += once[c][i]
			}
		}
	}
	return out
}

// bar plays one chord over four beats.
func (t tune) bar(out [2][]float32, at, beat int, chord []int) {
	half := beat / 2
	for i, note := range chord[:3] {
		pad(out, at, 4*beat, pitch(note), t.pad, 0.3+0.2*float64(i))
	}
	for eighth := range 8 {
		when := at + eighth*half
		if eighth%2 == 1 {
			when += int(t.swing * float64(half))
		}
		if note := t.arp[eighth]; note >= 0 {
			pluck(out, when, pitch(chord[note]+12), t.pluck, 0.35+0.3*float64(eighth%2))
		}
		if eighth%2 == 0 || eighth == 5 {
			bass(out, when, half, pitch(chord[0]-12), t.bass)
		}
		noise(out, when, 0.035, t.hat*(0.6+0.4*float64(eighth%2)), true)
		if eighth%4 == 2 {
			noise(out, when, 0.12, t.clap, false)
		}
		if eighth%2 == 0 {
			kick(out, when, t.kick)
		}
	}
}

func pitch(semitones int) float64 { return 220 * math.Pow(2, float64(semitones)/12) }
