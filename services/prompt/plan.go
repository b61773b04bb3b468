package prompt

import (
	"cmp"
	"fmt"
	"time"

	"liveclip/internal/domain"
)

// variant of the clip that a highlight makes.
const variant = "main"

// check tells why no plan can be made of a highlight.
func check(h domain.Highlight, longest time.Duration) error {
	if len(h.Chapters) > 0 {
		return checkChapters(h, longest)
	}
	switch w := h.Window; {
	case !h.Mode.Known():
		return fmt.Errorf("the mode %.40q is unknown (没有这种模式)", h.Mode)
	case h.ID == "":
		return fmt.Errorf("the highlight has no ID")
	case w.Start < 0:
		return fmt.Errorf("the window begins %s before the broadcast (窗口早于开播)", -w.Start)
	case w.Length() == 0:
		return fmt.Errorf("the window %s to %s is empty (窗口为空)", w.Start, w.End)
	case w.Length() > longest:
		return fmt.Errorf("the window is %s long, at most %s can be clipped (窗口过长)", w.Length(), longest)
	}
	return nil
}

// checkChapters tells why no recap can be made of them.
func checkChapters(h domain.Highlight, longest time.Duration) error {
	var sum time.Duration
	for i, c := range h.Chapters {
		one := domain.Highlight{ID: h.ID, Window: c.Window}
		if err := check(one, longest); err != nil {
			return fmt.Errorf("chapter %d (第%d段): %w", i+1, i+1, err)
		}
		sum += c.Window.Length()
	}
	if sum > longest {
		return fmt.Errorf("the chapters are %s long, at most %s can be clipped (窗口过长)", sum, longest)
	}
	return nil
}

// plan says what the clip of a highlight shall be, from what is known of its room.
func (l *library) plan(cfg Config, room domain.Context, h domain.Highlight) domain.Plan {
	v := l.values(room, h)
	p := domain.Plan{
		Clip:      domain.NewClipID(h.ID, variant),
		Highlight: h.ID,
		Kind:      h.Kind,
		Window:    h.Window,
		Score:     h.Score,
		Reasons:   h.Reasons,
		Title:     v.given["title"],
		Text:      clean(h.Text, longestText),
		Profiles: []domain.Profile{
			{Name: "720p", Width: 1280, Height: 720, Watermark: true},
			{Name: "360p", Width: 640, Height: 360, Watermark: true},
		},
		By:        h.By,
		Triggered: h.TriggeredAt,
		Features:  h.Features,
		Chapters:  h.Chapters,
		Product:   h.Product,
		Shortest:  h.Shortest,
	}
	if cfg.Vertical || room.Vertical || h.Vertical {
		p.Profiles = append(p.Profiles, domain.Profile{Name: "vertical", Width: 720, Height: 1280, Watermark: true, Framing: domain.FramingFollow})
	}
	// The footage as it is: nothing can be drawn on it or put before it, and a recap's chapters can't be put together.
	if mode := cmp.Or(h.Mode, cfg.Mode); mode == domain.ModeCopy && len(h.Chapters) == 0 {
		p.Mode, p.Profiles = mode, []domain.Profile{{Name: domain.SourceProfile}}
		p.Shots = []domain.Shot{{Kind: domain.ShotFootage, Window: h.Window}}
		return p
	}
	if cfg.Opening != "" {
		fields := map[string]string{}
		for name, t := range l.openings[cfg.Opening] {
			fields[name] = t.fill(v.of)
		}
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotTemplate, Template: cfg.Opening, Fields: fields, Length: cfg.OpeningLength})
	}
	if cfg.Generate {
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotGenerated, Prompt: l.prompt(cfg.Template, v), Length: cfg.GenerateLength})
	}
	return footage(p)
}

// footage adds what of the recording is shown: the window, or each chapter of a recap.
func footage(p domain.Plan) domain.Plan {
	for _, c := range p.Chapters {
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotFootage, Window: c.Window})
	}
	if len(p.Chapters) == 0 {
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotFootage, Window: p.Window})
	}
	return p
}

// prompt fills the template of that name, or the first of the clip's language.
func (l *library) prompt(name string, v values) string {
	for _, p := range l.prompts {
		if p.name == name || name == "" && p.language == v.language {
			return p.text.fill(v.of)
		}
	}
	return ""
}
