package vod

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/outlet"
)

// object is a file of a clip as the manifest names it.
type object struct {
	key     string
	kind    string            // Content-Type
	size    int64             // as the manifest says; 0: it does not
	content string            // hash of the bytes; empty: the clip's own hash and the file's name stand for it
	film    *domain.Rendition // what it plays; nil: it is no film
}

// source gives the bytes of what is served.
type source interface {
	// ready waits until the first byte of the part is at hand, so that a fault can still be told; hit: it was. It stays at hand
	// until done is called, also after an error. left: nobody waits for it any more.
	ready(ctx context.Context, part span) (hit bool, done func(left bool), err error)
	// copy sends a part, or an error and less of it, but never another byte.
	copy(ctx context.Context, w *answer, part span) error
}

// labels are the header fields of a file that are the same in every answer.
type labels struct {
	etag     string // strong, with quotes
	modified time.Time

	tag, kind, date []string // date is nil: not known
	lines           []byte   // all of them as lines of a head
}

func newLabels(tag, kind string, modified time.Time) *labels {
	l := &labels{etag: `"` + tag + `"`, kind: []string{kind}}
	l.tag = []string{l.etag}
	if l.modified = modified.UTC().Truncate(time.Second); l.modified.Unix() > 0 {
		l.date = []string{l.modified.Format(http.TimeFormat)}
	} else {
		l.modified = time.Time{}
	}
	l.lines = fmt.Appendf(nil, allowLines+"Etag: %s\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n", l.etag, kind)
	if l.date != nil {
		l.lines = fmt.Appendf(l.lines, "Last-Modified: %s\r\n", l.date[0])
	}
	return l
}

var acceptBytes = []string{"bytes"}

// label says in the header what is known of the file before anything of it is sent.
func (l *labels) label(w *answer, a *request) {
	h := w.Header()
	h["Etag"], h["Accept-Ranges"] = l.tag, acceptBytes
	if l.date != nil {
		h["Last-Modified"] = l.date
	}
	h["Cache-Control"] = []string{string(appendCacheControl(nil, a))}
}

// sendObject answers with an object of the store.
func (v *Handler) sendObject(w *answer, r *http.Request, a *request, o object) {
	body, hit, err := v.shelf.take(r.Context(), o.key)
	if err == nil {
		defer v.shelf.give(body)
		if o.size > 0 && body.info.Size != o.size {
			err = domain.Permanent(fmt.Errorf("object %s has %d bytes, the manifest says %d", o.key, body.info.Size, o.size))
		}
	}
	if err != nil {
		v.fail(w, r, a, err)
		return
	}
	l := body.labels.Load()
	if l == nil || !l.modified.Equal(a.found.manifest.Published.Truncate(time.Second)) {
		tag := o.content
		if tag == "" {
			tag = fmt.Sprintf("%s-%s-%d", a.hash, a.file, body.info.Size)
		}
		l = newLabels(tag, o.kind, a.found.manifest.Published)
		body.labels.Store(l)
	}
	w.served.CacheHit = hit
	if w.direct == nil || body.file == nil {
		ctx, stop := w.watched(r.Context())
		defer stop()
		r = r.WithContext(ctx)
	}
	v.respond(w, r, a, reply{body, body.info.Size, l, o.film})
}

// sendText answers with text made for this URL; its tag is of the text.
func (v *Handler) sendText(w *answer, r *http.Request, a *request, kind string, body []byte, err error) {
	if err != nil {
		v.fail(w, r, a, err)
		return
	}
	sum := sha256.Sum256(body)
	v.respond(w, r, a, reply{inMemory(body), int64(len(body)), newLabels(hex.EncodeToString(sum[:16]), kind, a.found.manifest.Published), nil})
}

// reply is what a request is answered with, if its conditions hold.
type reply struct {
	from   source
	size   int64
	labels *labels
	film   *domain.Rendition
}

