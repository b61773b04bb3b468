package speech

import (
	"fmt"
	"math"
	"syscall"
	"time"
)

// measured is how much sound an engine hears to be measured: little, for somebody waits for it to start.
const measured = 800 * time.Millisecond

// Measure gives the processor seconds that an engine needs for a second of sound: what it is told in most of a second of
// voice-like sound, on this machine. Processor time, because the machine may be busy with other things.
func Measure(e Engine) (float64, error) {
	samples, before := voiceLike(measured), ProcessorTime()
	// of a voice with some channel: the first utterance of an unknown one takes more than those after it
	if err := hearOut(e, Known{Channel: Channel{0}}, samples); err != nil {
		return 0, fmt.Errorf("measure recogniser: %w", err)
	}
	return (ProcessorTime() - before).Seconds() / measured.Seconds(), nil
}

// voiceLike is a voice of 140 Hz whose vowel changes three times a second.
func voiceLike(length time.Duration) []int16 {
	samples := make([]int16, length*SampleRate/time.Second)
	for i := range samples {
		t := float64(i) / SampleRate
		f1, f2 := 500+200*math.Sin(2*math.Pi*3*t), 1500+500*math.Cos(2*math.Pi*3*t)
		pulse := math.Pow(0.5+0.5*math.Sin(2*math.Pi*140*t), 8)
		samples[i] = int16(6000 * pulse * (math.Sin(2*math.Pi*f1*t) + 0.6*math.Sin(2*math.Pi*f2*t)) * (0.5 + 0.5*math.Sin(2*math.Pi*4*t)))
	}
	return samples
}

// hearOut has samples heard piece by piece, as they would come.
func hearOut(e Engine, known Known, samples []int16) error {
	u, err := e.Begin(known)
	if err != nil {
		return err
	}
	defer u.Close()
	for len(samples) > 0 {
		step := min(SampleRate/10, len(samples))
		u.Hear(samples[:step])
		if err := finish(e, u); err != nil {
			return err
		}
		samples = samples[step:]
	}
	u.End()
	return finish(e, u)
}

func finish(e Engine, u Utterance) error {
	for u.Busy() {
		if err := e.Work([]Utterance{u}); err != nil {
			return err
		}
	}
	return nil
}

// ProcessorTime is what this process used so far.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
