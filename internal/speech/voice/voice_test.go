package voice

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"liveclip/internal/native"
	"liveclip/internal/native/nativetest"
	"liveclip/internal/speech/speechtest"
)

func open(t *testing.T) *Detector {
	t.Helper()
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real models")
	}
	libraries := nativetest.Libraries(t, native.ONNXRuntime)
	folder := t.TempDir()
	if err := os.Symlink(filepath.Join(corpus, "models", "silero_vad_16k_op15.onnx"), filepath.Join(folder, "silero_vad.onnx")); err != nil {
		t.Fatal(err)
	}
	d, err := Open(folder, libraries)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// share of the windows in which somebody speaks.
func share(t *testing.T, d *Detector, samples []int16) float64 {
	t.Helper()
	voiced, all := 0, 0
	for at := 0; at < len(samples); at += 1600 {
		ps, err := d.Hear(t.Name(), samples[at:min(at+1600, len(samples))], at == 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if all++; p >= 0.5 {
				voiced++
			}
		}
	}
	return float64(voiced) / float64(all)
}

func TestVoiceIsToldFromMusicToneAndNoise(t *testing.T) {
	d := open(t)
	lavfi := func(graph string) []string { return []string{"-f", "lavfi", "-i", graph} }
	corpus := os.Getenv("LIVECLIP_CORPUS")
	// A chord with a beat: three harmonics of each note, loud and soft twice a second.
	chord := "aevalsrc='0.2*(0.6+0.4*sin(2*PI*2*t))*(sin(2*PI*220*t)+sin(2*PI*277*t)+sin(2*PI*330*t)+0.5*sin(2*PI*440*t)+0.3*sin(2*PI*660*t))':d=6:s=16000"
	for name, c := range map[string]struct {
		input       []string
		least, most float64
	}{
		"read English":   {[]string{"-i", filepath.Join(corpus, "speech", "jfk.wav")}, 0.5, 1},
		"read Mandarin":  {[]string{"-i", filepath.Join(corpus, "speech", "aishell-BAC009S0724W0121.wav")}, 0.4, 1},
		"a tone":         {lavfi("sine=f=440:d=6"), 0, 0.05},
		"a chord":        {lavfi(chord), 0, 0.1},
		"white noise":    {lavfi("anoisesrc=d=6:a=0.3:r=16000"), 0, 0.05},
		"silence":        {lavfi("anullsrc=d=3:r=16000"), 0, 0},
		"a DC offset":    {lavfi("aevalsrc=0.4:d=3:s=16000"), 0, 0},
		"clipped speech": {[]string{"-i", filepath.Join(corpus, "speech", "jfk.wav"), "-af", "volume=30dB"}, 0.4, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := share(t, d, speechtest.Sound(t, c.input...)); got < c.least || got > c.most {
				t.Errorf("voice in %.2f of it, want %.2f to %.2f", got, c.least, c.most)
			} else {
				t.Logf("%.3f", got)
			}
		})
	}
}

func TestVoicesDoNotDisturbEachOther(t *testing.T) {
	d := open(t)
	speech := speechtest.Sound(t, "-i", filepath.Join(os.Getenv("LIVECLIP_CORPUS"), "speech", "jfk.wav"))[:48000]
	alone := hear(t, d, "alone", speech, nil)
	beside := hear(t, d, "one", speech, func() { hear(t, d, "other", make([]int16, 1000), nil) })
	if fmt.Sprint(alone) != fmt.Sprint(beside) {
		t.Errorf("alone %v, beside another %v", alone, beside)
	}
}

func hear(t *testing.T, d *Detector, voice string, samples []int16, between func()) (out []float32) {
	t.Helper()
	for at := 0; at < len(samples); at += 1600 {
		ps, err := d.Hear(voice, samples[at:min(at+1600, len(samples))], false)
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, ps...); between != nil {
			between()
		}
	}
	return out
}
