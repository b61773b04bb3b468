package ops

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/sign"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// clipMessage is a clip as people see it. started caches the broadcasts' beginnings over a page; nil: no page.
func (s *Service) clipMessage(ctx context.Context, c caller, clip view.Clip, started map[domain.BroadcastID]time.Time) *opsv1.Clip {
	rev := newestRevision(clip)
	m := &opsv1.Clip{
		ClipId: string(clip.ID), StreamId: string(clip.Envelope.Stream), BroadcastId: string(clip.Envelope.Broadcast),
		Lane: string(clip.Envelope.Lane), State: rev.state(), Revision: int32(rev.number), PublishedAt: timestamp(rev.published),
		Playable: !rev.published.IsZero() && !rev.takenDown, Publications: publicationMessages(clip),
	}
	if clip.Highlight != nil && len(clip.Steps) == 0 && clip.Highlight.By == "" {
		m.State = "found"
	}
	var window domain.Window
	var triggered time.Time
	var reasons []domain.Reason
	if h := clip.Highlight; h != nil {
		window, triggered, reasons = h.Window, h.TriggeredAt, h.Reasons
		m.HighlightId, m.Kind, m.Score, m.By, m.Title, m.Text = string(h.ID), h.Kind, h.Score, h.By, h.Title, h.Text
	}
	if p := rev.plan; p != nil {
		window, triggered, reasons = p.Window, p.Triggered, p.Reasons
		m.HighlightId, m.Kind, m.Score, m.By, m.Title, m.Text = string(p.Highlight), p.Kind, p.Score, p.By, p.Title, p.Text
	}
	if r := rev.rendered; r != nil {
		if r.Window.Length() > 0 {
			window = r.Window
		}
		m.Title, m.Text, m.Generated, m.ClippedTo = cmp.Or(r.Title, m.Title), cmp.Or(r.Text, m.Text), r.Generated, r.ClippedTo
		m.ClippedToChinese = note.Chinese(r.ClippedTo)
		if m.Playable {
			s.addURLs(m, c, clip, *r)
		}
	}
	m.StartS, m.EndS, m.TriggeredAt, m.Reasons = window.Start.Seconds(), window.End.Seconds(), timestamp(triggered), reasonMessages(reasons)
	m.Shots = shotMessages(rev.shots)
	m.Steps, m.Verdict = stepMessages(clip, triggered, reasons), verdictMessage(rev.decided)
	recap := rev.plan != nil && len(rev.plan.Chapters) > 0 // its window spans what it does not show
	if c.role >= operator && window.Length() > 0 && !recap && clip.Envelope.Broadcast != "" && !rev.takenDown {
		m.Preview = "/preview/" + string(clip.ID) + "/index.m3u8"
	}
	if !rev.published.IsZero() && !recap {
		if began := s.broadcastStart(ctx, clip, started); !began.IsZero() {
			after := max(0, rev.published.Sub(began.Add(window.End)).Seconds())
			m.PlayableAfterS = &after
		}
	}
	return m
}

// broadcastStart is the wall clock of the clip's media time zero; zero when it is not known.
func (s *Service) broadcastStart(ctx context.Context, clip view.Clip, known map[domain.BroadcastID]time.Time) time.Time {
	id := clip.Envelope.Broadcast
	if began, ok := known[id]; ok {
		return began
	}
	began, err := s.views.Began(ctx, clip.Envelope.Tenant, id)
	if err != nil {
		s.Log.Warn("look up beginning of broadcast", "broadcast_id", id, "error", err)
	}
	if known != nil {
		known[id] = began
	}
	return began
}

// addURLs signs what may be fetched. The expiry moves in steps, so that a page read again shows the same URLs and players
// keep what they have.
func (s *Service) addURLs(m *opsv1.Clip, c caller, clip view.Clip, r domain.Rendered) {
	const step = 10 * time.Minute
	grant := sign.Grant{
		Path: "/vod/" + string(clip.ID) + "/" + r.Hash + "/", Tenant: c.tenant,
		Session: domain.H("session", string(c.tenant), c.name)[:16], Expires: s.Now().Truncate(step).Add(step + s.cfg.VODExpiry),
	}
	signed := func(file string) string { return s.cfg.VODURL + s.Keys.URL(grant, file) }
	m.Renditions = renditionMessages(r, signed)
	m.Hls, m.Listing = signed("index.m3u8"), signed("index.json")
	for key, field := range map[string]*string{r.Cover: &m.Cover, r.Subtitles: &m.Subtitles, r.SubRip: &m.Subrip, r.Thumbnails: &m.Thumbnails, r.Chapters: &m.Chapters} {
		if key != "" {
			*field = signed(path.Base(key))
		}
	}
	for _, cdn := range s.CDNs {
		var faults error
		signed := func(file string) string {
			made, err := cdn.URL(grant, file)
			faults = errors.Join(faults, err)
			return made
		}
		links := &opsv1.CDN{Name: cdn.Name, Hls: signed("index.m3u8"), Renditions: renditionMessages(r, signed)}
		if r.Cover != "" {
			links.Cover = signed("cover.jpg")
		}
		if faults != nil {
			s.Log.Error("no URLs of CDN", "cdn", cdn.Name, "error", faults)
			continue
		}
		m.Cdn = append(m.Cdn, links)
	}
}

