package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

const aboutName = "broadcast.json"

// about is what a spool says of its broadcast.
type about struct {
	Tenant    domain.Tenant
	Stream    domain.StreamID
	Broadcast domain.BroadcastID
	Epoch     int64
	StartedAt time.Time
}

func aboutOf(cfg WriterConfig) []byte {
	b, err := json.Marshal(about{cfg.Ref.Tenant, cfg.Ref.Stream, cfg.Broadcast, cfg.Epoch, cfg.StartedAt})
	if err != nil {
		panic(err) // plain values only
	}
	return b
}

// spoolName is the name of a broadcast's folder. Broadcast IDs are our own, but never trusted as a path.
func spoolName(b domain.BroadcastID) string {
	if b != "" && strings.Trim(string(b), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return string(b)
	}
	return "h-" + domain.H(string(b))
}

// Recover reads the spool a killed process left: torn tails are cut off, never served. Continue each with Create, or end
// it with Create and Close (one that was Closed: so that Run stores the rest). It is for a folder that no Writer uses.
func Recover(folder string, log *slog.Logger) ([]Left, error) {
	folders, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recover spool %s: %w", folder, err)
	}
	var all []Left
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		left, err := recoverBroadcast(filepath.Join(folder, f.Name()))
		if err != nil {
			log.Warn("spool not recovered", "folder", f.Name(), "err", err)
			continue
		}
		all = append(all, left)
	}
	return all, nil
}

// Discard removes what Recover found of a broadcast that is recorded again from its beginning.
func Discard(folder string, b domain.BroadcastID) error {
	if err := os.RemoveAll(filepath.Join(folder, spoolName(b))); err != nil {
		return fmt.Errorf("discard spool of broadcast %s: %w", b, err)
	}
	return nil
}

func recoverBroadcast(folder string) (Left, error) {
	b, err := os.ReadFile(filepath.Join(folder, aboutName))
	if err != nil {
		return Left{}, err
	}
	var a about
	if err := json.Unmarshal(b, &a); err != nil {
		return Left{}, fmt.Errorf("read %s: %w", aboutName, err)
	}
	w := &Writer{folder: folder, inits: map[string]Init{}, cfg: WriterConfig{Epoch: a.Epoch}}
	segments, inits, lines, err := w.listSpool()
	if err != nil {
		return Left{}, err
	}
	left := Left{Ref: domain.Ref{Tenant: a.Tenant, Stream: a.Stream}, Broadcast: a.Broadcast, Epoch: a.Epoch, StartedAt: a.StartedAt}
	for _, path := range segments {
		s, err := openSegment(path)
		if err != nil {
			return Left{}, err
		}
		if s == nil {
			continue
		}
		left.RecordedTo = max(left.RecordedTo, s.window.End)
		left.Epoch = max(left.Epoch, s.name.Epoch)
		if err := s.file.Close(); err != nil {
			return Left{}, err
		}
	}
	for _, path := range inits {
		if run, ok := parseInitName(filepath.Base(path)); ok {
			left.Runs = max(left.Runs, run+1)
		}
	}
	for _, path := range lines {
		file, err := os.Open(path)
		if err != nil {
			return Left{}, err
		}
		if name, ok := parseLinesLog(filepath.Base(path)); ok {
			left.HeardTo = max(left.HeardTo, name.from)
		}
		for _, e := range readLines(file) {
			left.HeardTo = max(left.HeardTo, e.Heard)
			left.Closed = left.Closed || e.Closed != nil
		}
		if err := file.Close(); err != nil {
			return Left{}, err
		}
	}
	return left, nil
}

// listSpool gives the paths of the broadcast's files, each kind in order.
func (w *Writer) listSpool() (segments, inits, lines []string, err error) {
	files, err := os.ReadDir(w.folder)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, f := range files {
		path := filepath.Join(w.folder, f.Name())
		switch {
		case strings.HasSuffix(f.Name(), linesSuffix):
			lines = append(lines, path)
		case strings.HasSuffix(f.Name(), ".init.mp4"):
			inits = append(inits, path)
		case strings.HasSuffix(f.Name(), openSuffix), strings.HasSuffix(f.Name(), ".m4s"), strings.HasSuffix(f.Name(), storedSuffix):
			segments = append(segments, path)
		}
	}
	slices.Sort(segments)
	return segments, inits, lines, nil
}

// resume takes up what a Writer before this one left in the folder.
func (w *Writer) resume() error {
	segments, inits, lines, err := w.listSpool()
	if err != nil {
		return err
	}
	for _, path := range inits {
		if err := w.resumeInit(path); err != nil {
			return err
		}
	}
	for _, path := range segments {
		if err := w.resumeSegment(path); err != nil {
			return err
		}
	}
	slices.SortFunc(w.segments, func(a, b *segment) int { return int(a.window.Start - b.window.Start) })
	for _, s := range w.segments {
		w.parts = append(w.parts, s.parts...)
	}
	if len(w.parts) > 0 {
		w.whole = w.parts[0].Window.Start == 0
	} else {
		w.whole = len(segments) == 0
	}
	return w.resumeLines(lines)
}

func (w *Writer) resumeInit(path string) error {
	name := filepath.Base(path)
	run, ok := parseInitName(name)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	i, err := parseInitFile(b, run)
	if !ok || err != nil {
		return errors.Join(err, fmt.Errorf("initialisation segment %s is damaged", name))
	}
	w.inits[name] = i
	return nil
}

func (w *Writer) resumeSegment(path string) error {
	if strings.HasSuffix(path, storedSuffix) {
		return os.Remove(path) // it is in the store
	}
	s, err := openSegment(path)
	if err != nil || s == nil {
		return err
	}
	w.segments = append(w.segments, s)
	return nil
}

func parseInitName(name string) (run int, ok bool) {
	rest, ok := strings.CutSuffix(name, ".init.mp4")
	e, r, ok2 := strings.Cut(rest, "-")
	if !ok || !ok2 {
		return 0, false
	}
	_, ok = parseNumber(e, 16)
	n, ok2 := parseNumber(r, 6)
	return int(n), ok && ok2
}
