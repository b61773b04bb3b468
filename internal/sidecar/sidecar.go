// Package sidecar says where what lies in a finished fragmented MP4: which bytes hold its header, each fragment and each
// track's part of it, and how many bytes from the beginning a player needs before it can show the first frame, or play one,
// two or four seconds. The index is written once, beside the rendition, when the clip is finished, so that neither the server
// nor a player reads boxes at request time.
//
// It reads boxes itself rather than through a library: a finished clip is our own work, but made of outside input, and what
// lies beyond a box's end must read as zero and never end in a panic.
package sidecar

import (
	"encoding/json"
	"fmt"
	"io"

	"liveclip/internal/domain"
)

// Version of the JSON form.
const Version = 1

// Index of one file. Times are seconds of presentation time, from the edit list's zero; offsets and sizes are bytes.
type Index struct {
	Version   int        `json:"version"`
	Bytes     int64      `json:"bytes"` // the file's size
	LengthS   float64    `json:"length_s"`
	Header    int64      `json:"header_bytes"` // ftyp and moov: the initialisation segment
	Codecs    string     `json:"codecs"`       // RFC 6381; empty: one of them is not known to us
	Tracks    []Track    `json:"tracks"`
	Fragments []Fragment `json:"fragments"`
	Heads     Heads      `json:"heads"`
}

// Track is one track and its part of every fragment.
type Track struct {
	ID        uint32 `json:"id"`
	Kind      string `json:"kind"` // "video", "audio"; else the handler's four characters
	Codec     string `json:"codec,omitempty"`
	Timescale uint32 `json:"timescale"` // units per second
	Samples   int    `json:"samples"`
	Runs      []Run  `json:"runs"`
}

// Run is a track's part of a fragment: its samples lie from Offset to Offset + Size, with nothing of another track between
// when the writer kept each track's samples together.
type Run struct {
	StartS  float64 `json:"start_s"`
	LengthS float64 `json:"length_s"`
	Offset  int64   `json:"offset"`
	Size    int64   `json:"size"`
	Samples int     `json:"samples"`
}

// Fragment is a piece of the file that plays on its own after the header, when it begins on a keyframe.
type Fragment struct {
	StartS   float64 `json:"start_s"`
	LengthS  float64 `json:"length_s"`
	Offset   int64   `json:"offset"`
	Size     int64   `json:"size"`
	Keyframe bool    `json:"keyframe"`
}

// Heads are the numbers of bytes, from the file's beginning, that hold the header and, of every track, the samples to be
// presented before a time: the head of a preload. Of a shorter file it is all that is presented.
type Heads struct {
	Frame int64 `json:"frame"` // the first frame shown, and the sound beside it
	S1    int64 `json:"1s"`
	S2    int64 `json:"2s"`
	S4    int64 `json:"4s"`
}

// Independent says that every fragment begins on a keyframe.
func (x Index) Independent() bool {
	for _, f := range x.Fragments {
		if !f.Keyframe {
			return false
		}
	}
	return true
}

// maxJSON is the size of the greatest index that is read back, in bytes.
const maxJSON = 32 << 20

// Read reads an index's JSON back. A version that is not known, or one that leads outside its file, is a permanent error.
func Read(r io.Reader) (Index, error) {
	var x Index
	if err := json.NewDecoder(io.LimitReader(r, maxJSON)).Decode(&x); err != nil {
		return Index{}, fmt.Errorf("read sidecar index: %w", err)
	}
	if x.Version != Version {
		return Index{}, domain.Permanent(fmt.Errorf("read sidecar index: version %d, known is %d", x.Version, Version))
	}
	if err := x.check(); err != nil {
		return Index{}, domain.Permanent(fmt.Errorf("read sidecar index: %w", err))
	}
	return x, nil
}

// check holds the index inside its file.
func (x Index) check() error {
	if x.Header <= 0 || x.Header > x.Bytes || len(x.Fragments) == 0 {
		return fmt.Errorf("header of %d bytes and %d fragments in %d bytes", x.Header, len(x.Fragments), x.Bytes)
	}
	end := x.Header
	for _, f := range x.Fragments {
		if f.Offset < end || f.Size <= 0 || f.Size > x.Bytes-f.Offset || f.LengthS < 0 {
			return fmt.Errorf("fragment at %d of %d bytes in a file of %d", f.Offset, f.Size, x.Bytes)
		}
		end = f.Offset + f.Size
	}
	for _, h := range []int64{x.Heads.Frame, x.Heads.S1, x.Heads.S2, x.Heads.S4} {
		if h < x.Header || h > x.Bytes {
			return fmt.Errorf("head of %d bytes in a file of %d", h, x.Bytes)
		}
	}
	return nil
}
