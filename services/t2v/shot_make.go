package t2v

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/services/t2v/schedule"
)

// madeShot is a shot that lies in a local file, and how it was made.
type madeShot struct {
	became    domain.ShotKind
	template  string
	making    domain.ShotMaking
	quality   domain.ShotQuality
	loudness  float64
	generated bool // any picture or sound in it is generated or synthesised
	notes     []string
	fault     string // why it is not what was ordered
}

// make makes one shot. A generated one that can't be made becomes its template, where it names one.
func (s *shotMaker) make(ctx context.Context, plan record.Of[domain.Plan], number int, file string) (madeShot, error) {
	if plan.Value.Shots[number].Kind == domain.ShotTemplate {
		return s.draw(ctx, plan, number, file)
	}
	t, err := s.generateAccepted(ctx, plan, number, file)
	var instead *fallback
	if !errors.As(err, &instead) || instead.to != schedule.Template || plan.Value.Shots[number].Template == "" {
		return t, err
	}
	drawn, failed := s.draw(ctx, plan, number, file)
	if failed != nil {
		return t, err
	}
	drawn.quality, drawn.fault = t.quality, err.Error()
	drawn.making.Degraded = append(slices.Clone(t.making.Degraded), note.DrawnInstead.Say(drawn.template))
	drawn.notes = append([]string{note.TemplateInstead.Say(drawn.template, err)}, drawn.notes...)
	return drawn, nil
}

// draw renders the shot's template.
func (s *shotMaker) draw(ctx context.Context, plan record.Of[domain.Plan], number int, file string) (madeShot, error) {
	shot := plan.Value.Shots[number]
	frame := largestFrame(plan.Value).inAspect(shot.Fields["aspect"])
	d, err := s.drawer.Draw(ctx, Drawing{
		Template: shot.Template, Fields: shot.Fields, Tenant: plan.Envelope.Tenant, Width: frame.width, Height: frame.height, Length: shot.Length,
	}, file)
	return madeShot{became: domain.ShotTemplate, template: shot.Template, making: d.Making, loudness: d.Loudness, generated: d.Synthesised, notes: d.Notes}, err
}

// generateAccepted has the dispatcher make a shot until one passes the quality gate.
func (s *shotMaker) generateAccepted(ctx context.Context, plan record.Of[domain.Plan], number int, file string) (madeShot, error) {
	t := madeShot{became: domain.ShotGenerated, generated: true}
	for try := 0; ; try++ {
		making, err := s.generate(ctx, plan, number, try, file)
		making.Stages = append(t.making.Stages, making.Stages...)
		making.Attempts += t.making.Attempts
		t.making = making
		if err != nil {
			return t, err
		}
		began := s.now()
		looked, err := s.media.Look(ctx, file)
		if err != nil {
			return t, fmt.Errorf("measure generated shot: %w", err)
		}
		t.making.Stages = append(t.making.Stages, domain.ShotStage{Name: "measure", Took: s.now().Sub(began)})
		t.quality, t.loudness = s.cfg.Gate.assess(looked), looked.GetLoudness()
		switch {
		case t.quality.Refused == "":
			return t, nil
		case try >= s.cfg.Gate.Retries:
			return t, &fallback{schedule.Template, note.NoGood.Errorf(try+1, t.quality.Refused)}
		}
		t.notes = append(t.notes, note.AnotherSeed.Say(t.quality.Refused))
	}
}

// shotSeed is the seed that the plan names for a shot, else one made from its ID; every further try has another.
func shotSeed(shot domain.Shot, id string, try int) uint64 {
	if shot.Seed != 0 && try == 0 {
		return shot.Seed
	}
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, fmt.Sprintf("%s/%d/%d", id, shot.Seed, try))
	return hash.Sum64()&(1<<31-1) | 1 // what every engine takes
}

// storedShot is what is kept of a shot beside its file.
type storedShot struct {
	Record    domain.ShotRecord
	Loudness  float64
	Generated bool
	Notes     []string
}

// toStore is the record of the shot as it is put into the store.
func (t madeShot) toStore(number int, shot domain.Shot, bytes int64) storedShot {
	r := shotRecord(number, shot)
	r.Became, r.Template, r.Made, r.Bytes, r.Quality, r.Fault = t.became, t.template, t.making, bytes, t.quality, t.fault
	return storedShot{r, t.loudness, t.generated, t.notes}
}

// shotRecord is what is known of a shot before it is made.
func shotRecord(number int, shot domain.Shot) domain.ShotRecord {
	return domain.ShotRecord{Number: number, Kind: shot.Kind, Became: domain.ShotFootage, Template: shot.Template, Prompt: shot.Prompt,
		Negative: shot.Negative, Version: shot.Version, Hash: shot.Hash}
}

// addStoreTime notes how long putting the shot away took.
func (k *storedShot) addStoreTime(took time.Duration) {
	k.Record.Made.Stages = append(k.Record.Made.Stages, domain.ShotStage{Name: "store", Took: took})
}
