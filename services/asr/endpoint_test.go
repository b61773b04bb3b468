package asr

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// noise is white noise of a level in dB of full scale. What is loud is uttered in syllables, four a second.
func noise(length time.Duration, level float64, random *rand.Rand) []byte {
	out := make([]byte, int(length*sampleRate/time.Second)*sampleBytes)
	amplitude := 32768 * math.Pow(10, level/20) * math.Sqrt(3)
	for i := 0; i < len(out); i += sampleBytes {
		v := (2*random.Float64() - 1) * amplitude
		if level > -40 {
			v *= math.Pow(10, 0.1*math.Sin(2*math.Pi*4*float64(i)/(sampleRate*sampleBytes)))
		}
		binary.LittleEndian.PutUint16(out[i:], uint16(int16(max(-32767, min(32767, v)))))
	}
	return out
}

type heardUtterance struct {
	from, until time.Duration
	bytes       int
}

// utterances puts pieces together, and fails when they do not fit.
func utterances(t interface {
	Helper()
	Fatalf(string, ...any)
}, pieces []speechChunk) []heardUtterance {
	t.Helper()
	var out []heardUtterance
	open := false
	for _, p := range pieces {
		if p.begins == open && (p.begins || !p.ends) && p.begins {
			t.Fatalf("an utterance begins at %v within another", p.at)
		}
		if !p.begins && !open {
			t.Fatalf("a piece of no utterance")
		}
		if p.begins {
			out, open = append(out, heardUtterance{from: p.at}), true
		}
		out[len(out)-1].bytes += len(p.sound)
		if p.ends {
			out[len(out)-1].until, open = p.until, false
		}
	}
	if open {
		t.Fatalf("an utterance never ends")
	}
	return out
}

// scene is a sequence of speech-like and quiet stretches.
type scene struct {
	length time.Duration
	level  float64
}

func play(e *endpointer, at time.Duration, scenes ...scene) []speechChunk {
	random := rand.New(rand.NewPCG(1, 2))
	var sound []byte
	for _, s := range scenes {
		sound = append(sound, noise(s.length, s.level, random)...)
	}
	var out []speechChunk
	for step := range slicesOf(sound, 3200) {
		out = append(out, e.accept(at, step)...)
		at += soundLength(len(step))
	}
	return append(out, e.flush()...)
}

