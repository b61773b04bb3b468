package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
)

// release passes the barrier if everything is there: renditions, an approved verdict, no take-down. Whoever has just
// written one of these calls it; each writes before it looks, so the last of them sees all. Calling it again is harmless.
func (s *Service) release(ctx context.Context, n name) error {
	var rendered record.Of[domain.Rendered]
	_, whole, err := s.find(ctx, record.Rendered(n.Tenant, n.Clip, n.Revision), &rendered)
	if err != nil {
		return fmt.Errorf("release clip %s: %w", n, err)
	}
	open, _, err := s.open(ctx, n)
	if err != nil {
		return fmt.Errorf("release clip %s: %w", n, err)
	}
	if !whole || !open {
		return nil
	}
	manifest, wrote, err := s.writeManifest(ctx, n, rendered)
	if err != nil {
		return fmt.Errorf("release clip %s: %w", n, err)
	}
	if manifest.Rendered.Revision != n.Revision {
		return nil
	}
	// A person may have rejected, or taken down, between the look and the write.
	open, verdict, err := s.open(ctx, n)
	if err != nil {
		return fmt.Errorf("release clip %s: %w", n, err)
	}
	if !open {
		return s.withdraw(ctx, n, verdict)
	}
	if err := s.playable(ctx, n, rendered, manifest, verdict.Value); err != nil {
		return err
	}
	if wrote {
		s.observePublished(ctx, n, manifest)
	}
	return nil
}

// open reports whether a clip may be published: approved by the verdict that counts, and not taken down.
func (s *Service) open(ctx context.Context, n name) (bool, record.Of[domain.Decided], error) {
	verdict, given, err := s.verdict(ctx, n)
	if err != nil {
		return false, verdict, err
	}
	down, err := s.takenDown(ctx, n)
	return given && !down && verdict.Value.Verdict == domain.VerdictApproved, verdict, err
}

// verdict is the one that counts: a person's, else the rule's.
func (s *Service) verdict(ctx context.Context, n name) (v record.Of[domain.Decided], given bool, err error) {
	for _, key := range []string{record.VerdictByPerson(n.Tenant, n.Clip, n.Revision), record.VerdictByRule(n.Tenant, n.Clip, n.Revision)} {
		if _, given, err = s.find(ctx, key, &v); given || err != nil {
			return v, given, err
		}
	}
	return v, false, nil
}

// playable tells that the clip is: the step, and the verdict with the manifest's hash, which alone is published anywhere.
func (s *Service) playable(ctx context.Context, n name, rendered record.Of[domain.Rendered], manifest domain.Manifest, verdict domain.Decided) error {
	verdict.Hash = rendered.Value.Hash
	published := step(rendered.Envelope, domain.ClipStep{
		Clip: n.Clip, Revision: n.Revision, Step: domain.StepPublished, At: manifest.Published,
		Rendered: &rendered.Value, Note: remarks(rendered.Value),
	})
	if err := s.bus.Publish(ctx, published, rendered.Envelope.Follow(verdict, manifest.Published, "published/"+n.String())); err != nil {
		return fmt.Errorf("announce clip %s: %w", n, err)
	}
	return nil
}

// writeManifest makes the revision the clip's current one with one conditional write, unless it, or a later one, has it. It
// gives the manifest that stands.
func (s *Service) writeManifest(ctx context.Context, n name, rendered record.Of[domain.Rendered]) (manifest domain.Manifest, wrote bool, err error) {
	e := rendered.Envelope
	next := domain.Manifest{Tenant: n.Tenant, Stream: e.Stream, Broadcast: e.Broadcast, Rendered: rendered.Value, Published: s.now().UTC()}
	body, err := json.Marshal(next)
	if err != nil {
		return domain.Manifest{}, false, domain.Permanent(err)
	}
	key := record.Manifest(n.Tenant, n.Clip)
	for {
		var standing domain.Manifest
		etag, found, err := s.find(ctx, key, &standing)
		switch {
		case err != nil:
			return domain.Manifest{}, false, err
		case found && standing.Rendered.Revision >= n.Revision:
			return standing, false, nil
		case found:
			_, err = s.store.PutIf(ctx, key, bytes.NewReader(body), etag)
		default:
			_, err = s.store.PutNew(ctx, key, bytes.NewReader(body))
		}
		if errors.Is(err, blob.ErrExists) || errors.Is(err, blob.ErrChanged) {
			continue
		}
		return next, err == nil, err
	}
}

func (s *Service) observePublished(ctx context.Context, n name, m domain.Manifest) {
	s.metrics.published.Inc()
	var plan record.Of[domain.Plan]
	if _, found, err := s.find(ctx, record.Plan(n.Tenant, n.Clip, n.Revision), &plan); err == nil && found && !plan.Value.Triggered.IsZero() {
		s.metrics.playable.Observe(m.Published.Sub(plan.Value.Triggered).Seconds())
	}
	s.log.Info("clip published", "clip_id", n.Clip, "revision", n.Revision, "stream_id", m.Stream, "hash", m.Rendered.Hash)
}

// failed ends the clip's story with a reason for a person.
func (s *Service) failed(ctx context.Context, n name, cause error) error {
	var cut record.Of[domain.Cut]
	if err := s.mustRead(ctx, record.Cut(n.Tenant, n.Clip, n.Revision), &cut); err != nil {
		return err
	}
	return s.bus.Publish(ctx, step(cut.Envelope, domain.ClipStep{
		Clip: n.Clip, Revision: n.Revision, Step: domain.StepFailed, At: s.now(), Note: note.NotFinished.Say(cause),
	}))
}

// tell publishes a record and its step. Both were, or will be, told the same way by every repeat.
func (s *Service) tell(ctx context.Context, e event.Envelope, payload any, story domain.ClipStep) error {
	return s.bus.Publish(ctx, event.Event{Envelope: e, Payload: payload}, step(e, story))
}
