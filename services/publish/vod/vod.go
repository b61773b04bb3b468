package vod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"regexp"
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
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	Deliver func(Delivery) // is told of every answer for a clip that exists; must not block
}

// Handler serves /vod/{clip_id}/{hash}/{file} to whoever shows a signature for it. It must get the server's own
// ResponseWriter: a wrapped one can't send files. Safe for concurrent use.
type Handler struct {
	deps      Deps
	metrics   metrics
	catalog   *catalog
	playlists *playlists
	patience  time.Duration // with a reader, for each step
}

// New opens nothing.
func New(cfg Config, deps Deps) (*Handler, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("vod: %w", err)
	}
	return &Handler{
		deps: deps, metrics: m, catalog: newCatalog(deps.Store, deps.Now), playlists: newPlaylists(deps.Store), patience: cfg.Patience,
	}, nil
}

// Drop has the clip's manifest and take-down read anew: something was decided about it.
func (v *Handler) Drop(tenant domain.Tenant, clip domain.ClipID) {
	v.catalog.drop(clipKey{tenant, clip})
}

// asked is a request on its way to an answer.
type asked struct {
	clip    domain.ClipID
	hash    string
	file    string
	grant   sign.Grant
	found   playable
	started time.Time
}

const year = 365 * 24 * time.Hour

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (v *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := asked{started: v.deps.Now()}
	out := &answer{ResponseWriter: w, now: v.deps.Now, patience: v.patience}
	allowOrigins(w.Header())
	v.serve(out, r, &a)
	v.metrics.answered(out.served.Status, out.served.Sent)
	if a.found.manifest.Rendered.Clip != "" {
		v.deps.Deliver(v.deliveryOf(r, a, out.end(r, a.started)))
	}
}

func (v *Handler) serve(w *answer, r *http.Request, a *asked) {
	if preflight(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, r, http.StatusMethodNotAllowed, "the VOD path is read with GET or HEAD")
		return
	}
	var ok bool
	if a.clip, a.hash, a.file, ok = splitPath(r.URL.Path); !ok {
		writeProblem(w, r, http.StatusNotFound, "no such path: it is /vod/{clip_id}/{hash}/{file}")
		return
	}
	var err error
	if a.grant, err = v.deps.Keys.Check(r.URL, a.started); err != nil {
		detail := "this URL is not signed, or was altered"
		if errors.Is(err, sign.ErrExpired) {
			detail = "this URL has expired"
		}
		writeProblem(w, r, http.StatusForbidden, detail)
		return
	}
	found, err := v.catalog.find(r.Context(), clipKey{a.grant.Tenant, a.clip})
	switch {
	case errors.Is(err, blob.ErrNotFound):
		writeProblem(w, r, http.StatusNotFound, "no such clip")
		return
	case err != nil:
		v.fail(w, r, a, err)
		return
	}
	a.found = found
	switch {
	case found.taken:
		writeProblem(w, r, http.StatusGone, "this clip was taken down")
	case found.manifest.Rendered.Hash != a.hash:
		writeProblem(w, r, http.StatusNotFound, "no such version of this clip")
	default:
		v.send(w, r, a)
	}
}

// send answers with the file, if the clip has it.
func (v *Handler) send(w *answer, r *http.Request, a *asked) {
	rendered := a.found.manifest.Rendered
	base, extension := strings.TrimSuffix(a.file, path.Ext(a.file)), path.Ext(a.file)
	switch {
	case a.file == "index.m3u8":
		body, err := v.playlists.master(r.Context(), rendered, r.URL.RawQuery)
		v.sendPlaylist(w, r, a, body, err)
		return
	case a.file == "cover.jpg" && rendered.Cover != "":
		v.sendObject(w, r, a, object{key: rendered.Cover, kind: "image/jpeg"})
		return
	case extension == ".vtt" && rendered.Subtitles != "" && (base == "subtitles" || a.file == path.Base(rendered.Subtitles)):
		v.sendObject(w, r, a, object{key: rendered.Subtitles, kind: "text/vtt; charset=utf-8"})
		return
	}
	for _, rendition := range rendered.Renditions {
		if rendition.Profile != base {
			continue
		}
		switch extension {
		case ".mp4":
			v.sendObject(w, r, a, object{key: rendition.Key, kind: "video/mp4", size: rendition.Bytes, content: rendition.SHA256})
			return
		case ".m3u8":
			body, err := v.playlists.media(r.Context(), rendition, r.URL.RawQuery)
			v.sendPlaylist(w, r, a, body, err)
			return
		}
	}
	writeProblem(w, r, http.StatusNotFound, "this clip has no such file")
}

// fail answers what is our own fault. A client that left is none.
func (v *Handler) fail(w *answer, r *http.Request, a *asked, err error) {
	if r.Context().Err() == nil || !errors.Is(err, context.Canceled) {
		v.deps.Log.Error("clip not served", "clip_id", a.clip, "file", a.file, "error", err)
	}
	writeProblem(w, r, http.StatusInternalServerError, "this file cannot be read now")
}

func splitPath(p string) (clip domain.ClipID, hash, file string, ok bool) {
	parts := strings.Split(p, "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "vod" {
		return "", "", "", false
	}
	ok = idPattern.MatchString(parts[2]) && idPattern.MatchString(parts[3]) && parts[4] != ""
	return domain.ClipID(parts[2]), parts[3], parts[4], ok
}

// allowOrigins lets players of any origin read: what guards a clip is its signature, not who embeds it.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, Date, ETag")
	h.Set("X-Content-Type-Options", "nosniff")
}

// preflight answers a browser that asks whether it may send a Range or a condition.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Request-Id")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// cacheFor lets caches keep a file as long as its URL holds: what it names never changes.
func cacheFor(h http.Header, a *asked) {
	age := min(year, max(0, a.grant.Expires.Sub(a.started)))
	h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(int64(age/time.Second), 10)+", immutable")
}
