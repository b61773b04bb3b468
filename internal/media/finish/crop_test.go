package finish_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/media/face"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// vertical finishes a file's first seconds for two boxes, the second of which follows.
func vertical(t *testing.T, file string, length time.Duration, faces *mediav1.FinishFaces) *mediav1.Finished {
	t.Helper()
	got, err := clip(t, &mediav1.FinishOrder{
		Parts: []*mediav1.FinishPart{{File: file, End: int64(length)}}, Faces: faces,
		Profiles: []*mediav1.FinishProfile{{Name: "wide", Width: 320, Height: 180}, {Name: "vertical", Width: 180, Height: 320, Framing: "follow"}},
	}, finish.NewFeed())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// walker is a red figure before a picture; x says where its left side is, of 640 pixels.
func walker(t *testing.T, background, x string, seconds int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "walker.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", background+"s=640x360:r=25", "-f", "lavfi", "-i", "color=red:s=60x220:r=25", "-f", "lavfi", "-i", "anullsrc",
		"-filter_complex", fmt.Sprintf("[0:v]format=yuv420p[b];[b][1:v]overlay=x='%s':y=120", x), "-t", fmt.Sprint(seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", path)
	return path
}

// reds are where the red figure's middle is in every picture, as a share of the width; -1: it is not there whole.
func reds(t *testing.T, path string, width, height int) []float64 {
	t.Helper()
	raw := ffmpeg(t, "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	size := width * height * 3
	var at []float64
	for picture := raw; len(picture) >= size; picture = picture[size:] {
		row := picture[height*3/4*width*3:][:width*3]
		sum, n := 0, 0
		for x := range width {
			if r, g, b := row[3*x], row[3*x+1], row[3*x+2]; r > 180 && g < 90 && b < 90 {
				sum, n = sum+x, n+1
			}
		}
		if n < width/5 { // of a third
			at = append(at, -1)
			continue
		}
		at = append(at, float64(sum)/float64(n)/float64(width))
	}
	return at
}

func TestAVerticalClipFollowsWhoWalksWithoutAFaceModel(t *testing.T) {
	got := vertical(t, walker(t, "color=gray:", "290+200*sin(t/1.5)", 6), 6*time.Second, nil)
	file := got.Files[1]
	if file.Width != 180 || file.Height != 320 || file.Length != got.Files[0].Length {
		t.Fatalf("file %v beside %v", file, got.Files[0])
	}
	at := reds(t, file.Path, 180, 320)
	if len(at) != 150 {
		t.Fatalf("%d pictures", len(at))
	}
	for i, x := range at {
		if x < 0.15 || x > 0.85 {
			t.Errorf("picture %d: the figure is at %.2f", i, x)
		}
	}
}

func TestAVerticalClipJumpsWithTheSceneAtTheVeryPicture(t *testing.T) {
	// The figure sways, here and then there, before another picture.
	left := walker(t, "color=gray:", "80+12*sin(t*9)", 2)
	right := walker(t, "smptehdbars=", "500+12*sin(t*9)", 2)
	both := filepath.Join(t.TempDir(), "both.mp4")
	ffmpeg(t, "-i", left, "-i", right, "-filter_complex", "[0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", both)
	at := reds(t, vertical(t, both, 4*time.Second, nil).Files[1].Path, 180, 320)
	if len(at) != 100 {
		t.Fatalf("%d pictures", len(at))
	}
	for i, x := range at {
		if i > 0 && i != 50 && math.Abs(x-at[i-1]) > 0.08 || x < 0.2 || x > 0.8 {
			t.Errorf("picture %d: the figure is at %.2f, before at %.2f", i, x, at[max(0, i-1)])
		}
	}
}

func TestATallPictureIsShownWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tall.mp4")
	ffmpeg(t, append(counted(1, "180x320"), "-c:v", "libx264", "-c:a", "aac", path)...)
	if got := vertical(t, path, time.Second, nil).Files[1]; got.Width != 180 || got.Height != 320 {
		t.Errorf("%dx%d", got.Width, got.Height)
	}
}

func TestAFaceModelThatCannotBeLoadedIsNotedAndTheClipIsMade(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.onnx")
	if err := os.WriteFile(junk, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	runtime := os.Getenv("LIVECLIP_TEST_ONNXRUNTIME")
	if runtime == "" {
		runtime = junk
	}
	got := vertical(t, walker(t, "color=gray:", "290+100*sin(t)", 1), time.Second, &mediav1.FinishFaces{Runtime: runtime, Model: junk})
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "junk.onnx") || len(got.Files) != 2 {
		t.Errorf("notes %q", got.Notes)
	}
}

func TestAVerticalClipKeepsARealFaceInside(t *testing.T) {
	corpus, runtime := os.Getenv("LIVECLIP_CORPUS"), os.Getenv("LIVECLIP_TEST_ONNXRUNTIME")
	if corpus == "" || runtime == "" {
		t.Skip("LIVECLIP_CORPUS or LIVECLIP_TEST_ONNXRUNTIME is not set")
	}
	got := vertical(t, filepath.Join(corpus, "video/avatar.flv"), 4*time.Second,
		&mediav1.FinishFaces{Runtime: runtime, Model: filepath.Join(corpus, "models/yunet_n_dynamic.onnx")})
	if len(got.Notes) > 0 {
		t.Fatalf("notes %q", got.Notes)
	}
	w, h := face.Size(180, 320)
	detector, err := face.Open(runtime, filepath.Join(corpus, "models/yunet_n_dynamic.onnx"), w, h)
	if err != nil {
		t.Fatal(err)
	}
	defer detector.Close()
	for _, at := range []string{"0.8", "2", "2.6"} { // somebody at 0.45 of the width, then somebody at 0.78
		bgr := ffmpeg(t, "-ss", at, "-i", got.Files[1].Path, "-frames:v", "1", "-vf", fmt.Sprintf("scale=%d:%d", w, h), "-f", "rawvideo", "-pix_fmt", "bgr24", "-")
		found, err := detector.Find(bgr, 3*w)
		if err != nil || len(found) == 0 || math.Abs(found[0].X-0.5) > 0.25 {
			t.Errorf("at %s s: %+v, error %v", at, found, err)
		}
	}
}
