package finish_test

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// loudness measures a file as EBU R 128 says.
func loudness(t *testing.T, path string) (integrated, truePeak float64) {
	t.Helper()
	out := string(command(t, "sh", "-c", `ffmpeg -nostdin -hide_banner -i "$0" -map 0:a -af ebur128=peak=true -f null - 2>&1`, path))
	value := func(name string) float64 {
		found := regexp.MustCompile(name+`:\s+(\S+) (LUFS|dBFS)`).FindAllStringSubmatch(out, -1)
		if len(found) == 0 {
			t.Fatalf("no %s in %s", name, out)
		}
		v, err := strconv.ParseFloat(found[len(found)-1][1], 64)
		if err != nil {
			v = math.Inf(-1)
		}
		return v
	}
	return value("I"), value("Peak")
}

func TestAClipIsAsLoudAsEveryOther(t *testing.T) {
	for _, c := range []struct {
		name     string
		sound    string
		measured float64 // what is ordered; 0: what there is
		want     float64
	}{
		{"a quiet room", "anoisesrc=d=6:r=48000:c=pink:a=0.3:seed=1", 0, -16},
		{"a loud one", "anoisesrc=d=6:r=48000:c=pink:a=1:seed=1,volume=6dB", 0, -16},
		{"with peaks far above its loudness", "anoisesrc=d=6:r=48000:c=pink:a=0.3:seed=1,volume='if(lt(mod(t,1),0.01),5,1)':eval=frame", 0, -16},
		{"too quiet to be made as loud", "anoisesrc=d=6:r=48000:c=pink:a=0.05:seed=1", 0, -26},
		{"whose loudness is not known", "anoisesrc=d=6:r=48000:c=pink:a=0.1:seed=1", math.NaN(), math.NaN()},
		{"nearly silent", "anoisesrc=d=6:r=48000:c=pink:a=0.0005:seed=1", 0, math.NaN()},
		{"measured far too low", "anoisesrc=d=6:r=48000:c=pink:a=0.5:seed=1", -31, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			init, parts := recording(t, "-f", "lavfi", "-i", "color=gray:s=64x64:r=25:d=6", "-f", "lavfi", "-i", c.sound+",aformat=channel_layouts=stereo",
				"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "256k")
			level := func(measured float64) (integrated, peak float64) {
				feed := finish.NewFeed()
				send(t, feed, 0, init, parts...)
				feed.End(0, "")
				got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 1e9, End: 7e9}}, Profiles: small(), Loudness: measured}, feed)
				if err != nil {
					t.Fatal(err)
				}
				return loudness(t, got.Files[0].Path)
			}
			before, _ := level(0)
			measured, want := c.measured, c.want
			switch {
			case math.IsNaN(measured):
				measured, want = 0, before
			case measured == 0:
				measured = before
			}
			got, peak := level(measured)
			t.Logf("%.1f LUFS became %.1f, true peak %.1f dB", before, got, peak)
			if math.IsNaN(want) && measured < -50 {
				want = before
			}
			if !math.IsNaN(want) && math.Abs(got-want) > 1.5 { // what is limited becomes quieter
				t.Errorf("became %.1f LUFS, want %.1f", got, want)
			}
			if peak > -1 {
				t.Errorf("true peak of %.1f dB", peak)
			}
		})
	}
}