// respond answers a GET or HEAD with all RFC 9110 asks: conditions, then the range, then the bytes.
func (v *Handler) respond(w *answer, r *http.Request, a *request, out reply) {
	w.served.Size = out.size
	of := version{out.labels.etag, out.labels.modified}
	switch evaluate(r.Header, of) {
	case conditionFailed:
		out.labels.label(w, a)
		writeProblem(w, r, http.StatusPreconditionFailed, "the file is not the one the condition asks for")
		return
	case conditionNotModified:
		out.labels.label(w, a)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	chosen := choice{selection: selectWhole}
	if r.Method == http.MethodGet && rangeHolds(r.Header, of) {
		chosen = parseRange(r.Header["Range"], out.size, w.parts[:0])
	}
	if chosen.selection == selectNone {
		out.labels.label(w, a)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", out.size))
		writeProblem(w, r, http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("the file has %d bytes", out.size))
		return
	}
	if chosen.selection == selectWhole {
		chosen.parts = append(w.parts[:0], span{0, out.size - 1})
	}
	done := nothing
	if r.Method == http.MethodGet && out.size > 0 {
		var hit bool
		var err error
		if hit, done, err = out.from.ready(r.Context(), chosen.parts[0]); err != nil {
			done(true)
			v.fail(w, r, a, err)
			return
		}
		w.served.CacheHit = w.served.CacheHit && hit
	}
	err := v.sendBody(w, r, a, out, chosen)
	done(err != nil)
	if err == nil {
		return
	}
	w.cut = true
	if errors.Is(err, errTaken) || errors.Is(err, outlet.ErrEnded) || errors.Is(context.Cause(r.Context()), errTaken) {
		v.metrics.ended.Inc()
	} else if r.Context().Err() == nil {
		v.deps.Log.Debug("clip sent in part", "clip_id", a.clip, "file", a.file, "sent", w.served.Sent, "error", err)
	}
}

// sendBody sends what was chosen, its head before it.
func (v *Handler) sendBody(w *answer, r *http.Request, a *request, out reply, chosen choice) error {
	ctx, part := r.Context(), chosen.parts[0]
	w.served.From = part.first
	if chosen.selection == selectParts {
		w.served.Ranges = len(chosen.parts)
		if len(chosen.parts) > 1 {
			out.labels.label(w, a)
			return sendParts(ctx, w, out, chosen.parts)
		}
	}
	sendHead(w, a, out, part)
	if r.Method == http.MethodHead || part.length() == 0 {
		return nil
	}
	if out.film != nil && !a.in.via && (chosen.open || chosen.selection == selectWhole) {
		if p, ok := v.pace(ctx, out, part); ok {
			return p.send(r, w, out.from, part)
		}
	}
	return out.from.copy(ctx, w, part)
}

// sendHead sends the head of one part, or of the whole.
func sendHead(w *answer, a *request, out reply, part span) {
	status := http.StatusOK
	if w.served.Ranges > 0 {
		status = http.StatusPartialContent
	}
	if w.direct != nil {
		w.made = append(appendCacheControl(append(w.made, "Cache-Control: "...), a), "\r\n"...)
		if w.served.Ranges > 0 {
			w.made = append(part.appendRange(append(w.made, "Content-Range: "...), out.size), "\r\n"...)
		}
		w.writeHead(status, part.length(), out.labels.lines)
		return
	}
	out.labels.label(w, a)
	h := w.Header()
	h["Content-Type"] = out.labels.kind
	h["Content-Length"] = []string{strconv.FormatInt(part.length(), 10)}
	if w.served.Ranges > 0 {
		h["Content-Range"] = []string{string(part.appendRange(nil, out.size))}
	}
	w.WriteHeader(status)
}

// sendParts answers multipart/byteranges, its length known beforehand.
func sendParts(ctx context.Context, w *answer, out reply, parts []span) error {
	h := w.Header()
	boundary := domain.H("boundary", out.labels.etag, fmt.Sprint(parts))
	heads := make([]string, len(parts))
	end := "\r\n--" + boundary + "--\r\n"
	length := int64(len(end))
	for i, part := range parts {
		heads[i] = fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", boundary, out.labels.kind[0], part.appendRange(nil, out.size))
		if i == 0 {
			heads[i] = strings.TrimPrefix(heads[i], "\r\n")
		}
		length += int64(len(heads[i])) + part.length()
	}
	h["Content-Type"] = []string{"multipart/byteranges; boundary=" + boundary}
	h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	w.WriteHeader(http.StatusPartialContent)
	for i, part := range parts {
		if _, err := w.Write([]byte(heads[i])); err != nil {
			return err
		}
		if err := out.from.copy(ctx, w, part); err != nil {
			return err
		}
	}
	_, err := w.Write([]byte(end))
	return err
}

// inMemory is text made for the request.
type inMemory []byte

func (inMemory) ready(context.Context, span) (bool, func(bool), error) { return true, nothing, nil }

func (m inMemory) copy(_ context.Context, w *answer, part span) error {
	_, err := w.Write(m[part.first : part.last+1])
	return err
}
