package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
	"liveclip/internal/view"
)

// servePreview answers index.m3u8 and the files that it names, below /preview/{clip}/.
func (s *Service) servePreview(w http.ResponseWriter, r *http.Request) {
	if err := s.sendPreview(w, r); err != nil {
		writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
	}
}

func (s *Service) sendPreview(w http.ResponseWriter, r *http.Request) error {
	c := r.Context().Value(callerKey{}).(caller)
	clip, err := s.findClip(r.Context(), c, r.PathValue("clip"))
	if err != nil {
		return err
	}
	rev, window := newestRevision(clip), clipWindow(clip)
	if window.Length() == 0 || clip.Envelope.Broadcast == "" || rev.takenDown {
		return notFound("clip %s has no window to preview", clip.ID)
	}
	w.Header().Set("Cache-Control", "private, no-store")
	file := r.PathValue("file")
	index := file == "index.m3u8"
	if finished := finishedRendition(rev); finished != nil && (!index && file == finishedFile(*finished) || index && !s.preview.isPlaying(clip, window)) {
		return s.sendFinished(w, r, *finished, index)
	}
	one, err := s.preview.get(clip, window)
	if err == nil {
		err = one.awaitFirstSegment(r.Context())
	}
	if err != nil {
		return err
	}
	if index {
		return sendPlaylist(w, one.playlist(tokenQuery(r)))
	}
	run, ok := runFile(file)
	size, done := one.size(run)
	if !ok || size == 0 {
		return notFound("no such file: %.80q", file)
	}
	return s.sendRange(w, r, size, done, func(ctx context.Context, out io.Writer, from, to int64) error {
		return one.send(ctx, s.preview.recording, out, run, from, to)
	})
}

// tokenQuery is the query that carries the token of a player that sends no headers.
func tokenQuery(r *http.Request) string {
	if token := r.URL.Query().Get("access_token"); token != "" {
		return "?access_token=" + url.QueryEscape(token)
	}
	return ""
}

func sendPlaylist(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	_, err := io.WriteString(w, text)
	return ignoreSendError(err)
}

// ignoreSendError drops an error of sending: the client went away.
func ignoreSendError(error) error { return nil }

// clipWindow is the window a clip shows: planned, else asked for or found.
func clipWindow(clip view.Clip) domain.Window {
	if rev := newestRevision(clip); rev.plan != nil {
		return rev.plan.Window
	}
	if clip.Highlight != nil {
		return clip.Highlight.Window
	}
	return domain.Window{}
}

// runFile reads {run}.mp4.
func runFile(file string) (run int, ok bool) {
	name, ok := strings.CutSuffix(file, ".mp4")
	run, err := strconv.Atoi(name)
	return run, ok && err == nil && run >= 0 && file == strconv.Itoa(run)+".mp4"
}

// sendRange answers a file of size bytes, which grows unless it is whole, or the one range of it that is asked for.
func (s *Service) sendRange(w http.ResponseWriter, r *http.Request, size int64, whole bool, send func(ctx context.Context, out io.Writer, from, to int64) error) error {
	total := "*"
	if whole {
		total = strconv.FormatInt(size, 10)
	}
	header := w.Header()
	header.Set("Accept-Ranges", "bytes")
	header.Set("Content-Type", "video/mp4")
	from, to, asked, ok := parseRange(r.Header.Get("Range"), size)
	if !ok {
		header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return problemf(http.StatusRequestedRangeNotSatisfiable, "the file has %d bytes", size)
	}
	header.Set("Content-Length", strconv.FormatInt(to-from, 10))
	if asked {
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", from, to-1, total))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), previewRead)
	defer cancel()
	if err := send(ctx, w, from, to); err != nil && r.Context().Err() == nil {
		s.Log.Warn("preview not sent whole", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler) // fewer bytes than promised: the reader must not take them for all
	}
	return nil
}

// parseRange reads a Range header of one byte range; any other header asks for the whole file. ok is false when the file has
// nothing of the range.
func parseRange(header string, size int64) (from, to int64, asked, ok bool) {
	whole := func() (int64, int64, bool, bool) { return 0, size, false, true }
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	first, last, isRange := strings.Cut(spec, "-")
	if !isBytes || !isRange {
		return whole()
	}
	number := func(s string) (int64, bool) {
		n, err := strconv.ParseUint(s, 10, 62)
		return int64(n), err == nil && s[0] != '+'
	}
	if first == "" {
		n, valid := number(last)
		if !valid {
			return whole()
		}
		return max(0, size-n), size, true, n > 0 && size > 0
	}
	from, valid := number(first)
	to = size
	if valid && last != "" {
		to, valid = number(last)
		valid = valid && to >= from
		to = min(to+1, size)
	}
	if !valid {
		return whole()
	}
	return from, to, true, from < size
}

// size is how many bytes a run's file has, and whether it will have no more.
func (o *preview) size(run int) (size int64, whole bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sizes[run], o.done
}

// partsWithin are the parts of a run's file that hold bytes [from, to), and the window of the recording to read them from.
func (o *preview) partsWithin(run int, from, to int64) (parts map[partKey]previewPart, w domain.Window) {
	o.mu.Lock()
	defer o.mu.Unlock()
	parts = map[partKey]previewPart{}
	for _, p := range o.parts {
		beginning := from < o.inits[run] && len(parts) == 0 // comes with the run's first part
		if p.run != run || !beginning && (p.at >= to || p.at+p.size <= from) {
			continue
		}
		if len(parts) == 0 {
			w.Start = p.window.Start
		}
		w.End = p.window.End
		parts[partKey{p.window, p.size}] = p
	}
	return parts, w
}

// partKey tells a part from all other parts of its run.
type partKey struct {
	window domain.Window
	size   int64
}

var errRangeComplete = errors.New("the range is complete")

// send writes bytes [from, to) of a run's file, read again from wherever the recording lies.
func (o *preview) send(ctx context.Context, r *recording.Reader, out io.Writer, run int, from, to int64) error {
	parts, window := o.partsWithin(run, from, to)
	at := from
	write := func(data []byte, dataAt int64) error {
		end := min(to, dataAt+int64(len(data)))
		if at < dataAt || at >= end {
			return nil
		}
		n, err := out.Write(data[at-dataAt : end-dataAt])
		if at += int64(n); err == nil && at == to {
			err = errRangeComplete
		}
		return err
	}
	_, err := r.Read(ctx, o.ref, o.broadcast, window, func(c recording.Chunk) error {
		if c.Init != nil && c.Init.Run == run {
			return write(c.Init.Data, 0)
		}
		if c.Part == nil || c.Part.Run != run {
			return nil
		}
		p, wanted := parts[partKey{c.Part.Window, int64(len(c.Part.Data))}]
		if !wanted {
			return nil
		}
		return write(c.Part.Data, p.at)
	})
	if errors.Is(err, errRangeComplete) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("run %d of stream %s: %d bytes are missing", run, o.ref, to-at))
}
