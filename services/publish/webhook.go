package publish

import (
	"context"
	"errors"

	"liveclip/internal/domain"
)

// webhook tells a URL of clips.
type webhook struct {
	caller
	dest  Destination
	links links
}

func (w webhook) repeatable() bool { return false }
func (w webhook) profile() string  { return w.dest.Profile }

func (w webhook) push(ctx context.Context, p publication) (outcome, error) {
	m := messageOf(eventPublished, p, "")
	if err := w.links.fill(&m, p); err != nil {
		return outcome{}, domain.Permanent(err)
	}
	status, said, err := w.call(ctx, m, p.String())
	if err != nil {
		return outcome{}, err
	}
	if status/100 != 2 {
		return outcome{state: domain.PublicationRejected, reason: refusal(status, said)}, nil
	}
	o := outcome{state: domain.PublicationAccepted, remoteID: truncate(said.ID, 256), url: truncate(said.URL, 2048), reason: truncate(said.Detail, 500)}
	switch said.State {
	case string(domain.PublicationVisible):
		o.state = domain.PublicationVisible
	case string(domain.PublicationRejected):
		o.state = domain.PublicationRejected
	}
	return o, nil
}

func (w webhook) withdraw(ctx context.Context, p publication, remoteID string) error {
	status, said, err := w.call(ctx, messageOf(eventWithdrawn, p, remoteID), p.String()+"/withdrawn")
	if err == nil && status/100 != 2 {
		err = domain.Permanent(errors.New(refusal(status, said)))
	}
	return err
}
