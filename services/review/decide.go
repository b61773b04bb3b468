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
	"liveclip/internal/record"
)

const byRule = "rule"

// decided handles clip.decided.v1: what a person said. What this service said itself comes back too, and is left.
func (s *Service) decided(ctx context.Context, e event.Envelope, d domain.Decided) error {
	n := name{e.Tenant, d.Clip, d.Revision}
	switch {
	case d.TakeDown:
		return s.takeDown(ctx, n, e, d)
	case d.By == byRule, d.Hash != "":
		return nil
	case d.By == "":
		return domain.Permanent(fmt.Errorf("verdict on clip %s: says not by whom", n))
	case d.Verdict != domain.VerdictApproved && d.Verdict != domain.VerdictRejected && d.Verdict != domain.VerdictNeedsPerson:
		return domain.Permanent(fmt.Errorf("verdict on clip %s: %.40q is none", n, d.Verdict))
	}
	verdict := record.Of[domain.Decided]{Envelope: e, Value: d}
	latest, err := s.writePersons(ctx, n, verdict)
	if err != nil {
		return fmt.Errorf("verdict on clip %s: %w", n, err)
	}
	if !latest {
		return nil
	}
	s.metrics.verdicts.WithLabelValues(string(d.Verdict), "person").Inc()
	err = s.bus.Publish(ctx, step(e, domain.ClipStep{
		Clip: n.Clip, Revision: n.Revision, Step: domain.StepDecided, At: e.Wall, Note: d.Reason, Decided: &d,
	}))
	if err != nil {
		return fmt.Errorf("verdict on clip %s: %w", n, err)
	}
	if d.Verdict == domain.VerdictRejected {
		return s.withdraw(ctx, n, verdict)
	}
	return s.release(ctx, n)
}

// writePersons keeps the latest verdict of a person; an older one that is delivered late, or again, replaces nothing.
func (s *Service) writePersons(ctx context.Context, n name, v record.Of[domain.Decided]) (latest bool, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return false, domain.Permanent(err)
	}
	key := record.VerdictByPerson(n.Tenant, n.Clip, n.Revision)
	for {
		var standing record.Of[domain.Decided]
		etag, found, err := s.find(ctx, key, &standing)
		switch {
		case err != nil:
			return false, err
		case found && standing.Envelope.ID == v.Envelope.ID:
			return true, nil
		case found && standing.Envelope.Wall.After(v.Envelope.Wall):
			return false, nil
		case found:
			_, err = s.store.PutIf(ctx, key, bytes.NewReader(body), etag)
		default:
			_, err = s.store.PutNew(ctx, key, bytes.NewReader(body))
		}
		if errors.Is(err, blob.ErrExists) || errors.Is(err, blob.ErrChanged) {
			continue
		}
		return err == nil, err
	}
}

// withdraw takes a clip down that a person rejects after it became playable. Any other verdict, and a clip that is not
// playable, it leaves.
func (s *Service) withdraw(ctx context.Context, n name, verdict record.Of[domain.Decided]) error {
	e, d := verdict.Envelope, verdict.Value
	if d.Verdict != domain.VerdictRejected || d.By == byRule {
		return nil
	}
	var manifest domain.Manifest
	_, found, err := s.find(ctx, record.Manifest(n.Tenant, n.Clip), &manifest)
	if err != nil {
		return fmt.Errorf("withdraw clip %s: %w", n, err)
	}
	if !found || manifest.Rendered.Revision != n.Revision {
		return nil
	}
	d.TakeDown = true
	follow := e.Follow(d, e.Wall, "withdraw/"+n.String())
	if err := s.takeDown(ctx, n, follow.Envelope, d); err != nil {
		return err
	}
	if err := s.bus.Publish(ctx, follow); err != nil {
		return fmt.Errorf("withdraw clip %s: %w", n, err)
	}
	return nil
}

// takeDown shuts the barrier for good. The receiver of the take-down call writes the same record first; that is harmless.
func (s *Service) takeDown(ctx context.Context, n name, e event.Envelope, d domain.Decided) error {
	written := record.Of[domain.Decided]{Envelope: e, Value: d}
	if _, err := blob.WriteNewJSON(ctx, s.store, record.TakeDown(n.Tenant, n.Clip), &written); err != nil {
		return fmt.Errorf("take down clip %s: %w", n, err)
	}
	err := s.bus.Publish(ctx, step(written.Envelope, domain.ClipStep{
		Clip: n.Clip, Revision: n.Revision, Step: domain.StepTakenDown, At: written.Envelope.Wall, Note: written.Value.Reason, Decided: &written.Value,
	}))
	if err != nil {
		return fmt.Errorf("take down clip %s: %w", n, err)
	}
	return nil
}
