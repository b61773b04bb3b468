package detect

import (
	"time"

	"liveclip/internal/domain"
)

// scene takes changes of the picture for a sign that something begins, where another signal says so too.
type scene struct {
	Last  time.Duration // the newest change
	Known bool
}

// cutApart is how far apart changes must be to count: of a picture that flickers one does.
const cutApart = 5 * time.Second

func (s *scene) take(h happening, _ *room) []evidence {
	if !h.Cut || s.Known && h.At-s.Last < cutApart {
		return nil
	}
	s.Last, s.Known = h.At, true
	return []evidence{{
		Signal: signalScene, Feature: "scene.cut", Value: 1, Detail: "the picture changes", Chinese: "画面切换",
		Moment: domain.Window{Start: h.At, End: h.At}, Burst: int64(h.At) + 1,
	}}
}

func (s *scene) values(func(string, float64)) {}
