package finish_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// near tells whether a click lies at a picture: AAC smears it by some samples.
func near(at, want time.Duration) bool { return max(at-want, want-at) <= 2*time.Millisecond }

func TestPictureAndSoundStayTogetherAcrossAReconnectWithOtherParameters(t *testing.T) {
	first, firstParts := recording(t, encoded(counted(8, "320x180"))...)
	// Media time 9.513 s is between two pictures of the clip.
	second, secondParts := recordingFrom(t, 9513*time.Millisecond, encoded(counted(4, "640x360"), "-ar", "44100", "-ac", "1")...)
	feed := finish.NewFeed()
	send(t, feed, 0, first, firstParts...)
	send(t, feed, 0, second, secondParts...)
	feed.End(0, "")
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 7005e6, End: 13005e6}}, Profiles: small()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	pictures := counts(t, got.Files[0].Path)
	if len(pictures) != 150 || !slices.Equal(pictures[:50], numbers(0, 50)) {
		t.Fatalf("pictures %v", pictures)
	}
	begun := slices.Index(pictures[51:], 1) + 51 - 1 // of the second run
	if !slices.Equal(pictures[begun:begun+75], numbers(0, 75)) {
		t.Errorf("pictures of the second run %v", pictures[begun:])
	}
	heard := clicks(t, got.Files[0].Path)
	for _, picture := range []int{0, 25, begun + 25, begun + 50} {
		at := time.Duration(picture) * 40 * time.Millisecond
		if picture > 0 && !slices.ContainsFunc(heard, func(click time.Duration) bool { return near(click, at) }) {
			t.Errorf("no click with picture %d, at %s: %v", picture, at, heard)
		}
	}
}

func TestPicturesLeftOutAreHeldAndTheSoundStaysWithTheRest(t *testing.T) {
	args := counted(8, "320x180")
	args[3] += ",select='not(between(mod(n,25),7,16))'"
	init, parts := recording(t, append(encoded(args), "-vsync", "vfr")...)
	path := windowOf(t, init, parts, 2600*time.Millisecond, 6600*time.Millisecond).Files[0].Path
	want := numbers(15, 100)
	for i, n := range want {
		if n >= 7 && n <= 16 {
			want[i] = 6
		}
	}
	if got := counts(t, path); !slices.Equal(got, want) {
		t.Errorf("pictures %v, want %v", got, want)
	}
	heard := clicks(t, path)
	if len(heard) != 4 {
		t.Fatalf("clicks at %v", heard)
	}
	for i, click := range heard {
		if at := time.Duration(10+25*i) * 40 * time.Millisecond; !near(click, at) {
			t.Errorf("click at %s, its picture is at %s", click, at)
		}
	}
}

// The last picture of a slow part is shown as long as its file says.
func TestAPartOfFewerPicturesASecondIsShownToItsEnd(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	slow := filepath.Join(t.TempDir(), "slow.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", "color=white:s=320x180:r=16:d=2", "-c:v", "libx264", "-qp", "8", slow)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "")
	got, err := clip(t, &mediav1.FinishOrder{Profiles: small(), Parts: []*mediav1.FinishPart{{File: slow, End: 2e9}, {Source: 0, Start: 3e9, End: 5e9}}}, feed)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]*mediav1.FinishedPart{{End: 2e9}, {At: 2e9, Start: 3e9, End: 5e9}})
	if fmt.Sprint(got.Parts) != want || got.ClippedTo != "" {
		t.Errorf("finished %v, want the parts %s", got, want)
	}
	if pictures := counts(t, got.Files[0].Path); len(pictures) != 100 || !slices.Equal(pictures[50:], numbers(50, 50)) {
		t.Errorf("%d pictures: %v", len(pictures), pictures)
	}
}
