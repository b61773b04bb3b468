package vod

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

// object is a file of a clip as the manifest names it.
type object struct {
	key     string
	kind    string // Content-Type
	size    int64  // as the manifest says; 0: it does not
	content string // hash of the bytes; empty: the clip's own hash and the file's name stand for it
}

// source gives the bytes of what is served.
type source interface {
	// copy sends a part.
	copy(ctx context.Context, w *answer, part span) error
}

// sendObject answers with an object of the store.
func (v *Handler) sendObject(w *answer, r *http.Request, a *asked, o object) {
	body, info, err := v.open(r.Context(), o.key)
	if err == nil {
		defer body.Close()
		if o.size > 0 && info.Size != o.size {
			err = domain.Permanent(fmt.Errorf("object %s has %d bytes, the manifest says %d", o.key, info.Size, o.size))
		}
	}
	if err != nil {
		v.fail(w, r, a, err)
		return
	}
	tag := o.content
	if tag == "" {
		tag = fmt.Sprintf("%s-%s-%d", a.hash, a.file, info.Size)
	}
	w.Header().Set("Content-Type", o.kind)
	err = respond(r.Context(), w, r, a, body, info.Size, `"`+tag+`"`)
	if err != nil && r.Context().Err() == nil {
		v.deps.Log.Debug("clip sent in part", "clip_id", a.clip, "file", a.file, "sent", w.served.Sent, "error", err)
	}
}

// sendText answers with text made for this URL; its tag is of the text.
func (v *Handler) sendText(w *answer, r *http.Request, a *asked, kind string, body []byte, err error) {
	if err != nil {
		v.fail(w, r, a, err)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", kind)
	_ = respond(r.Context(), w, r, a, inMemory(body), int64(len(body)), `"`+hex.EncodeToString(sum[:16])+`"`)
}

// respond answers a GET or HEAD for size bytes with all RFC 9110 asks: conditions, then the range, then the bytes. The error
// is that of the copy, after the head was sent.
func respond(ctx context.Context, w *answer, r *http.Request, a *asked, from source, size int64, etag string) error {
	w.served.Size, w.served.Acked = size, -1
	v := version{etag, a.found.manifest.Published.UTC().Truncate(time.Second)}
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Accept-Ranges", "bytes")
	if v.modified.Unix() > 0 {
		h.Set("Last-Modified", v.modified.Format(http.TimeFormat))
	} else {
		v.modified = time.Time{}
	}
	cacheFor(h, a)
	switch evaluate(r.Header, v) {
	case conditionFailed:
		h.Del("Content-Type")
		writeProblem(w, r, http.StatusPreconditionFailed, "the file is not the one the condition asks for")
		return nil
	case conditionNotModified:
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	kind, parts := selectWhole, []span(nil)
	if r.Method == http.MethodGet && rangeHolds(r.Header, v) {
		kind, parts = parseRange(r.Header.Values("Range"), size)
	}
	switch {
	case kind == selectNone:
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		writeProblem(w, r, http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("the file has %d bytes", size))
		return nil
	case kind == selectParts && len(parts) == 1:
		w.served.Ranges = 1
		h.Set("Content-Range", parts[0].contentRange(size))
		return sendSpan(ctx, w, r, http.StatusPartialContent, from, parts[0])
	case kind == selectParts:
		w.served.Ranges = len(parts)
		return sendParts(ctx, w, from, parts, size)
	}
	return sendSpan(ctx, w, r, http.StatusOK, from, span{0, size - 1})
}

func sendSpan(ctx context.Context, w *answer, r *http.Request, status int, from source, part span) error {
	w.Header().Set("Content-Length", strconv.FormatInt(part.length(), 10))
	w.served.From = part.first
	w.WriteHeader(status)
	if r.Method == http.MethodHead || part.length() == 0 {
		return nil
	}
	return from.copy(ctx, w, part)
}

// sendParts answers multipart/byteranges, its length known beforehand.
func sendParts(ctx context.Context, w *answer, from source, parts []span, size int64) error {
	h := w.Header()
	boundary := domain.H("boundary", h.Get("ETag"), fmt.Sprint(parts))
	heads := make([]string, len(parts))
	end := "\r\n--" + boundary + "--\r\n"
	length := int64(len(end))
	for i, part := range parts {
		heads[i] = fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", boundary, h.Get("Content-Type"), part.contentRange(size))
		if i == 0 {
			heads[i] = strings.TrimPrefix(heads[i], "\r\n")
		}
		length += int64(len(heads[i])) + part.length()
	}
	h.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	w.served.From = parts[0].first
	w.WriteHeader(http.StatusPartialContent)
	for i, part := range parts {
		if _, err := io.WriteString(w, heads[i]); err != nil {
			return err
		}
		if err := from.copy(ctx, w, part); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, end)
	return err
}

// opened is a source that holds something open.
type opened interface {
	source
	io.Closer
}

// open gives the object as a file of this request's own where the store has files, else by ranged reads.
func (v *Handler) open(ctx context.Context, key string) (opened, blob.Info, error) {
	if files, ok := v.deps.Store.(blob.Filer); ok {
		file, info, err := files.Open(ctx, key)
		if err != nil {
			return nil, info, err
		}
		return localFile{file}, info, nil
	}
	info, err := v.deps.Store.Stat(ctx, key)
	return remote{v.deps.Store, key, info}, info, err
}

// localFile is sent by sendfile on plain HTTP/1.1, as long as io.CopyN meets the ResponseWriter and the file themselves.
type localFile struct{ *os.File }

func (l localFile) copy(_ context.Context, w *answer, part span) error {
	if _, err := l.Seek(part.first, io.SeekStart); err != nil {
		return err
	}
	return w.take(l.File, part.length())
}

type remote struct {
	store blob.Store
	key   string
	info  blob.Info
}

func (remote) Close() error { return nil }

func (o remote) copy(ctx context.Context, w *answer, part span) error {
	r, info, err := o.store.Get(ctx, o.key, part.first, part.length())
	if err != nil {
		return err
	}
	defer r.Close()
	if info.ETag != o.info.ETag {
		return fmt.Errorf("object %s: %w", o.key, blob.ErrChanged)
	}
	return w.take(r, part.length())
}

// inMemory is text made for the request.
type inMemory []byte

func (m inMemory) copy(_ context.Context, w *answer, part span) error {
	return w.take(bytes.NewReader(m[part.first:part.last+1]), part.length())
}
