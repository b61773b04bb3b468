package publish

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
)

// publication is a clip in the profile of one destination, as a connector hands it over.
type publication struct {
	entryKey
	hash      string          // of the revision, also when the manifest names a newer one
	manifest  domain.Manifest // the clip's, as it is now
	rendition domain.Rendition
	replaces  *domain.PublicationChanged // the revision that the destination has now, of which this is to take the place
}

// outcome is a destination's answer.
type outcome struct {
	state    domain.PublicationState
	remoteID string
	url      string
	reason   string
}

// connector brings clips to one destination. Its errors: errUnanswered, a *patience, a permanent one, or any other, after
// which the same call may be made again.
type connector interface {
	push(ctx context.Context, p publication) (outcome, error)
	withdraw(ctx context.Context, p publication, remoteID string) error
	// repeatable reports that a call whose end nobody saw may simply be made again.
	repeatable() bool
	profile() string
}

func connectors(cfg Config, deps Deps) map[string]connector {
	all := make(map[string]connector, len(cfg.Destinations))
	for _, d := range cfg.Destinations {
		switch d.Kind {
		case kindFolder:
			all[d.Name] = folder{deps.Store, d}
		case kindWebhook:
			all[d.Name] = webhook{newCaller(d, cfg.AllowPrivate, deps.Now), d, links{cfg.URL, deps.Keys, cfg.cdn(d.CDN), cfg.LinkTTL, deps.Now}}
		case kindCDN:
			all[d.Name] = cdn{newCaller(d, cfg.AllowPrivate, deps.Now), d, cfg.cdn(d.CDN)}
		}
	}
	return all
}

// errUnanswered says that the request went out and no answer came back.
var errUnanswered = note.Unanswered.Errorf()

// retryError is a destination's answer that it is to be called later.
type retryError struct {
	reason string
	after  time.Duration // 0: it does not say
}

func (p *retryError) Error() string { return p.reason }

const (
	firstPause = 2 * time.Second  // before the second call; doubled each time
	longPause  = 10 * time.Minute // at most, when the destination names none
	askedPause = time.Hour        // at most, when it does
)

func pauseAfter(calls int, err error) time.Duration {
	pause := min(longPause, firstPause<<min(calls-1, 16))
	pause += time.Duration(rand.Int64N(int64(pause)/5 + 1)) // so that many do not come back at once
	var p *retryError
	if errors.As(err, &p) && p.after > 0 {
		return max(p.after, time.Second)
	}
	return pause
}
