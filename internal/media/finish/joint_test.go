package finish_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// plain is a file of two seconds of one brightness, left and right, and of a tone so many dB below full scale; 0: silence.
func plain(t testing.TB, luma int, db float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain.mp4")
	sound := fmt.Sprintf("sine=frequency=1000:sample_rate=48000:duration=2,volume=%gdB,aformat=channel_layouts=stereo", db+21)
	if db == 0 {
		sound = "anullsrc=r=48000:cl=stereo:d=2"
	}
	ffmpeg(t, "-f", "lavfi", "-i", fmt.Sprintf("nullsrc=s=320x180:r=25:d=2,format=yuv420p,geq=lum=%d:cb=128:cr=128", luma), "-f", "lavfi", "-i", sound,
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-c:a", "aac", "-b:a", "192k", path)
	return path
}

// brightness is the mean of each picture's left and right half.
func brightness(t testing.TB, path string) (left, right []float64) {
	t.Helper()
	raw := ffmpeg(t, "-i", path, "-vsync", "0", "-vf", "scale=16:1:flags=area,format=gray", "-f", "rawvideo", "-")
	for ; len(raw) >= 16; raw = raw[16:] {
		sums := [2]float64{}
		for i, v := range raw[:16] {
			sums[i/8] += float64(v) / 8
		}
		left, right = append(left, sums[0]), append(right, sums[1])
	}
	return left, right
}

func joined(t *testing.T, joint domain.Joint, music string, parts ...*mediav1.FinishPart) *mediav1.Finished {
	t.Helper()
	got, err := clip(t, &mediav1.FinishOrder{Profiles: small(), Parts: parts, Joint: string(joint), Music: music}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPartsPassIntoOneAnotherWithoutMoving(t *testing.T) {
	dark, bright := plain(t, 60, 0), plain(t, 200, 0)
	parts := func() []*mediav1.FinishPart {
		return []*mediav1.FinishPart{{File: dark, End: 2e9}, {File: bright, End: 2e9}}
	}
	for joint, passes := range map[domain.Joint]func(left, right []float64) bool{
		domain.JointCut: func(left, right []float64) bool { return left[0]-left[9] < 6 && right[0]-right[9] < 6 && left[0] > 180 },
		domain.JointDissolve: func(left, right []float64) bool {
			return left[0] < 110 && left[4] > left[0]+20 && left[8] > left[4]+20 && math.Abs(left[4]-right[4]) < 6
		},
		domain.JointWipe: func(left, right []float64) bool { return left[4] > right[4]+60 && right[8] > right[4]+20 },
	} {
		got := joined(t, joint, "", parts()...)
		left, right := brightness(t, got.Files[0].Path)
		if len(left) != 100 || got.Files[0].Length != 4e9 {
			t.Fatalf("%q: %d pictures, %v", joint, len(left), got)
		}
		for i, v := range left {
			if i < 50 && v > 75 || i >= 60 && v < 180 {
				t.Fatalf("%q: picture %d has brightness %.0f", joint, i, v)
			}
		}
		if !passes(left[50:], right[50:]) {
			t.Errorf("%q: passes as %.0f and %.0f", joint, left[50:62], right[50:62])
		}
	}
}

func TestFilesAreBroughtToOneLoudness(t *testing.T) {
	quiet, loud := plain(t, 60, -26), plain(t, 60, -8)
	got := joined(t, "", "", &mediav1.FinishPart{File: quiet, End: 2e9, Loudness: -26}, &mediav1.FinishPart{File: loud, End: 2e9, Loudness: -8})
	if whole, _ := loudness(t, got.Files[0].Path); math.Abs(whole+16) > 1 {
		t.Errorf("the clip has %.1f LUFS", whole)
	}
	for at, name := range map[string]string{"0": "quiet", "2": "loud"} {
		half := filepath.Join(t.TempDir(), "half.wav")
		ffmpeg(t, "-ss", at, "-t", "1.9", "-i", got.Files[0].Path, half)
		if l, peak := loudness(t, half); math.Abs(l+16) > 1.5 || peak > -1 {
			t.Errorf("the %s part has %.1f LUFS, its peaks %.1f dB", name, l, peak)
		}
	}
}

func TestMusicLiesUnderAClipAndGivesWay(t *testing.T) {
	silent, spoken := plain(t, 60, 0), plain(t, 60, -16)
	alone := joined(t, "", "bright", &mediav1.FinishPart{File: silent, End: 2e9}, &mediav1.FinishPart{File: silent, End: 2e9})
	l, _ := loudness(t, alone.Files[0].Path)
	if l < -36 || l > -20 {
		t.Errorf("alone it has %.1f LUFS", l)
	}
	under := joined(t, "", "bright", &mediav1.FinishPart{File: spoken, End: 2e9}, &mediav1.FinishPart{File: spoken, End: 2e9})
	if l, peak := loudness(t, under.Files[0].Path); math.Abs(l+16) > 1.2 || peak > -1 {
		t.Errorf("under a voice the clip has %.1f LUFS, its peaks %.1f dB", l, peak)
	}
	// What is left beside the tone is the music.
	rest := filepath.Join(t.TempDir(), "rest.wav")
	ffmpeg(t, "-ss", "0.6", "-t", "2", "-i", under.Files[0].Path, "-af", "bandreject=f=1000:width_type=h:w=400,bandreject=f=1000:width_type=h:w=400", rest)
	if beside, _ := loudness(t, rest); beside > l-4 {
		t.Errorf("beside a voice the music has %.1f LUFS, alone %.1f", beside, l)
	}
}

func TestAJointOrMusicThatIsUnknownIsRefused(t *testing.T) {
	file := plain(t, 60, 0)
	for _, order := range []*mediav1.FinishOrder{{Joint: "explode"}, {Music: "polka"}} {
		order.Profiles, order.Parts = small(), []*mediav1.FinishPart{{File: file, End: 2e9}}
		if _, err := clip(t, order, nil); !domain.IsPermanent(err) {
			t.Errorf("%v: error %v", order, err)
		}
	}
}
