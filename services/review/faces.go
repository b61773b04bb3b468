package review

import (
	"fmt"
	"os"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// FacesConfig says what faces are found with, for covers and vertical renditions. Without a model, the latter follow what moves.
type FacesConfig struct {
	Runtime string `koanf:"runtime"` // ONNX Runtime, 1.17 or later: libonnxruntime.so; empty: the one beside liveclip-media
	Model   string `koanf:"model"`   // YuNet (.onnx)
}

func (c FacesConfig) faults() []string {
	var faults []string
	if c.Runtime != "" && c.Model == "" {
		faults = append(faults, "review.faces.model: must be given too: a runtime alone finds nobody")
	}
	for name, path := range map[string]string{"runtime": c.Runtime, "model": c.Model} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			faults = append(faults, fmt.Sprintf("review.faces.%s: %v", name, err))
		}
	}
	return faults
}

// facesTries is how often a finisher is given the model: native code that reads it may crash on what it does not expect.
const facesTries = 2

// faces adds to an order what faces are found with: for the cover, and for profiles that follow somebody. It gives a note
// when it is left out and one of these wants it.
func (s *Service) faces(c clip, order *mediav1.FinishOrder) (notes []string) {
	if s.cfg.Faces.Model == "" {
		return nil
	}
	if c.attempt <= facesTries {
		order.Faces = &mediav1.FinishFaces{Runtime: s.cfg.Faces.Runtime, Model: s.cfg.Faces.Model}
		return nil
	}
	for _, p := range order.GetProfiles() {
		if p.GetFraming() == string(domain.FramingFollow) {
			return []string{note.FacesGiven.Say()}
		}
	}
	return nil
}
