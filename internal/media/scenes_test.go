package media_test

import (
	"math"
	"testing"
	"time"

	mediav1 "liveclip/proto/media/v1"
)

// cutsOf makes a recording whose picture changes at 3, 5.5 and 8.2 s, and gives the cuts told of it, in seconds.
func cutsOf(t *testing.T, encoder ...string) (cuts []float64) {
	t.Helper()
	args := []string{"-f", "lavfi", "-i", "mandelbrot=s=640x360:r=30,trim=duration=3", "-f", "lavfi", "-i", "smptebars=s=640x360:r=30:d=2.5",
		"-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=2.7", "-f", "lavfi", "-i", "mandelbrot=s=640x360:r=30:start_scale=0.1,trim=duration=3",
		"-filter_complex", "[0][1][2][3]concat=n=4", "-pix_fmt", "yuv420p"}
	path := makeMedia(t, "scenes.mp4", append(args, encoder...)...)
	r := record(t, &mediav1.RecordOrder{Url: path})
	if r.err != nil {
		t.Fatal(r.err)
	}
	for _, p := range r.parts {
		for _, at := range p.SceneCuts {
			cuts = append(cuts, time.Duration(at).Seconds())
		}
	}
	return cuts
}

func TestSceneCutsAreFoundWithoutDecodingThePicture(t *testing.T) {
	for name, encoder := range map[string][]string{
		"keyframes where scenes change": {"-c:v", "libx264", "-preset", "veryfast", "-g", "30"},
		"keyframes on a clock":          {"-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-sc_threshold", "0", "-bf", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			cuts := cutsOf(t, encoder...)
			for _, want := range []float64{5.5, 8.2} {
				found := false
				for _, at := range cuts {
					found = found || math.Abs(at-want) < 0.1
				}
				if !found {
					t.Errorf("the cut at %g s was not found: %v", want, cuts)
				}
			}
			if len(cuts) > 4 {
				t.Errorf("too many: %v", cuts)
			}
		})
	}
}
