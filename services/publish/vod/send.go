package vod

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
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
	// ready waits until the first byte of the part is at hand, so that a fault can still be told; hit: it was.
	ready(ctx context.Context, part span) (hit bool, err error)
	// copy sends a part, or an error and less of it, but never another byte.
	copy(ctx context.Context, w *answer, part span) error
}

// labels are the header fields of a file that are the same in every answer.
type labels struct {
	etag     string // strong, with quotes
	modified time.Time

	tag, kind, date []string // date is nil: not known
}

func newLabels(tag, kind string, modified time.Time) *labels {
	l := &labels{etag: `"` + tag + `"`, kind: []string{kind}}
	l.tag = []string{l.etag}
	if l.modified = modified.UTC().Truncate(time.Second); l.modified.Unix() > 0 {
		l.date = []string{l.modified.Format(http.TimeFormat)}
	} else {
		l.modified = time.Time{}
	}
	return l
}

var acceptBytes = []string{"bytes"}

// sendObject answers with an object of the store.
func (v *Handler) sendObject(w *answer, r *http.Request, a *asked, o object) {
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
	v.respond(w, r, a, reply{body, body.info.Size, l, o.film})
}

// sendText answers with text made for this URL; its tag is of the text.
func (v *Handler) sendText(w *answer, r *http.Request, a *asked, kind string, body []byte, err error) {
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
func (v *Handler) respond(w *answer, r *http.Request, a *asked, out reply) {
	w.served.Size = out.size
	h := w.Header()
	h["Etag"], h["Accept-Ranges"] = out.labels.tag, acceptBytes
	if out.labels.date != nil {
		h["Last-Modified"] = out.labels.date
	}
	cacheFor(w, a)
	of := version{out.labels.etag, out.labels.modified}
	switch evaluate(r.Header, of) {
	case conditionFailed:
		writeProblem(w, r, http.StatusPreconditionFailed, "the file is not the one the condition asks for")
		return
	case conditionNotModified:
		w.WriteHeader(http.StatusNotModified)
		return
	}
	chosen := choice{selection: selectWhole}
	if r.Method == http.MethodGet && rangeHolds(r.Header, of) {
		chosen = parseRange(r.Header["Range"], out.size, w.parts[:0])
	}
	if chosen.selection == selectNone {
		mark := len(w.made)
		w.made = strconv.AppendInt(append(w.made, "bytes */"...), out.size, 10)
		w.set("Content-Range", mark)
		writeProblem(w, r, http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("the file has %d bytes", out.size))
		return
	}
	if chosen.selection == selectWhole {
		chosen.parts = append(w.parts[:0], span{0, out.size - 1})
	}
	if r.Method == http.MethodGet && out.size > 0 {
		hit, err := out.from.ready(r.Context(), chosen.parts[0])
		if err != nil {
			h.Del("ETag")
			h.Del("Last-Modified")
			v.fail(w, r, a, err)
			return
		}
		w.served.CacheHit = w.served.CacheHit && hit
	}
	h["Content-Type"] = out.labels.kind
	if err := v.sendBody(w, r, a, out, chosen); err != nil {
		w.cut = true
		if r.Context().Err() == nil {
			v.deps.Log.Debug("clip sent in part", "clip_id", a.clip, "file", a.file, "sent", w.served.Sent, "error", err)
		}
	}
}

// sendBody sends what was chosen, its head before it.
func (v *Handler) sendBody(w *answer, r *http.Request, a *asked, out reply, chosen choice) error {
	ctx, part := r.Context(), chosen.parts[0]
	status := http.StatusOK
	w.served.From = part.first
	if chosen.selection == selectParts {
		w.served.Ranges, status = len(chosen.parts), http.StatusPartialContent
		if len(chosen.parts) > 1 {
			return sendParts(ctx, w, out, chosen.parts)
		}
		mark := len(w.made)
		w.made = part.appendRange(w.made, out.size)
		w.set("Content-Range", mark)
	}
	mark := len(w.made)
	w.made = strconv.AppendInt(w.made, part.length(), 10)
	w.set("Content-Length", mark)
	w.WriteHeader(status)
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

func (inMemory) ready(context.Context, span) (bool, error) { return true, nil }

func (m inMemory) copy(_ context.Context, w *answer, part span) error {
	_, err := w.Write(m[part.first : part.last+1])
	return err
}
