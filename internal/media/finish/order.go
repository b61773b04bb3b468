package finish

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/tune"
	mediav1 "liveclip/proto/media/v1"
)

// checkFinishOrder names every fault of an order.
func checkFinishOrder(order *mediav1.FinishOrder) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(order.Parts) == 0 || len(order.Parts) > 64 {
		fault("%d parts, not 1 to 64", len(order.Parts))
	}
	sources := map[int64]bool{}
	for i, p := range order.Parts {
		if p.Start < 0 || p.End <= p.Start || time.Duration(p.End-p.Start) > time.Hour {
			fault("part %d: window from %s to %s", i, time.Duration(p.Start), time.Duration(p.End))
		}
		if p.File == "" && sources[p.Source] {
			fault("part %d: source %d is read by another part", i, p.Source)
		}
		sources[p.Source] = sources[p.Source] || p.File == ""
	}
	if len(order.Profiles) == 0 || len(order.Profiles) > 8 {
		fault("%d profiles, not 1 to 8", len(order.Profiles))
	}
	names := map[string]bool{}
	for _, p := range order.Profiles {
		if p.Name == "" || names[p.Name] || p.Name != filepath.Base(p.Name) || strings.HasPrefix(p.Name, ".") {
			fault("profile %q: the name must be a file's name, and only its own", p.Name)
		}
		names[p.Name] = true
		if p.Width < 16 || p.Height < 16 || p.Width > maxSide || p.Height > maxSide {
			fault("profile %q: box of %dx%d", p.Name, p.Width, p.Height)
		}
		if p.Framing != "" && p.Framing != framingFollow {
			fault("profile %q: framing %q", p.Name, p.Framing)
		}
	}
	if !domain.Joint(order.Joint).Known() {
		fault("joint %q", order.Joint)
	}
	if order.Music != "" && !slices.Contains(tune.Beds(), order.Music) {
		fault("music %q, none of %v", order.Music, tune.Beds())
	}
	if len(order.Subtitles) > 400 {
		fault("%d subtitles, more than 400", len(order.Subtitles))
	}
	if order.Aigc != "" && !json.Valid([]byte(order.Aigc)) {
		fault("aigc is not JSON")
	}
	if order.Threads < 0 || order.Threads > 64 {
		fault("%d threads, not 0 to 64", order.Threads)
	}
	switch order.Preset {
	case "", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium":
	default:
		fault("preset %q", order.Preset)
	}
	return errors.Join(faults...)
}
