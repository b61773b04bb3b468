package prompt

import (
	"cmp"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
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
		return note.BadMode.Errorf(h.Mode)
	case h.ID == "":
		return fmt.Errorf("the highlight has no ID")
	case w.Start < 0:
		return note.TooEarly.Errorf(-w.Start)
	case w.Length() == 0:
		return note.EmptyWindow.Errorf(w.Start, w.End)
	case w.Length() > longest:
		return note.TooLong.Errorf(w.Length(), longest)
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
		Revision:  h.Revision,
		Highlight: h.ID,
		Kind:      h.Kind,
		Window:    h.Window,
		Score:     h.Score,
		Reasons:   h.Reasons,
		Title:     v.given["title"],
		Titled:    clean(h.Title, longestTitle) != "",
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
	p.Notes = *v.notes
	opening, why := l.opening(cfg, h, v)
	if why != "" {
		p.Notes = append(p.Notes, why)
	}
	if opening != "" {
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotTemplate, Template: opening, Fields: l.fields(opening, v), Length: cfg.OpeningLength})
	}
	if cfg.Generate {
		p.Shots = append(p.Shots, l.generated(cfg, h, v))
	}
	if len(p.Shots) > 0 || len(p.Chapters) > 1 {
		p.Joint = cfg.Joint
	}
	p.Music = cfg.Music
	return footage(p)
}

// openingAuto chooses the opening by the highlight's kind.
const openingAuto = "auto"

// opening is the template that opens a highlight's clip; empty: none. A request's own wish comes first, then what is configured
// for its kind; one that needs what nobody gave makes way for another.
func (l *library) opening(cfg Config, h domain.Highlight, v values) (name, why string) {
	name = cmp.Or(h.Opening, cfg.Openings[h.Kind], cfg.Opening)
	if name == openingAuto {
		name = l.opens[h.Kind]
	}
	if name == "" || name == domain.OpeningNone {
		return "", ""
	}
	if _, known := l.openings[name]; !known {
		return "", note.NoOpening.Say(name)
	}
	if fit := l.fit(name, v); fit != name {
		return fit, note.OtherOpening.Say(name, l.openings[name].needs, cmp.Or(fit, "none"))
	}
	return name, ""
}

// fit is an opening, or the one that opens where it lacks what it needs.
func (l *library) fit(name string, v values) string {
	if o := l.openings[name]; o.needs != "" && v.of(o.needs) == "" {
		return o.otherwise
	}
	return name
}

// fields are what goes into an opening; empty ones are left to it.
func (l *library) fields(opening string, v values) map[string]string {
	fields := map[string]string{"language": v.language}
	for name, t := range l.openings[opening].fields {
		if value := t.fill(v.of); value != "" {
			fields[name] = value
		}
	}
	return fields
}

// generated is a shot as the library words it. Its template stands in for it where it can't be made.
func (l *library) generated(cfg Config, h domain.Highlight, v values) domain.Shot {
	shot := domain.Shot{Kind: domain.ShotGenerated, Length: cfg.GenerateLength}
	language := l.limits[cfg.For].language(v.language)
	if language != v.language {
		v = l.values(domain.Context{Language: language}, domain.Highlight{Kind: h.Kind}).over(v)
	}
	for _, p := range l.prompts {
		if p.name == cfg.Template || cfg.Template == "" && p.language == language {
			shot.Prompt, shot.Version, shot.Opening = p.text.fill(v.of), p.version, p.opening
			break
		}
	}
	shot.Negative = l.negative[language]
	if stand := l.fit(l.opens[h.Kind], v); stand != "" {
		shot.Template, shot.Fields = stand, l.fields(stand, v)
	}
	return shot
}

// facts are what a language model may speak of.
func (l *library) facts(cfg Config, room domain.Context, h domain.Highlight, draft string) facts {
	v := l.values(room, h)
	limit := l.limits[cfg.For]
	return facts{Language: limit.language(v.language), Host: v.given["host"], Product: v.given["product"], Price: v.given["price"],
		Category: v.given["category"], Action: v.given["action"], Said: clean(h.Text, 300), Draft: draft, Longest: limit.Characters}
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
