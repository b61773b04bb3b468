package recording

import (
	"context"
	"time"

	"liveclip/internal/domain"
)

// A hole between parts, or at an end of the window, that is no longer than this is the grain of the recording.
const gapLeast = time.Second

// note keeps account of what was given.
func (rd *reading) note(given domain.Window) {
	if !rd.began {
		rd.began, rd.first = true, given.Start
	} else if given.Start-rd.to >= gapLeast && rd.to < rd.window.End && given.Start > rd.window.Start {
		rd.gaps = append(rd.gaps, domain.Window{Start: max(rd.to, rd.window.Start), End: given.Start})
	}
	rd.to = given.End
}

// told is the end with what became of the window; ErrRemoved when retention took all of it.
func (rd *reading) told(ctx context.Context, end End) (End, error) {
	late := !rd.began || rd.first-rd.window.Start >= gapLeast
	removed := false
	if late {
		from, err := rd.KeptFrom(ctx, rd.ref, rd.broadcast)
		if err != nil {
			return end, err
		}
		removed = from > rd.window.Start
	}
	switch short := rd.window.End - rd.to; {
	case !rd.began && removed:
		return end, domain.Permanent(ErrRemoved)
	case !rd.began:
	case short > 0 && end.Lost:
		end.Clipped = domain.ClippedToLoss
	case short > 0 && end.Reason != "":
		end.Clipped = domain.ClippedToEnd
	case short >= gapLeast:
		end.Clipped = domain.ClippedToGap
	case removed:
		end.Clipped = domain.ClippedToKept
	case late:
		end.Clipped = domain.ClippedToStart
	}
	return end, nil
}
