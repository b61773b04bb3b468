package finish

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/media/limit"
)

// writeLengths writes a fragmented file's length into its header, where FFmpeg leaves it out: AVFoundation shows no length without.
// The index behind the header counts from its own end, so nothing else moves.
func writeLengths(path string, length time.Duration) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	head, rest, err := readHeader(in)
	if err != nil {
		return fmt.Errorf("seal %s: %w", path, err)
	}
	if head, err = withLength(head, length); err != nil {
		return fmt.Errorf("seal %s: %w", path, err)
	}
	part := path + ".part"
	out, err := os.Create(part)
	if err != nil {
		return err
	}
	defer os.Remove(part)
	defer out.Close()
	if _, err := out.Write(head); err != nil {
		return err
	}
	if _, err := in.Seek(rest, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// readHeader reads ftyp and moov, and says where what follows begins.
func readHeader(in io.Reader) (head []byte, rest int64, err error) {
	for {
		var size [8]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, 0, err
		}
		n := binary.BigEndian.Uint32(size[:])
		if n < 8 || n > 1<<20 {
			return nil, 0, fmt.Errorf("header box of %d bytes", n)
		}
		box := make([]byte, n)
		copy(box, size[:])
		if _, err := io.ReadFull(in, box[8:]); err != nil {
			return nil, 0, err
		}
		head = append(head, box...)
		if string(box[4:8]) == "moov" {
			return head, int64(len(head)), nil
		}
	}
}

// findBox gives where the first box of a kind within b[from:to] lies.
func findBox(b []byte, from, to int, kind string) (begin, end int, ok bool) {
	for from+8 <= to {
		n := int(binary.BigEndian.Uint32(b[from:]))
		if n < 8 || from+n > to {
			return 0, 0, false
		}
		if string(b[from+4:from+8]) == kind {
			return from, from + n, true
		}
		from += n
	}
	return 0, 0, false
}

// withLength sets mvhd's duration and adds an mehd, in mvhd's time scale.
func withLength(head []byte, length time.Duration) ([]byte, error) {
	moov, moovEnd, ok := findBox(head, 0, len(head), "moov")
	if !ok {
		return nil, errors.New("no moov")
	}
	mvhd, mvhdEnd, ok := findBox(head, moov+8, moovEnd, "mvhd")
	if !ok || head[mvhd+8] != 0 || mvhdEnd-mvhd < 28 {
		return nil, errors.New("no mvhd of version 0")
	}
	mvex, mvexEnd, ok := findBox(head, moov+8, moovEnd, "mvex")
	if !ok {
		return nil, errors.New("no mvex")
	}
	scale := binary.BigEndian.Uint32(head[mvhd+20:])
	ticks := uint32(uint64(length) * uint64(scale) / uint64(time.Second))
	binary.BigEndian.PutUint32(head[mvhd+24:], ticks)
	mehd := binary.BigEndian.AppendUint32(nil, 16)
	mehd = append(mehd, "mehd\x00\x00\x00\x00"...)
	mehd = binary.BigEndian.AppendUint32(mehd, ticks)
	binary.BigEndian.PutUint32(head[moov:], uint32(moovEnd-moov+len(mehd)))
	binary.BigEndian.PutUint32(head[mvex:], uint32(mvexEnd-mvex+len(mehd)))
	return slices.Insert(head, mvex+8, mehd...), nil
}

// fileFacts is what a finished file holds, as read back from it.
type fileFacts struct {
	frames    int64
	keyframes []int64 // numbers of pictures
	open      int     // keyframes that a player can't begin at
	length    time.Duration
}

// inspect reads every packet of a finished file.
func inspect(path string, s shape) (fileFacts, error) {
	d, err := openFile(limit.Limits{}, path, 0)
	if err != nil {
		return fileFacts{}, err
	}
	defer d.Close()
	if d.video == nil || d.audio == nil {
		return fileFacts{}, errors.New("picture or sound is missing")
	}
	w := fileFacts{length: time.Duration(d.fc.Duration()) * time.Microsecond}
	packet := astiav.AllocPacket()
	defer packet.Free()
	first := time.Duration(0) // the picture that is decoded first is shown first
	for d.fc.ReadFrame(packet) == nil {
		if packet.StreamIndex() == d.video.stream.Index() {
			at := d.at(d.video, packet.Pts())
			if w.frames == 0 {
				first = at
			}
			w.frames++
			if packet.Flags().Has(astiav.PacketFlagKey) {
				w.keyframes = append(w.keyframes, s.frames(at-first))
				if !instantaneous(packet.Data()) {
					w.open++
				}
			}
		}
		packet.Unref()
	}
	return w, nil
}

// instantaneous tells whether an H.264 picture, its units preceded by their lengths in 4 bytes, refreshes the decoder (IDR):
// nothing after it refers to anything before.
func instantaneous(picture []byte) bool {
	for len(picture) > 4 {
		n := binary.BigEndian.Uint32(picture)
		if picture[4]&0x1f == 5 {
			return true
		}
		if uint64(n)+4 > uint64(len(picture)) {
			return false
		}
		picture = picture[4+n:]
	}
	return false
}

// check compares what was written with what should have been, the same in every rendition: the pictures, and keyframes that a
// player can begin at where they belong, nowhere else.
func check(renditions []*rendition, frames int64) error {
	for _, r := range renditions {
		w, err := inspect(r.path, r.shape)
		if err != nil {
			return fmt.Errorf("check rendition %s: %w", r.profile.Name, err)
		}
		var keyframes []int64
		for n := range frames {
			if r.shape.keyframe(n) {
				keyframes = append(keyframes, n)
			}
		}
		length := r.shape.at(frames)
		off := w.length - length
		switch {
		case w.frames != frames:
			return fmt.Errorf("check rendition %s: %d pictures, not %d", r.profile.Name, w.frames, frames)
		case max(off, -off) > max(r.shape.tick(), 50*time.Millisecond):
			return fmt.Errorf("check rendition %s: %s long, not %s", r.profile.Name, w.length, length)
		case !slices.Equal(w.keyframes, keyframes):
			return fmt.Errorf("check rendition %s: keyframes are pictures %v, not %v", r.profile.Name, w.keyframes, keyframes)
		case w.open > 0:
			return fmt.Errorf("check rendition %s: %d groups of pictures are open", r.profile.Name, w.open)
		}
	}
	return nil
}
