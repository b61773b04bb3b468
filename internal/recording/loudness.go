package recording

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	"liveclip/internal/loudness"
	recordingv1 "liveclip/proto/recording/v1"
)

// Sound adds measured loudness; stretches come in order, none longer than a few seconds.
func (w *Writer) Sound(s domain.SoundMeasured) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.sound); w.end != nil || len(s.Momentary) == 0 || n > 0 && s.Start <= w.sound[n-1].Start {
		return nil // told again after a recovery, or too late
	}
	kept := domain.SoundMeasured{Start: s.Start, Step: s.Step, Momentary: make([]float64, len(s.Momentary))}
	for i, v := range s.Momentary {
		kept.Momentary[i] = math.Round(10*v) / 10
	}
	if err := w.logEntry(entry{Sound: &kept}); err != nil {
		return fmt.Errorf("record loudness at %s of broadcast %s: %w", s.Start, w.cfg.Broadcast, err)
	}
	w.sound = append(w.sound, kept)
	return nil
}

// soundIn gives the stretches that begin in [from, to).
func soundIn(sound []domain.SoundMeasured, from, to time.Duration) []domain.SoundMeasured {
	at := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(sound, t, func(s domain.SoundMeasured, t time.Duration) int { return cmp.Compare(s.Start, t) })
		return i
	}
	return slices.Clone(sound[at(from):max(at(from), at(to))])
}

// longestSound bounds how long before a window a stretch begins that reaches into it.
const longestSound = 30 * time.Second

// measured are the stretches that overlap the window, and from when on they are here.
func (w *Writer) measured(window domain.Window) (sound []domain.SoundMeasured, from time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return soundIn(w.sound, window.Start-longestSound, window.End), w.from
}

// within cuts stretches to what overlaps the window, in order and each once.
func within(sound []domain.SoundMeasured, window domain.Window) []domain.SoundMeasured {
	slices.SortStableFunc(sound, func(a, b domain.SoundMeasured) int { return cmp.Compare(a.Start, b.Start) })
	var out []domain.SoundMeasured
	to := window.Start
	for _, s := range sound {
		if s.Step <= 0 {
			continue
		}
		skip := max(0, int((to-s.Start+s.Step-1)/s.Step))
		until := min(len(s.Momentary), int((window.End-s.Start)/s.Step))
		if skip >= until {
			continue
		}
		cut := domain.SoundMeasured{Start: s.Start + time.Duration(skip)*s.Step, Step: s.Step, Momentary: s.Momentary[skip:until]}
		to = cut.Start + time.Duration(len(cut.Momentary))*s.Step
		out = append(out, cut)
	}
	return out
}

// Sound implements the service.
func (h *Hot) Sound(_ context.Context, r *recordingv1.SoundRequest) (*recordingv1.SoundReply, error) {
	w, window, err := h.find(r.GetRange())
	if err != nil {
		return nil, err
	}
	sound, from := w.measured(window)
	reply := &recordingv1.SoundReply{From: int64(from)}
	for _, s := range sound {
		reply.Sound = append(reply.Sound, &recordingv1.Measured{Start: int64(s.Start), Step: int64(s.Step), Momentary: s.Momentary})
	}
	return reply, nil
}

// Loudness gives what was measured of a window so far, whole steps of it, in order; it does not wait for what is to come.
func (r *Reader) Loudness(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) ([]domain.SoundMeasured, error) {
	rd := &reading{Reader: r, ref: ref, broadcast: b, window: w}
	sound, err := rd.loudness(ctx)
	if err != nil {
		return nil, fmt.Errorf("read loudness of [%s, %s) of broadcast %s: %w", w.Start, w.End, b, err)
	}
	return within(sound, w), nil
}

func (rd *reading) loudness(ctx context.Context) (sound []domain.SoundMeasured, err error) {
	from := endless // of what the owner has
	if client, err := rd.owners.find(ctx, rd.ref); err == nil {
		reply, err := client.Sound(ctx, &recordingv1.SoundRequest{Range: rangeOf(rd.ref, rd.broadcast, rd.window)})
		switch {
		case err == nil:
			from = time.Duration(reply.From)
			for _, s := range reply.Sound {
				sound = append(sound, domain.SoundMeasured{Start: time.Duration(s.Start), Step: time.Duration(s.Step), Momentary: s.Momentary})
			}
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case status.Code(err) != codes.NotFound:
			rd.log.Warn("loudness not asked of the owner", "broadcast", rd.broadcast, "err", rd.owners.failed(client, err))
		}
	}
	if from == 0 || from <= rd.window.Start-longestSound {
		return sound, nil
	}
	_, err = rd.eachLines(ctx, longestSound, 0, func(record linesRecord) { sound = append(sound, record.Sound...) })
	return sound, err
}

// Integrated is the integrated loudness, in LUFS, of what was measured; false when all of it is as good as silent.
func Integrated(sound []domain.SoundMeasured) (lufs float64, ok bool) {
	return loudness.Integrated(func(yield func(float64) bool) {
		for _, s := range sound {
			for _, v := range s.Momentary {
				if !yield(v) {
					return
				}
			}
		}
	})
}
