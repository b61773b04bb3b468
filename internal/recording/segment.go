package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/domain"
)

const (
	openSuffix   = ".open"   // being written: {start}-{epoch}-{run}.open
	storedSuffix = ".stored" // lies in the store too
)

// segment is a file of the spool.
type segment struct {
	name   SegmentName // its End grows while it is open
	window domain.Window
	file   *os.File
	path   string
	size   int64
	parts  []hotPart
	closed bool
	stored time.Time // zero: not yet
}

// hotPart is where a part lies in its segment.
type hotPart struct {
	Part // without Data
	at   int64
	size int
	of   *segment
}

// read reads the part's bytes. The file stays readable after it was removed.
func (h hotPart) read() (Part, error) {
	p := h.Part
	p.Data = make([]byte, h.size)
	if _, err := h.of.file.ReadAt(p.Data, h.at); err != nil {
		return Part{}, fmt.Errorf("read part at %s: %w", p.Window.Start, err)
	}
	return p, nil
}

func createSegment(folder string, epoch int64, p Part) (*segment, error) {
	path := filepath.Join(folder, fmt.Sprintf("%012d-%016d-%06d%s", floorMS(p.Window.Start), epoch, p.Run, openSuffix))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	return &segment{
		name:   SegmentName{Window: p.Window, Epoch: epoch, Run: p.Run, Keyframe: p.Keyframe},
		window: p.Window, file: file, path: path,
	}, nil
}

// append writes a part with one write: what a killed process leaves of it is seen to be torn.
func (s *segment) append(p Part) error {
	record := append(indexBox(p), p.Data...)
	if _, err := s.file.WriteAt(record, s.size); err != nil {
		return fmt.Errorf("write part at %s: %w", p.Window.Start, err)
	}
	s.note(p)
	return nil
}

func (s *segment) note(p Part) {
	size := len(p.Data)
	p.Data = nil
	s.parts = append(s.parts, hotPart{Part: p, at: s.size + indexSize, size: size, of: s})
	s.size += int64(indexSize + size)
	s.window.End = p.Window.End
	s.name.Window = s.window
}

// finish gives the segment its name.
func (s *segment) finish() error {
	if s.closed {
		return nil
	}
	if err := s.rename(s.name.String()); err != nil {
		return err
	}
	s.closed = true
	return nil
}

func (s *segment) markStored(now time.Time) error {
	if err := s.rename(s.name.String() + storedSuffix); err != nil {
		return err
	}
	s.stored = now
	return nil
}

func (s *segment) rename(name string) error {
	path := filepath.Join(filepath.Dir(s.path), name)
	if err := os.Rename(s.path, path); err != nil {
		return err
	}
	s.path = path
	return nil
}

// content is the whole segment, for the store.
func (s *segment) content() io.Reader { return io.NewSectionReader(s.file, 0, s.size) }

// openSegment opens a segment that was left, cutting off a torn tail. A segment without a whole part is removed: nil.
func openSegment(path string) (*segment, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{file: file, path: path}
	epoch, ok := epochOf(filepath.Base(path))
	for ok {
		p, err := readPart(io.NewSectionReader(file, s.size, 1<<62))
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, errTorn) {
				return nil, errors.Join(err, file.Close())
			}
			break
		}
		if len(s.parts) == 0 {
			s.window = p.Window
			s.name = SegmentName{Epoch: epoch, Run: p.Run, Keyframe: p.Keyframe}
		}
		s.note(p)
	}
	if len(s.parts) == 0 {
		return nil, errors.Join(file.Close(), os.Remove(path))
	}
	if err := file.Truncate(s.size); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.closed = true
	if strings.HasSuffix(path, storedSuffix) {
		return s, nil
	}
	return s, s.rename(s.name.String())
}

// epochOf reads the epoch of a segment's file, open, closed or stored.
func epochOf(name string) (int64, bool) {
	if rest, ok := strings.CutSuffix(name, openSuffix); ok {
		fields := strings.Split(rest, "-")
		if len(fields) != 3 {
			return 0, false
		}
		return parseNumber(fields[1], 16)
	}
	n, ok := ParseSegmentName(strings.TrimSuffix(name, storedSuffix))
	return n.Epoch, ok
}