func slicesOf(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

const (
	quietRoom = -60
	noisyRoom = -38
	speech    = -20
)

func near(a, b, tolerance time.Duration) bool { return (a - b).Abs() <= tolerance }

func TestUtterancesAreCutAtPausesWithTheirOnset(t *testing.T) {
	for name, room := range map[string]float64{"quiet room": quietRoom, "noisy room": noisyRoom, "digital silence": -120} {
		t.Run(name, func(t *testing.T) {
			got := utterances(t, play(&endpointer{}, 0, scene{5 * time.Second, room}, scene{2 * time.Second, speech}, scene{time.Second, room}, scene{time.Second, speech}, scene{time.Second, room}))
			if room == noisyRoom && len(got) > 2 { // what the first seconds took for speech
				got = got[len(got)-2:]
			}
			if len(got) != 2 {
				t.Fatalf("got %v", got)
			}
			for i, want := range []heardUtterance{{from: 5*time.Second - preRoll, until: 7*time.Second + pause}, {from: 8*time.Second - preRoll, until: 9*time.Second + pause}} {
				if !near(got[i].from, want.from, 100*time.Millisecond) || !near(got[i].until, want.until, 100*time.Millisecond) {
					t.Errorf("utterance %d: %v to %v, want %v to %v", i, got[i].from, got[i].until, want.from, want.until)
				}
				if length := soundLength(got[i].bytes); length != got[i].until-got[i].from {
					t.Errorf("utterance %d: %v of sound from %v to %v", i, length, got[i].from, got[i].until)
				}
			}
		})
	}
}

func TestTheFirstLineOfANoisyRoomEndsAtItsPause(t *testing.T) {
	got := utterances(t, play(&endpointer{}, 0, scene{300 * time.Millisecond, noisyRoom}, scene{2 * time.Second, speech}, scene{time.Second, noisyRoom}))
	if len(got) != 1 || !near(got[0].until, 2300*time.Millisecond+pause, 100*time.Millisecond) {
		t.Errorf("got %v", got)
	}
}

func TestARumbleBelowSpeechDoesNotHideItsEnd(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	sound := slices.Concat(noise(6*time.Second, quietRoom, random), noise(2*time.Second, speech, random), noise(2*time.Second, quietRoom, random))
	for i := 0; i < len(sound); i += sampleBytes {
		at := float64(i/sampleBytes) / sampleRate
		v := 700 * (1 + math.Sin(2*math.Pi*1.7*at)) * math.Sin(2*math.Pi*35*at)
		binary.LittleEndian.PutUint16(sound[i:], uint16(int16(binary.LittleEndian.Uint16(sound[i:]))+int16(v)))
	}
	e := &endpointer{}
	got := utterances(t, append(e.accept(0, sound), e.flush()...))
	if len(got) != 1 || !near(got[0].until, 8*time.Second+pause, 100*time.Millisecond) {
		t.Errorf("got %v", got)
	}
}

func TestSpeechWithoutAPauseIsCutAtItsQuietestFrame(t *testing.T) {
	got := utterances(t, play(&endpointer{}, 0, scene{time.Second, quietRoom}, scene{9400 * time.Millisecond, speech}, scene{60 * time.Millisecond, -45},
		scene{5 * time.Second, speech}, scene{time.Second, quietRoom}))
	if len(got) != 2 || !near(got[0].until, 10430*time.Millisecond, 40*time.Millisecond) || got[1].from != got[0].until {
		t.Errorf("got %v", got)
	}
}

func TestALineThatIsWaitedForIsCutSoonAfterWhereItIsWaitedFor(t *testing.T) {
	scenes := []scene{{time.Second, quietRoom}, {3100 * time.Millisecond, speech}, {40 * time.Millisecond, -45}, {3 * time.Second, speech}, {time.Second, quietRoom}}
	got := utterances(t, play(&endpointer{awaitedTo: 4 * time.Second}, 0, scenes...))
	if len(got) != 2 || !near(got[0].until, 4120*time.Millisecond, 40*time.Millisecond) || got[1].from != got[0].until {
		t.Errorf("got %v", got)
	}
	if got := utterances(t, play(&endpointer{awaitedTo: time.Second / 2}, 0, scenes...)); len(got) != 1 {
		t.Errorf("speech after what is waited for was cut: %v", got)
	}
}

func TestALongUtteranceEndsAtAShortPause(t *testing.T) {
	got := utterances(t, play(&endpointer{}, 0, scene{time.Second, quietRoom}, scene{7 * time.Second, speech}, scene{200 * time.Millisecond, quietRoom},
		scene{2 * time.Second, speech}, scene{time.Second, quietRoom}))
	if len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestAClickIsNoSpeech(t *testing.T) {
	if got := play(&endpointer{}, 0, scene{2 * time.Second, quietRoom}, scene{30 * time.Millisecond, -10}, scene{2 * time.Second, quietRoom}); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestAJumpInTimeEndsAnUtteranceWhereItStopped(t *testing.T) {
	e := &endpointer{}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := e.accept(0, noise(time.Second, quietRoom, random))
	pieces = append(pieces, e.accept(time.Second, noise(time.Second, speech, random))...)
	pieces = append(pieces, e.accept(10*time.Second, noise(time.Second, speech, random))...)
	pieces = append(pieces, e.flush()...)
	got := utterances(t, pieces)
	if len(got) != 2 || got[0].until != 2*time.Second || got[1].from != 10*time.Second {
		t.Errorf("got %v", got)
	}
}

// However sound comes in, utterances are the same, in order, and none begins before what was marked.
func TestTheMarkIsKeptAndPiecesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var sound []byte
		for range rapid.IntRange(1, 12).Draw(t, "scenes") {
			level := rapid.SampledFrom([]float64{quietRoom, speech, noisyRoom, -100}).Draw(t, "level")
			sound = append(sound, noise(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms"))*time.Millisecond, level, random)...)
		}
		whole := &endpointer{}
		want := utterances(t, append(whole.accept(0, sound), whole.flush()...))
		e, at, mark := &endpointer{}, time.Duration(0), time.Duration(0)
		var pieces []speechChunk
		for rest := sound; len(rest) > 0; {
			n := min(len(rest), 2*rapid.IntRange(1, 8000).Draw(t, "samples"))
			got := e.accept(at, rest[:n])
			for _, p := range got {
				if p.begins && p.at < mark {
					t.Fatalf("an utterance begins at %v, after the mark %v", p.at, mark)
				}
			}
			if now := e.settledTo(); now < mark {
				t.Fatalf("mark %v after %v", now, mark)
			} else {
				mark = now
			}
			pieces = append(pieces, got...)
			at += soundLength(n)
			rest = rest[n:]
		}
		got := utterances(t, append(pieces, e.flush()...))
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("got %v, want %v", got[i], want[i])
			}
		}
	})
}

