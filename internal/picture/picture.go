// Package picture reads pictures that come from outside: product photos, logos. It decodes nothing before it knows what a file
// is and how large it would become, and names what it refuses.
package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/webp"
)

// Limits of a picture.
const (
	MaxBytes  = 10 << 20
	MaxPixels = 25_000_000 // of a phone's largest photo; 100 MB once decoded
	maxSide   = 16_384
	sniffed   = 64 << 10
)

var (
	errAnimated = errors.New("an animated picture: a still one is needed")
	errKind     = errors.New("neither JPEG, PNG, WebP nor GIF")
)

// Check reads the head of a file and says why it can't be used, without decoding it.
func Check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = inspect(f)
	return err
}

// Read decodes the picture at path.
func Read(path string) (Photo, error) {
	f, err := os.Open(path)
	if err != nil {
		return Photo{}, err
	}
	defer f.Close()
	found, err := inspect(f)
	if err != nil {
		return Photo{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Photo{}, err
	}
	m, err := found.decode(bufio.NewReaderSize(io.LimitReader(f, MaxBytes), sniffed))
	if err != nil {
		return Photo{}, fmt.Errorf("damaged %s: %w", found.kind, err)
	}
	return Photo{m, found.orientation}, nil
}

// fileFormat is how a picture lies in its file.
type fileFormat struct {
	kind        string
	decode      func(io.Reader) (image.Image, error)
	orientation int
}

// inspect looks at what f is and at how large it says it is.
func inspect(f *os.File) (fileFormat, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return fileFormat{}, err
	case info.Size() > MaxBytes:
		return fileFormat{}, fmt.Errorf("%d MB, more than %d", info.Size()>>20, MaxBytes>>20)
	case info.Size() == 0:
		return fileFormat{}, errors.New("an empty file")
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes))
	if err != nil {
		return fileFormat{}, err
	}
	return identify(data)
}

// identify says what data is, by its own bytes: what a server called it does not count.
func identify(data []byte) (fileFormat, error) {
	var f fileFormat
	var config image.Config
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xD8\xFF")):
		f = fileFormat{kind: "JPEG", decode: jpeg.Decode, orientation: orientation(data)}
		config, err = jpeg.DecodeConfig(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		f = fileFormat{kind: "PNG", decode: png.Decode}
		if bytes.Contains(data[:min(len(data), sniffed)], []byte("acTL")) {
			return f, errAnimated
		}
		config, err = png.DecodeConfig(bytes.NewReader(data))
	case len(data) >= 21 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		f = fileFormat{kind: "WebP", decode: webp.Decode}
		if string(data[12:16]) == "VP8X" && data[20]&2 != 0 {
			return f, errAnimated
		}
		config, err = webp.DecodeConfig(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte("GIF8")):
		f = fileFormat{kind: "GIF", decode: gif.Decode}
		if gifFrames(data) > 1 {
			return f, errAnimated
		}
		config, err = gif.DecodeConfig(bytes.NewReader(data))
	default:
		return f, other(data)
	}
	if err != nil {
		return f, fmt.Errorf("damaged %s: %w", f.kind, err)
	}
	if w, h := config.Width, config.Height; w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > MaxPixels {
		return f, fmt.Errorf("%s of %dx%d, more than %d million pixels or %d a side", f.kind, w, h, MaxPixels/1_000_000, maxSide)
	}
	return f, nil
}

// other names what is often sent in place of a picture.
func other(data []byte) error {
	head := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 1024)], " \t\r\n\xEF\xBB\xBF"))
	switch {
	case bytes.Contains(head, []byte("<svg")):
		return errors.New("an SVG, which is a program: JPEG, PNG, WebP or GIF is needed")
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")), bytes.HasPrefix(head, []byte("<")):
		return errors.New("a web page, no picture")
	case len(head) > 12 && bytes.Equal(head[4:8], []byte("ftyp")):
		return errors.New("a video or HEIF, no picture that can be read: JPEG, PNG, WebP or GIF is needed")
	}
	return errKind
}

// gifFrames counts the pictures of a GIF by its blocks, without decoding them; 2 stands for more.
func gifFrames(data []byte) int {
	at, frames := 13, 0
	if len(data) < at {
		return 0
	}
	if data[10]&0x80 != 0 {
		at += 3 << (1 + data[10]&7)
	}
	skip := func() bool { // the sub-blocks
		for at < len(data) {
			n := int(data[at])
			at += 1 + n
			if n == 0 {
				return true
			}
		}
		return false
	}
	for at < len(data) && frames < 2 {
		switch data[at] {
		case 0x21:
			at += 2
			if !skip() {
				return frames
			}
		case 0x2C:
			frames++
			if at+10 > len(data) {
				return frames
			}
			flags := data[at+9]
			at += 10
			if flags&0x80 != 0 {
				at += 3 << (1 + flags&7)
			}
			at++ // the least code size
			if !skip() {
				return frames
			}
		default:
			return frames
		}
	}
	return frames
}

// orientation is the Exif orientation of a JPEG, 1 to 8; 1 where there is none.
func orientation(data []byte) int {
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker, length := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xDA || length < 2 || at+2+length > len(data) {
			return 1
		}
		if body := data[at+4 : at+2+length]; marker == 0xE1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return exifOrientation(body[6:])
		}
		at += 2 + length
	}
	return 1
}

func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for n := order.Uint16(tiff[at:]); n > 0 && len(entries) >= 12; n, entries = n-1, entries[12:] {
		if order.Uint16(entries) != 0x0112 {
			continue
		}
		if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
			return v
		}
	}
	return 1
}
