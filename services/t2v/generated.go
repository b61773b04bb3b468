package t2v

import (
	"context"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/record"
	"liveclip/services/t2v/engines"
)

// generate has the dispatcher make one generated shot of a plan; try counts the seeds, from 0.
func (s *shotMaker) generate(ctx context.Context, plan record.Of[domain.Plan], number, try int, file string) (domain.ShotMaking, error) {
	shot := plan.Value.Shots[number]
	frame := largestFrame(plan.Value).inAspect(shot.Fields["aspect"])
	id := fmt.Sprintf("%s/%d/%d", plan.Value.Clip, plan.Value.Revision, number)
	seed := shotSeed(shot, id, try)
	opening := shot.Opening
	if try > 0 {
		opening = domain.ShotOpening{} // it may be what was refused
		id = fmt.Sprintf("%s/%d", id, try)
	}
	return s.generator.generate(ctx, shotOrder{
		ID: id, Tenant: plan.Envelope.Tenant, Stream: plan.Envelope.Stream, Lane: plan.Envelope.Lane,
		Tier: shot.Tier, Engine: shot.Engine, Prompt: shot.Prompt, Negative: shot.Negative, Opening: opening, Seed: seed,
		Width: frame.width, Height: frame.height, Length: shot.Length, Deadline: s.cfg.Fresh.until(plan.Envelope),
	}, file)
}

// inspect holds what an engine gave against what was ordered.
func (s *shotMaker) inspect(ctx context.Context, file string, ordered engines.Order) error {
	probed, err := s.media.Probe(ctx, file)
	if err != nil {
		return wrongAnswer("the engine's answer is no playable video: %w", err)
	}
	length := time.Duration(probed.GetDuration())
	switch p := probed.GetParameters(); {
	case p.GetVideoCodec() != "h264":
		return wrongAnswer("the engine's answer is no H.264 video: codec %q", p.GetVideoCodec())
	case !withinRounding(p.GetWidth(), ordered.Width) || !withinRounding(p.GetHeight(), ordered.Height):
		return wrongAnswer("the engine's answer is %dx%d pixels, %dx%d were ordered", p.GetWidth(), p.GetHeight(), ordered.Width, ordered.Height)
	case length < ordered.Length*3/4 || length > ordered.Length*3/2:
		return wrongAnswer("the engine's answer is %v long, %v was ordered", length, ordered.Length)
	}
	return nil
}

// withinRounding allows for an engine's own rounding of a side.
func withinRounding(got int64, ordered int) bool {
	return got >= int64(ordered*7/8) && got <= int64(ordered*9/8)
}

func wrongAnswer(format string, args ...any) error {
	return &engines.Fault{Kind: engines.Wrong, Err: fmt.Errorf(format, args...)}
}
