package demo

import (
	"os"
	"path/filepath"
	"testing"

	"liveclip/internal/media/truth"
)

func TestOnlyAFileWhoseEveryPictureAndSoundFollowTheLastDecodes(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	truth.FFmpeg(t, "-f", "lavfi", "-i", "testsrc2=r=30:s=160x120:d=2", "-f", "lavfi", "-i", "sine=d=2",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-movflags", "+faststart", at("whole.mp4"))
	copied := func(name string, args ...string) {
		truth.FFmpeg(t, append(append([]string{"-i", at("whole.mp4")}, args...), "-c", "copy", at(name))...)
	}
	// in milliseconds, and its pictures begin at 50: half a frame beside the ticks of their rate
	copied("beside.mkv", "-itsoffset", "0.027", "-i", at("whole.mp4"), "-map", "1:v", "-map", "0:a")
	copied("repeats.mkv", "-bsf:v", "setts=ts='if(eq(N,40),PREV_OUTPTS,PTS)'")
	copied("back.flv", "-bsf:v", "setts=ts='if(eq(N,40),PTS-2*DURATION,PTS)'")
	copied("hesitates.mkv", "-bsf:a", "setts=ts='if(eq(N,40),PREV_OUTPTS,PTS)'")
	copied("damaged.mp4", "-bsf:v", "noise=amount='20*eq(n,40)'")
	whole, err := os.ReadFile(at("whole.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("cut.mp4"), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{
		"whole.mp4": true, "beside.mkv": true,
		"repeats.mkv": false, "back.flv": false, "hesitates.mkv": false, "damaged.mp4": false, "cut.mp4": false,
	} {
		if fault := Decodes(t.Context(), at(name)); (fault == nil) != good {
			t.Errorf("%s: %v", name, fault)
		}
	}
}