func TestAnFLVTagSaysWhatItHolds(t *testing.T) {
	got := flvTag(flvVideo, 0x12345678, []byte{1, 2, 3})
	want := []byte{9, 0, 0, 3, 0x34, 0x56, 0x78, 0x12, 0, 0, 0, 1, 2, 3, 0, 0, 0, 14}
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestWhatIsLoudAndNoSpeechBecomesNoUtterance(t *testing.T) {
	const second = sampleRate
	random := rand.New(rand.NewPCG(3, 4))
	for name, c := range map[string]struct {
		sample func(i int) float64 // of full scale
		most   time.Duration       // that may be taken for speech, before it is known for what it is
	}{
		"a tone":                   {func(i int) float64 { return 0.3 * math.Sin(2*math.Pi*440*float64(i)/second) }, 2200 * time.Millisecond},
		"a hiss":                   {func(int) float64 { return 0.3 * (2*random.Float64() - 1) }, 2200 * time.Millisecond},
		"an offset":                {func(int) float64 { return 0.4 }, 0},
		"an offset, faintly noisy": {func(int) float64 { return 0.4 + 0.0005*(2*random.Float64()-1) }, 0},
		"digital silence":          {func(int) float64 { return 0 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			sound := make([]byte, 20*second*sampleBytes)
			for i := range 20 * second {
				binary.LittleEndian.PutUint16(sound[sampleBytes*i:], uint16(int16(32767*c.sample(i))))
			}
			var e endpointer
			var out []speechChunk
			at := time.Duration(0)
			for step := range slicesOf(sound, 3200) {
				out = append(out, e.accept(at, step)...)
				at += soundLength(len(step))
			}
			taken := time.Duration(0)
			for _, u := range utterances(t, append(out, e.flush()...)) {
				taken += u.until - u.from
			}
			if taken > c.most {
				t.Errorf("%v of 20s were taken for speech", taken)
			}
		})
	}
}

func TestAVoiceDetectorOutweighsLoudness(t *testing.T) {
	var e endpointer
	random := rand.New(rand.NewPCG(1, 2))
	var out []speechChunk
	for at := time.Duration(0); at < 9*time.Second; at += 100 * time.Millisecond {
		// Loud throughout; somebody speaks from 3 s to 5 s.
		p := float32(0.02)
		if at >= 3*time.Second && at < 5*time.Second {
			p = 0.95
		}
		for i := range 3 {
			e.addProbabilities(probability{at + time.Duration(i+1)*32*time.Millisecond, p})
		}
		out = append(out, e.accept(at, noise(100*time.Millisecond, speech, random))...)
	}
	got := utterances(t, append(out, e.flush()...))
	if len(got) != 1 || got[0].from > 3*time.Second || got[0].from < 2600*time.Millisecond || got[0].until < 5*time.Second || got[0].until > 5500*time.Millisecond {
		t.Errorf("got %v, want one from 3s to 5s", got)
	}
}
