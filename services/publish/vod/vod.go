package vod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/sign"
)

// Deps is what the VOD path works with.
type Deps struct {
	Store   blob.Store
	Keys    sign.Keys
	CDNs    []sign.CDN    // before this origin
	LinkTTL time.Duration // of links in texts for a CDN that does not tell how long its viewer's own hold
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	Deliver func(*Delivery) // is told of every answer for a clip that exists; must not block, nor keep it
}

// Handler serves /vod/{clip_id}/{hash}/{file} to whoever shows a signature for it. It must get the server's own
// ResponseWriter: a wrapped one can't send files. Safe for concurrent use.
type Handler struct {
	deps       Deps
	metrics    *metrics
	catalog    *catalog
	access     access
	indexes    *indexes
	requests   *numbers
	patience   time.Duration // with a reader, for each step
	bodyWithin time.Duration // a request's body must have come, which should have none
	shelf      *shelf
	pacing     Pace
	pause      func(*http.Request, time.Duration)
}

// New opens nothing.
func New(cfg Config, deps Deps) (*Handler, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("vod: %w", err)
	}
	from, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("vod: %w", err)
	}
	return &Handler{
		deps: deps, metrics: m, catalog: newCatalog(deps.Store, deps.Now), indexes: newIndexes(deps.Store),
		requests: newNumbers(), patience: cfg.Patience, bodyWithin: 10 * time.Second, pacing: cfg.Pace, pause: pause,
		shelf: newShelf(deps.Store, cfg, deps.Now),
		access: access{
			keys: deps.Keys, cdns: deps.CDNs, referer: cfg.Referer, linkTTL: deps.LinkTTL, from: from,
			sessions: newLimiter[string](cfg.Limits.Session, deps.Now), addresses: newLimiter[netip.Addr](cfg.Limits.Address, deps.Now),
			good: newRecent[signed, pass](grantsKept),
		},
	}, nil
}

// Drop has the clip's manifest and take-down read anew: something was decided about it.
func (v *Handler) Drop(tenant domain.Tenant, clip domain.ClipID) {
	v.catalog.drop(clipKey{tenant, clip})
}

// request is a request on its way to an answer.
type request struct {
	clip    domain.ClipID
	hash    string
	file    string
	profile string // the rung, where file is one's
	private bool   // no shared cache may keep the answer
	in      admission
	found   playable
	started time.Time
}

const year = 365 * 24 * time.Hour

func (v *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := v.visit(w)
	v.serve(&x.answer, r, &x.request)
	v.metrics.answered(x.served.Status, x.served.Sent)
	cut := x.cut && x.direct == nil // who sends directly sees by itself what is lacking
	if x.found.manifest.Rendered.Clip == "" {
		visits.Put(x)
	} else {
		v.tell(&x.told, r, &x.request, x.account(r, x.started))
		if x.direct != nil {
			x.direct.Settle(x)
		} else {
			x.Settled(-1)
		}
	}
	if cut {
		panic(http.ErrAbortHandler) // the one way to end the connection, or the HTTP/2 stream, without a right-looking end
	}
}

func (v *Handler) serve(w *answer, r *http.Request, a *request) {
	if w.direct == nil && r.ProtoMajor == 1 && r.ContentLength != 0 && !v.readBody(w, r) {
		w.Header().Set("Connection", "close")
		writeProblem(w, r, http.StatusBadRequest, "the request's body is too long, or did not come: it should have none")
		return
	}
	if preflight(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, r, http.StatusMethodNotAllowed, "the VOD path is read with GET or HEAD")
		return
	}
	if wait := v.access.addressWait(r); wait > 0 {
		tooMany(w, r, wait, "address")
		return
	}
	var ok bool
	if a.clip, a.hash, a.file, ok = splitPath(r.URL.Path); !ok {
		writeProblem(w, r, http.StatusNotFound, "no such path: it is /vod/{clip_id}/{hash}/{file}")
		return
	}
	var err error
	if a.in, err = v.access.admit(r, a.started); err != nil {
		detail := "this URL is not signed, or was altered"
		if errors.Is(err, sign.ErrExpired) {
			detail = "this URL has expired"
		}
		writeProblem(w, r, http.StatusForbidden, detail)
		return
	}
	found, err := v.catalog.find(r.Context(), clipKey{a.in.Tenant, a.clip})
	switch {
	case errors.Is(err, blob.ErrNotFound):
		writeProblem(w, r, http.StatusNotFound, "no such clip")
		return
	case err != nil:
		v.fail(w, r, a, err)
		return
	}
	a.found = found
	wait := time.Duration(0)
	if a.in.Session != "" {
		wait = v.access.sessions.wait(a.in.Session)
	}
	switch {
	case found.taken:
		writeProblem(w, r, http.StatusGone, "this clip was taken down")
	case found.manifest.Rendered.Hash != a.hash:
		writeProblem(w, r, http.StatusNotFound, "no such version of this clip")
	case !a.in.via && !v.access.referer.allows(r.Referer()):
		writeProblem(w, r, http.StatusForbidden, "this page may not embed clips")
	case wait > 0:
		tooMany(w, r, wait, "session")
	default:
		v.send(w, r, a)
	}
}

