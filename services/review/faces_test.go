package review

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

func TestFacesAreLookedForUntilTheFinisherFailedTwice(t *testing.T) {
	s := &Service{cfg: Config{Faces: FacesConfig{Runtime: "ort.so", Model: "yunet.onnx"}}}
	faces := &mediav1.FinishFaces{Runtime: "ort.so", Model: "yunet.onnx"}
	for _, test := range []struct {
		name    string
		framing domain.Framing
		attempt int
		want    *mediav1.FinishFaces
		notes   int
	}{
		{"whole picture", domain.FramingFit, 1, faces, 0},
		{"whole picture, failed twice", domain.FramingFit, 3, nil, 0},
		{"follows", domain.FramingFollow, 2, faces, 0},
		{"failed twice", domain.FramingFollow, 3, nil, 1},
	} {
		profiles, err := profiles([]domain.Profile{{Name: "p", Width: 720, Height: 1280, Framing: test.framing}})
		if err != nil {
			t.Fatal(err)
		}
		order := &mediav1.FinishOrder{Profiles: profiles}
		notes := s.faces(clip{attempt: test.attempt}, order)
		if !proto.Equal(order.Faces, test.want) || len(notes) != test.notes {
			t.Errorf("%s: %v, notes %q", test.name, order.Faces, notes)
		}
	}
}

func TestAFaceModelNeedsItsRuntimeAndBothMustBeThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		cfg  FacesConfig
		want []string
	}{
		{FacesConfig{}, nil},
		{FacesConfig{Runtime: file, Model: file}, nil},
		{FacesConfig{Model: file}, nil},
		{FacesConfig{Runtime: file}, []string{"review.faces.model: must be given too: a runtime alone finds nobody"}},
		{FacesConfig{Runtime: file, Model: "/nowhere"}, []string{"review.faces.model: stat /nowhere: no such file or directory"}},
	} {
		if got := test.cfg.faults(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: %q", test.cfg, got)
		}
	}
}
