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

// Pages of clips.
const (
	usualPage = 100
	maxPage   = 500
	maxScan   = 5000 // clips looked at for one filtered page
)

// clipStates are the states a clip is in; the first is one that only ops knows of.
var clipStates = []string{
	"requested", "found", "planned", "cut", "rendered", "needs_person", "approved", "rejected", "published", "failed", "taken_down",
}

// ListClips gives a page of clips, newest first.
func (s *Service) ListClips(ctx context.Context, req *opsv1.ListClipsRequest) (*opsv1.ListClipsReply, error) {
	c, err := s.need(ctx, viewer)
	if err != nil {
		return nil, err
	}
	var stream domain.StreamID
	if req.StreamId != "" {
		ref, err := streamRef(c, req.StreamId)
		if err != nil {
			return nil, err
		}
		stream = ref.Stream
	}
	if req.State != "" && !slices.Contains(clipStates, req.State) {
		return nil, badRequest("state: must be one of %v, is %.40q", clipStates, req.State)
	}
	limit := int(req.Limit)
	if limit == 0 {
		limit = usualPage
	}
	if limit < 1 || limit > maxPage {
		return nil, badRequest("limit: must be 1 to %d, is %d", maxPage, limit)
	}
	reply := &opsv1.ListClipsReply{NextAfter: req.After}
	started := map[domain.BroadcastID]time.Time{}
	for scanned := 0; len(reply.Clips) < limit && scanned < maxScan; scanned += limit {
		clips, next, err := s.views.Clips(ctx, c.tenant, stream, reply.NextAfter, limit-len(reply.Clips))
		if err != nil {
			return nil, lookup(err, "clips")
		}
		for _, clip := range clips {
			if req.State != "" && clipState(clip) != req.State {
				continue
			}
			reply.Clips = append(reply.Clips, s.clipMessage(ctx, c, clip, started))
		}
		if reply.NextAfter = next; next == "" {
			break
		}
	}
	return reply, nil
}

// GetClip gives one clip with its whole story.
func (s *Service) GetClip(ctx context.Context, req *opsv1.GetClipRequest) (*opsv1.Clip, error) {
	c, err := s.need(ctx, viewer)
	if err != nil {
		return nil, err
	}
	clip, err := s.clip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	return s.clipMessage(ctx, c, clip, nil), nil
}

// ListPublications gives a clip's state at every destination.
func (s *Service) ListPublications(ctx context.Context, req *opsv1.ListPublicationsRequest) (*opsv1.ListPublicationsReply, error) {
	c, err := s.need(ctx, viewer)
	if err != nil {
		return nil, err
	}
	clip, err := s.clip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	return &opsv1.ListPublicationsReply{Publications: publicationMessages(clip)}, nil
}

func (s *Service) clip(ctx context.Context, c caller, id string) (view.Clip, error) {
	if _, err := domain.ParseStreamID(id); err != nil { // the same form
		return view.Clip{}, badRequest("clip ID %.80q: must be 1 to 64 letters, digits, '_' or '-'", id)
	}
	clip, err := s.views.Clip(ctx, c.tenant, domain.ClipID(id))
	return clip, lookup(err, "clip %s", id)
}

// byRule is who decides where no person did.
const byRule = "rule"

// story is a clip's newest revision, taken apart.
type story struct {
	revision  int
	plan      *domain.Plan
	rendered  *domain.Rendered
	decided   *domain.Decided
	shots     []domain.ShotRecord
	last      domain.Step
	published time.Time // zero: not
	failed    string
	takenDown bool
}

func storyOf(clip view.Clip) story {
	var st story
	for _, step := range clip.Steps {
		st.revision = max(st.revision, step.Revision)
	}
	for i := range clip.Steps {
		step := &clip.Steps[i]
		if step.Step == domain.StepTakenDown {
			st.takenDown = true
		}
		if step.Revision != st.revision {
			continue
		}
		if step.Plan != nil {
			st.plan = step.Plan
		}
		if len(step.Shots) > 0 {
			st.shots = step.Shots
		}
		if step.Rendered != nil {
			st.rendered = step.Rendered
		}
		switch step.Step {
		case domain.StepDecided:
			if step.Decided != nil {
				st.decided = step.Decided
			}
		case domain.StepPublished:
			st.published = step.At
		case domain.StepFailed:
			st.failed = step.Note
		}
		st.last = step.Step
	}
	if v := clip.ByPerson; v != nil && v.Revision == st.revision && (st.decided == nil || st.decided.By == byRule) {
		st.decided = v
	}
	return st
}