const maxBody = 64 << 10 // bytes of a request's, which should have none

// readBody takes a body out of the way; false: not all of it. net/http would wait for one for ever, when the answer is over.
func (v *Handler) readBody(w *answer, r *http.Request) bool {
	limits := http.NewResponseController(w.ResponseWriter)
	_ = limits.SetReadDeadline(time.Now().Add(v.bodyWithin))
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxBody+1))
	if err != nil || n > maxBody {
		_ = limits.SetReadDeadline(time.Unix(1, 0))
		return false
	}
	_ = limits.SetReadDeadline(time.Time{})
	return true
}

// send answers with the file, if the clip has it. Renditions are looked for first: they are nearly all that is asked for.
func (v *Handler) send(w *answer, r *http.Request, a *request) {
	for i := range a.found.manifest.Rendered.Renditions {
		rendition := &a.found.manifest.Rendered.Renditions[i]
		if profile, ok := strings.CutSuffix(a.file, ".mp4"); ok && profile == rendition.Profile {
			a.profile = profile
			v.sendObject(w, r, a, object{key: rendition.Key, kind: "video/mp4", size: rendition.Bytes, content: rendition.SHA256, film: rendition})
			return
		}
	}
	f, ok := v.file(a.found.manifest.Rendered, a.file, func(file string) (string, error) {
		return v.access.link(a.in, r.URL.RawQuery, file)
	})
	if !ok {
		writeProblem(w, r, http.StatusNotFound, "this clip has no such file")
		return
	}
	a.profile, a.private = f.profile, f.private
	if f.text == nil {
		v.sendObject(w, r, a, f.object)
		return
	}
	body, err := f.text(r.Context())
	v.sendText(w, r, a, f.kind, body, err)
}

// fail answers what is our own fault. A client that left is none.
func (v *Handler) fail(w *answer, r *http.Request, a *request, err error) {
	if r.Context().Err() == nil || !errors.Is(err, context.Canceled) {
		v.deps.Log.Error("clip not served", "clip_id", a.clip, "file", a.file, "error", err)
	}
	writeProblem(w, r, http.StatusInternalServerError, "this file cannot be read now")
}

func splitPath(p string) (clip domain.ClipID, hash, file string, ok bool) {
	rest, ok := strings.CutPrefix(p, "/vod/")
	if !ok {
		return "", "", "", false
	}
	id, rest, _ := strings.Cut(rest, "/")
	hash, file, _ = strings.Cut(rest, "/")
	return domain.ClipID(id), hash, file, isID(id) && isID(hash) && file != "" && !strings.Contains(file, "/")
}

// isID accepts 1 to 64 letters, digits, '_' or '-'.
func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// appendCacheControl lets caches keep a file as long as its URL holds: what it names never changes.
func appendCacheControl(b []byte, a *request) []byte {
	age := min(year, max(0, a.in.Expires.Sub(a.started)))
	if a.private {
		b = append(b, "private, max-age="...)
	} else {
		b = append(b, "public, max-age="...)
	}
	return append(strconv.AppendInt(b, int64(age/time.Second), 10), ", immutable"...)
}
