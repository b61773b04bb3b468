package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/sign"
	opsv1 "liveclip/proto/ops/v1"
)

// player is the name of a caller that plays a clip by a signed URL, without a token.
const player = "player"

type grantKey struct{}

// authenticatePlayback lets in a caller with a token, or a player that shows the signed URL it played: a beacon sets no headers,
// and viewers have no tokens.
func (s *Service) authenticatePlayback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requestToken(r, true) != "" {
			s.requireRole(viewer, true, next).ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var shown struct {
			URL string `json:"url"`
		}
		_ = json.Unmarshal(body, &shown) // what does not fit the gateway says
		grant, err := s.playedGrant(shown.URL)
		if err != nil {
			writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
			return
		}
		ctx := withCaller(r.Context(), caller{name: player, role: viewer, tenant: grant.Tenant})
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, grantKey{}, grant)))
	})
}

// playedGrant is the grant of the signed URL that a player played.
func (s *Service) playedGrant(signed string) (sign.Grant, error) {
	if signed == "" {
		return sign.Grant{}, problemf(http.StatusUnauthorized, "no token, and no url: send the signed URL that was played")
	}
	u, err := url.Parse(signed)
	if err == nil {
		var grant sign.Grant
		if grant, err = s.Keys.Check(u, s.Now()); err == nil {
			return grant, nil
		}
	}
	return sign.Grant{}, problemf(http.StatusUnauthorized, "url: not a signed URL that is valid now")
}

// Bounds of what a player may report.
const (
	maxPlayed  = 24 * time.Hour
	maxFetched = int64(1) << 40
	maxStalls  = 10000
)

// ReportPlayback publishes what a player says of its playback: a claim, which nobody has checked.
func (s *Service) ReportPlayback(ctx context.Context, req *opsv1.ReportPlaybackRequest) (*opsv1.ReportPlaybackReply, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	grant, signed := ctx.Value(grantKey{}).(sign.Grant)
	if signed && !strings.HasPrefix(grant.Path, "/vod/"+req.ClipId+"/") {
		return nil, problemf(http.StatusForbidden, "url: is not of clip %.80q", req.ClipId)
	}
	report, err := playbackReport(req)
	if err != nil {
		return nil, err
	}
	if signed && report.Session == "" {
		report.Session = grant.Session
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	e := clip.Envelope
	e.ID = domain.H("event", string(event.PlaybackReported), string(clip.ID), report.Session, fmt.Sprint(now.UnixNano()))
	e.Wall, e.Cause, e.Sequence, e.Trace = now, "", 0, ""
	if err := s.Bus.Publish(ctx, event.Event{Envelope: e, Payload: report}); err != nil {
		return nil, fmt.Errorf("publish playback report of clip %s: %w", clip.ID, err)
	}
	return &opsv1.ReportPlaybackReply{}, nil
}

func playbackReport(req *opsv1.ReportPlaybackRequest) (domain.PlaybackReport, error) {
	report := domain.PlaybackReport{Clip: domain.ClipID(req.ClipId), Session: req.Session, Stalls: int(req.Stalls)}
	if len(req.Session) > maxSignalID {
		return report, unprocessable("session: longer than %d bytes", maxSignalID)
	}
	if req.Stalls < 0 || req.Stalls > maxStalls {
		return report, unprocessable("stalls: must be 0 to %d, is %d", maxStalls, req.Stalls)
	}
	for name, field := range map[string]struct {
		given float64
		to    *int64
	}{"fetched_bytes": {req.FetchedBytes, &report.Fetched}, "wasted_bytes": {req.WastedBytes, &report.Wasted}} {
		if math.IsNaN(field.given) || field.given < 0 || field.given > float64(maxFetched) {
			return report, unprocessable("%s: must be 0 to %d, is %g", name, maxFetched, field.given)
		}
		*field.to = int64(field.given)
	}
	for name, field := range map[string]struct {
		given float64
		to    *time.Duration
	}{"played_s": {req.PlayedS, &report.Played}, "startup_s": {req.StartupS, &report.Startup}} {
		if math.IsNaN(field.given) || field.given < 0 || field.given > maxPlayed.Seconds() {
			return report, unprocessable("%s: must be 0 to %g, is %g", name, maxPlayed.Seconds(), field.given)
		}
		*field.to = time.Duration(field.given * float64(time.Second))
	}
	if report.Wasted > report.Fetched {
		return report, unprocessable("wasted_bytes: more than fetched_bytes")
	}
	return report, nil
}
