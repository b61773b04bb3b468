package ops

import (
	"cmp"
	"strconv"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	opsv1 "liveclip/proto/ops/v1"
)

// shotMessages are the records of a clip's shots as people see them.
func shotMessages(shots []domain.ShotRecord) []*opsv1.Shot {
	var messages []*opsv1.Shot
	for _, r := range shots {
		m := &opsv1.Shot{
			Number: int32(r.Number), Kind: string(r.Kind), Became: string(r.Became), Template: r.Template, Prompt: r.Prompt, Negative: r.Negative,
			Version: r.Version, Hash: r.Hash, Engine: r.Made.Engine, Model: r.Made.Model, Tier: r.Made.Tier, Steps: int32(r.Made.Steps),
			Width: int32(r.Made.Width), Height: int32(r.Made.Height), FrameRate: r.Made.FrameRate, LengthS: r.Made.Length.Seconds(),
			Attempts: int32(r.Made.Attempts), CacheHit: r.Made.CacheHit, Degraded: r.Made.Degraded, Bytes: float64(r.Bytes), Fault: r.Fault, FaultChinese: note.Chinese(r.Fault),
		}
		for _, less := range r.Made.Degraded {
			m.DegradedChinese = append(m.DegradedChinese, cmp.Or(note.Chinese(less), less))
		}
		if r.Made.Seed != 0 {
			m.Seed = strconv.FormatUint(r.Made.Seed, 10)
		}
		for _, stage := range r.Made.Stages {
			m.Stages = append(m.Stages, &opsv1.ShotStage{Name: stage.Name, TookS: stage.Took.Seconds()})
		}
		if q := r.Quality; q.Frames > 0 {
			m.Quality = &opsv1.ShotQuality{Frames: int32(q.Frames), Black: q.Black, Frozen: q.Frozen, Sharp: q.Sharp, Flicker: q.Flicker, Refused: q.Refused}
		}
		messages = append(messages, m)
	}
	return messages
}
