package face

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"liveclip/internal/media/follow"
)

// runtimeLibrary is the one that the Go module of a recogniser ships, or what the environment names.
func runtimeLibrary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LIVECLIP_TEST_ONNXRUNTIME"); path != "" {
		return path
	}
	t.Skip("LIVECLIP_TEST_ONNXRUNTIME names no libonnxruntime.so")
	return ""
}

func corpus(t *testing.T, path string) string {
	t.Helper()
	root := os.Getenv("LIVECLIP_CORPUS")
	if root == "" {
		t.Skip("LIVECLIP_CORPUS is not set")
	}
	return filepath.Join(root, path)
}

func TestARealFaceIsFoundWhereItIs(t *testing.T) {
	library, model, video := runtimeLibrary(t), corpus(t, "models/yunet_n_dynamic.onnx"), corpus(t, "video/avatar.flv")
	w, h := Size(768, 320)
	d, err := Open(library, model, w, h)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, test := range []struct {
		at    string // s
		x, y  float64
		found int
	}{
		{"0.5", 0.451, 0.276, 1},
		{"7.2", 0.406, 0.348, 1},
		{"5.2", 0, 0, 0},
	} {
		bgr, err := exec.Command("ffmpeg", "-v", "error", "-ss", test.at, "-i", video, "-frames:v", "1", "-vf", "scale=320:128", "-pix_fmt", "bgr24", "-f", "rawvideo", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		faces, err := d.Find(bgr, 3*w)
		if err != nil {
			t.Fatal(err)
		}
		if len(faces) != test.found || test.found == 1 && (math.Abs(faces[0].X-test.x) > 0.03 || math.Abs(faces[0].Y-test.y) > 0.06) {
			t.Errorf("at %s s: %+v, want %d near %g, %g", test.at, faces, test.found, test.x, test.y)
		}
	}
}

func TestWhatIsNoDetectorIsRefused(t *testing.T) {
	library := runtimeLibrary(t)
	junk := filepath.Join(t.TempDir(), "junk.onnx")
	if err := os.WriteFile(junk, []byte(strings.Repeat("no model ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{junk, "/nowhere/model.onnx", corpus(t, "models/silero_vad_16k_op15.onnx")} {
		if d, err := Open(library, model, 320, 192); err == nil {
			d.Close()
			t.Errorf("%s was opened", model)
		} else {
			t.Log(err)
		}
	}
}

func TestSizesAreOfTheDetectorsGrid(t *testing.T) {
	for _, test := range [][4]int{{1920, 1080, 320, 192}, {1280, 720, 320, 192}, {640, 480, 320, 256}, {768, 320, 320, 128}, {3000, 10, 320, 32}} {
		if w, h := Size(test[0], test[1]); w != test[2] || h != test[3] {
			t.Errorf("%dx%d: %dx%d", test[0], test[1], w, h)
		}
	}
}

func TestOneFaceFoundManyTimesIsOne(t *testing.T) {
	box := func(x, score float64) follow.Face {
		return follow.Face{X: x, Y: 0.5, Width: 0.1, Height: 0.2, Score: score}
	}
	got := apart([]follow.Face{box(0.5, 0.7), box(0.51, 0.9), box(0.8, 0.6), box(0.49, 0.8)})
	if len(got) != 2 || got[0] != box(0.51, 0.9) || got[1] != box(0.8, 0.6) {
		t.Errorf("%+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(float32(1), float32(1), float32(0), float32(0), float32(1), float32(2))
	f.Add(float32(math.NaN()), float32(1), float32(math.Inf(1)), float32(0), float32(1e30), float32(2))
	f.Fuzz(func(t *testing.T, class, object, x, y, w, h float32) {
		for _, found := range apart(decode([]float32{class}, []float32{object}, []float32{x, y, w, h}, 32, 32, 32)) {
			for _, v := range []float64{found.X, found.Y, found.Width, found.Height, found.Score} {
				if math.IsNaN(v) || v < 0 || v > 2 {
					t.Fatalf("%+v", found)
				}
			}
		}
	})
}
