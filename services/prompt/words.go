package prompt

import (
	"cmp"
	"context"
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/note"
)

// word gives the plan's generated shots their final words: a language model's, where one is configured and answers well, else
// the library's; within what the engine takes, and none that must not be generated. Openings are cleaned likewise.
func (s *Service) word(ctx context.Context, room domain.Context, h domain.Highlight, p *domain.Plan) {
	var shots []domain.Shot
	for i, shot := range p.Shots {
		switch shot.Kind {
		case domain.ShotTemplate:
			p.Notes = append(p.Notes, s.guard.cleaned(shot.Fields)...)
		case domain.ShotGenerated:
			ok := s.wordShot(ctx, room, h, i, &shot, p)
			if !ok {
				continue
			}
		}
		shots = append(shots, shot)
	}
	p.Shots = shots
}

// wordShot reports whether the shot may be made.
func (s *Service) wordShot(ctx context.Context, room domain.Context, h domain.Highlight, number int, shot *domain.Shot, p *domain.Plan) bool {
	limit := s.library.limits[s.cfg.For]
	say := func(s note.Sentence, values ...any) { p.Notes = append(p.Notes, s.Say(values...)) }
	if reason := cmp.Or(s.guard.forbidden(shot.Prompt), s.guard.forbidden(shot.Opening.Prompt)); reason != "" {
		say(note.NotGenerated, reason)
		return false
	}
	p.Notes = append(p.Notes, s.guard.cleaned(shot.Fields)...)
	if s.model != nil {
		worded, err := s.model.word(ctx, s.library.facts(s.cfg, room, h, shot.Prompt))
		if err == nil {
			if reason := s.guard.forbidden(worded.Prompt); reason != "" {
				err = fmt.Errorf("its answer has the %s", reason)
			}
		}
		outcome := "worded"
		if err != nil {
			outcome = "refused"
			say(note.OwnPrompt, err)
		} else {
			shot.Prompt, shot.Version = worded.Prompt, shot.Version+"+"+s.cfg.Model.Name
			if worded.Negative != "" {
				shot.Negative = worded.Negative
			}
		}
		s.worded.WithLabelValues(outcome).Inc()
	}
	for _, text := range []struct {
		name string
		most int
		of   *string
	}{{"prompt", limit.Characters, &shot.Prompt}, {"negative prompt", limit.Negative, &shot.Negative}} {
		cut, shorter := within(*text.of, text.most)
		if *text.of = cut; shorter && text.most > 0 {
			say(note.PromptCut, text.name, text.most, s.cfg.For)
		}
	}
	shot.Seed, shot.Hash = seedOf(p.Clip, number), hashOf(*shot)
	shot.Tier, shot.Engine = s.cfg.Tier, s.cfg.Engine
	return true
}