func renditionMessages(r domain.Rendered, signed func(file string) string) []*opsv1.Rendition {
	var messages []*opsv1.Rendition
	for _, rendition := range r.Renditions {
		message := &opsv1.Rendition{
			Profile: rendition.Profile, Url: signed(rendition.Profile + ".mp4"), Width: int32(rendition.Width), Height: int32(rendition.Height),
			DurationS: rendition.Length.Seconds(), Bytes: float64(rendition.Bytes), Index: signed(rendition.Profile + ".json"),
		}
		if h := rendition.Heads; h.Frame > 0 {
			message.Heads = &opsv1.Heads{
				Header: float64(rendition.Header), Frame: float64(h.Frame), S1: float64(h.S1), S2: float64(h.S2), S4: float64(h.S4),
			}
		}
		messages = append(messages, message)
	}
	return messages
}

func stepMessages(clip view.Clip, triggered time.Time, reasons []domain.Reason) []*opsv1.Step {
	var steps []*opsv1.Step
	for _, step := range clip.Steps {
		m := stepMessage(clip.Envelope.Stream, step)
		if step.Step == domain.StepFound && m.Chinese == "" {
			m.Chinese = reasonsChinese(reasons)
		}
		if !triggered.IsZero() {
			m.SinceTriggerS = step.At.Sub(triggered).Seconds()
		}
		steps = append(steps, m)
	}
	return steps
}

func stepMessage(stream domain.StreamID, step domain.ClipStep) *opsv1.Step {
	return &opsv1.Step{
		ClipId: string(step.Clip), StreamId: string(stream), Step: string(step.Step), Revision: int32(step.Revision),
		Destination: step.Destination, At: timestamp(step.At), Note: step.Note, Chinese: note.Chinese(step.Note),
	}
}

// reasonsChinese says why a clip was noticed, where all of it is there in Chinese.
func reasonsChinese(reasons []domain.Reason) string {
	var said []string
	for _, r := range reasons {
		if r.Chinese == "" {
			return ""
		}
		said = append(said, r.Chinese)
	}
	return strings.Join(said, "；")
}

func reasonMessages(reasons []domain.Reason) []*opsv1.Reason {
	var messages []*opsv1.Reason
	for _, r := range reasons {
		m := &opsv1.Reason{Signal: r.Signal, Detail: r.Detail, AtS: r.At.Seconds(), Weight: r.Weight, Chinese: r.Chinese}
		for _, p := range r.Phrases {
			m.Phrases = append(m.Phrases, &opsv1.Phrase{Spoken: p.Spoken, Written: p.Written, StartS: p.Start.Seconds(), EndS: p.End.Seconds()})
		}
		messages = append(messages, m)
	}
	return messages
}

func verdictMessage(d *domain.Decided) *opsv1.Verdict {
	if d == nil {
		return nil
	}
	m := &opsv1.Verdict{Verdict: string(d.Verdict), By: d.By, Reason: d.Reason}
	if d.By == byRule {
		m.Chinese = note.Chinese(d.Reason)
	}
	for _, f := range d.Findings {
		m.Findings = append(m.Findings, &opsv1.Finding{List: f.List, Term: f.Term, Where: f.Where, AtS: f.At.Seconds(), Severity: f.Severity})
	}
	return m
}

// publicationMessages are a clip's publications by destination: of its newest revision there, with a note of older ones that are
// still there.
func publicationMessages(clip view.Clip) []*opsv1.Publication {
	type at struct {
		destination string
		revision    int
	}
	known := map[at]view.Publication{}
	add := func(p view.Publication) {
		place := at{p.Destination, p.Revision}
		if old, ok := known[place]; !ok || !p.At.Before(old.At) {
			known[place] = p
		}
	}
	for _, step := range clip.Steps {
		if step.Publication != nil {
			add(view.Publication{PublicationChanged: *step.Publication, At: step.At})
		}
	}
	for _, p := range clip.Publications {
		add(p)
	}
	all := slices.SortedFunc(maps.Values(known), func(a, b view.Publication) int {
		return cmp.Or(cmp.Compare(a.Destination, b.Destination), cmp.Compare(b.Revision, a.Revision))
	})
	var messages []*opsv1.Publication
	for i, p := range all {
		if i == 0 || all[i-1].Destination != p.Destination {
			messages = append(messages, publicationMessage(p.PublicationChanged, p.At))
			continue
		}
		m := messages[len(messages)-1]
		switch p.State {
		case domain.PublicationAccepted, domain.PublicationVisible:
			m.Reason = joinNotes(m.Reason, note.StillThere.Say())
		case domain.PublicationUnknown:
			m.Reason = joinNotes(m.Reason, note.MayStillBe.Say(p.Reason))
		}
		m.Chinese = note.Chinese(m.Reason)
	}
	return messages
}

func joinNotes(notes ...string) string {
	return note.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }))
}

func publicationMessage(p domain.PublicationChanged, at time.Time) *opsv1.Publication {
	return &opsv1.Publication{
		ClipId: string(p.Clip), Destination: p.Destination, State: string(p.State), RemoteId: p.RemoteID, Url: p.URL,
		Reason: p.Reason, Chinese: note.Chinese(p.Reason), At: timestamp(at),
	}
}