// clipState names a clip's state.
func clipState(clip view.Clip) string { return storyOf(clip).state() }

func (st story) state() string {
	switch {
	case st.takenDown:
		return "taken_down"
	case !st.published.IsZero():
		return "published"
	case st.decided != nil && st.decided.Verdict == domain.VerdictRejected:
		return "rejected"
	case st.last == domain.StepFailed:
		return "failed"
	case st.decided != nil && st.rendered != nil:
		return string(st.decided.Verdict)
	case st.rendered != nil:
		return "rendered"
	case st.last == domain.StepDecided: // before it was rendered
		return string(domain.StepCut)
	case st.last == "":
		return "requested"
	}
	return string(st.last)
}

// clipMessage is a clip as people see it. started caches the broadcasts' beginnings over a page; nil: no page.
func (s *Service) clipMessage(ctx context.Context, c caller, clip view.Clip, started map[domain.BroadcastID]time.Time) *opsv1.Clip {
	st := storyOf(clip)
	m := &opsv1.Clip{
		ClipId: string(clip.ID), StreamId: string(clip.Envelope.Stream), BroadcastId: string(clip.Envelope.Broadcast),
		Lane: string(clip.Envelope.Lane), State: st.state(), Revision: int32(st.revision), PublishedAt: stamp(st.published),
		Playable: !st.published.IsZero() && !st.takenDown, Publications: publicationMessages(clip),
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
	if p := st.plan; p != nil {
		window, triggered, reasons = p.Window, p.Triggered, p.Reasons
		m.HighlightId, m.Kind, m.Score, m.By, m.Title, m.Text = string(p.Highlight), p.Kind, p.Score, p.By, p.Title, p.Text
	}
	if r := st.rendered; r != nil {
		if r.Window.Length() > 0 {
			window = r.Window
		}
		m.Title, m.Text, m.Generated, m.ClippedTo = cmp.Or(r.Title, m.Title), cmp.Or(r.Text, m.Text), r.Generated, r.ClippedTo
		m.ClippedToChinese = note.Chinese(r.ClippedTo)
		if m.Playable {
			s.addURLs(m, c, clip, *r)
		}
	}
	m.StartS, m.EndS, m.TriggeredAt, m.Reasons = window.Start.Seconds(), window.End.Seconds(), stamp(triggered), reasonMessages(reasons)
	m.Shots = shotMessages(st.shots)
	m.Steps, m.Verdict = stepMessages(clip, triggered, reasons), verdictMessage(st.decided)
	recap := st.plan != nil && len(st.plan.Chapters) > 0 // its window spans what it does not show
	if c.role >= operator && window.Length() > 0 && !recap && clip.Envelope.Broadcast != "" && !st.takenDown {
		m.Preview = "/preview/" + string(clip.ID) + "/index.m3u8"
	}
	if !st.published.IsZero() && !recap {
		if began := s.broadcastBegan(ctx, clip, started); !began.IsZero() {
			after := max(0, st.published.Sub(began.Add(window.End)).Seconds())
			m.PlayableAfterS = &after
		}
	}
	return m
}

// broadcastBegan is the wall clock of the clip's media time zero; zero when it is not known.
func (s *Service) broadcastBegan(ctx context.Context, clip view.Clip, known map[domain.BroadcastID]time.Time) time.Time {
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
		Destination: step.Destination, At: stamp(step.At), Note: step.Note, Chinese: note.Chinese(step.Note),
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
		messages = append(messages, &opsv1.Reason{Signal: r.Signal, Detail: r.Detail, AtS: r.At.Seconds(), Weight: r.Weight, Chinese: r.Chinese})
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

// publicationMessages tells of the newest revision at each destination, and of older ones what is still there of them.
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
			m.Reason = joined(m.Reason, note.StillThere.Say())
		case domain.PublicationUnknown:
			m.Reason = joined(m.Reason, note.MayStillBe.Say(p.Reason))
		}
		m.Chinese = note.Chinese(m.Reason)
	}
	return messages
}

func joined(notes ...string) string {
	return note.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }))
}

func publicationMessage(p domain.PublicationChanged, at time.Time) *opsv1.Publication {
	return &opsv1.Publication{
		ClipId: string(p.Clip), Destination: p.Destination, State: string(p.State), RemoteId: p.RemoteID, Url: p.URL,
		Reason: p.Reason, Chinese: note.Chinese(p.Reason), At: stamp(at),
	}
}
