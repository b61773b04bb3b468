package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

const (
	maxProfiles = 8
	maxSide     = 3840 // pixels
)

var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// piece is a part of the cut with its place in the clip.
type piece struct {
	at     time.Duration // clip time of its beginning
	length time.Duration
	window domain.Window // of the recording, when file is empty
	file   string        // local
	loud   float64       // LUFS of the file; 0: not known
}

// pieces fetches what lies in the store into the folder and lays everything out in clip time.
func (s *Service) pieces(ctx context.Context, c clip, folder string) ([]piece, error) {
	var pieces []piece
	var at time.Duration
	for i, part := range c.cut.Value.Parts {
		p := piece{at: at, window: part.Window, length: part.Window.Length(), loud: part.Loudness}
		if part.File != "" {
			p.file = filepath.Join(folder, "part."+strconv.Itoa(i)+".mp4")
			if err := s.fetch(ctx, part.File, p.file); err != nil {
				return nil, err
			}
			probed, err := s.probe(ctx, p.file)
			if err != nil {
				return nil, fmt.Errorf("probe %s: %w", part.File, err)
			}
			p.length = time.Duration(probed.GetDuration())
		}
		if p.length <= 0 {
			return nil, domain.Permanent(fmt.Errorf("part %d has no length", i))
		}
		at += p.length
		pieces = append(pieces, p)
	}
	if len(pieces) == 0 {
		return nil, domain.Permanent(errors.New("the cut has no parts"))
	}
	return pieces, nil
}

func (s *Service) fetch(ctx context.Context, key, file string) error {
	r, _, err := s.store.Get(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	defer func() { _ = r.Close() }()
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	return nil
}

func (s *Service) probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	process, err := s.media.Start(ctx, child.Probe, &mediav1.ToChild{Message: &mediav1.ToChild_Probe{Probe: &mediav1.ProbeOrder{
		Url: file, AllowedSchemes: []string{"file"},
	}}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = process.Close() }()
	message, err := process.Receive()
	if err != nil {
		return nil, err
	}
	return message.GetProbed(), nil
}

// order says how the clip shall be finished. What liveclip words itself is cleaned of terms it may not write.
func (s *Service) order(c clip, pieces []piece, folder string) (*mediav1.FinishOrder, error) {
	profiles, err := profiles(c.plan.Value.Profiles)
	if err != nil {
		return nil, err
	}
	overlay := c.plan.Value.Overlay
	if !c.plan.Value.Titled {
		overlay, _ = s.lists.Clean(overlay)
	}
	order := &mediav1.FinishOrder{
		Folder:         folder,
		Parts:          parts(pieces),
		Profiles:       profiles,
		Title:          &mediav1.FinishText{Text: overlay},
		Watermark:      s.cfg.Watermark,
		GeneratedLabel: c.generated(),
		Metadata:       s.tags(c),
		FontFile:       s.cfg.Font,
		Preset:         s.cfg.Preset,
		Joint:          string(c.cut.Value.Joint),
		Music:          c.cut.Value.Music,
	}
	order.Aigc, err = s.implicit(c)
	return order, err
}

func parts(pieces []piece) (parts []*mediav1.FinishPart) {
	for i, p := range pieces {
		part := &mediav1.FinishPart{Source: int64(i), File: p.file, Start: int64(p.window.Start), End: int64(p.window.End), Loudness: p.loud}
		if p.file != "" {
			part.Start, part.End = 0, int64(p.length)
		}
		parts = append(parts, part)
	}
	return parts
}

// tags are the metadata of every file of a clip.
func (s *Service) tags(c clip) map[string]string {
	return map[string]string{"title": s.title(c.plan.Value), "comment": "liveclip " + c.String()}
}

// implicit is the label of a clip with generated footage that its files carry unseen; empty for any other.
func (s *Service) implicit(c clip) (string, error) {
	if !c.generated() {
		return "", nil
	}
	label, err := aigc(s.cfg.Producer, c.String())
	if err != nil {
		return "", domain.Permanent(err)
	}
	return label, nil
}

// title is the plan's; one that liveclip worded carries no term that it may not write.
func (s *Service) title(plan domain.Plan) string {
	if plan.Titled {
		return plan.Title
	}
	title, found := s.lists.Clean(plan.Title)
	if len(found) > 0 && title == "" {
		return plan.Kind
	}
	return title
}

func profiles(wanted []domain.Profile) ([]*mediav1.FinishProfile, error) {
	if len(wanted) == 0 || len(wanted) > maxProfiles {
		return nil, domain.Permanent(fmt.Errorf("the plan has %d profiles, must have 1 to %d", len(wanted), maxProfiles))
	}
	var profiles []*mediav1.FinishProfile
	names := map[string]bool{}
	for _, p := range wanted {
		switch {
		case !profileName.MatchString(p.Name):
			return nil, domain.Permanent(fmt.Errorf("profile %.40q: a name is lower-case letters, digits, '_' and '-'", p.Name))
		case names[p.Name]:
			return nil, domain.Permanent(fmt.Errorf("profile %s: there are two", p.Name))
		case !side(p.Width), !side(p.Height):
			return nil, domain.Permanent(fmt.Errorf("profile %s: %dx%d: sides must be even, 16 to %d", p.Name, p.Width, p.Height, maxSide))
		}
		names[p.Name] = true
		profiles = append(profiles, &mediav1.FinishProfile{
			Name: p.Name, Width: int64(p.Width), Height: int64(p.Height), Watermark: p.Watermark, Subtitles: p.Subtitles,
			Framing: string(p.Framing),
		})
	}
	return profiles, nil
}

func side(pixels int) bool { return pixels >= 16 && pixels <= maxSide && pixels%2 == 0 }

// aigc is the implicit label of generated content (GB 45438-2025).
func aigc(producer, id string) (string, error) {
	label, err := json.Marshal(struct {
		Label             string
		ContentProducer   string
		ProduceID         string
		ReservedCode1     string
		ContentPropagator string
		PropagateID       string
		ReservedCode2     string
	}{Label: "1", ContentProducer: producer, ProduceID: id})
	return string(label), err
}
