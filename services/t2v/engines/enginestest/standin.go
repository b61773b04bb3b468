// Package enginestest stands in for engines in tests and benchmarks: real servers on loopback that speak what the real ones do,
// with pictures that ffmpeg draws, and that fail in every way the real ones do when they are told to.
package enginestest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"sync"
	"time"
)

// Failure is how a stand-in misbehaves.
type Failure string

const (
	None       Failure = ""
	TooMany    Failure = "has too much to do"             // 429, CODE_OVERLOADED, Throttling
	Broken     Failure = "breaks down"                    // 500, INTERNAL
	NotThere   Failure = "is not there"                   // its port is closed
	NoMemory   Failure = "runs out of memory"             // in the middle of an order
	Refuses    Failure = "refuses the content"            //
	BadOrder   Failure = "can't do such an order"         // 400, INVALID_ARGUMENT
	BadKey     Failure = "does not know the key"          // 401
	Silent     Failure = "goes silent"                    // takes the order and says nothing more
	Endless    Failure = "never ends"                     // says that it works, for ever
	Truncated  Failure = "stops in the middle"            // of the file, its connection closed properly
	Lies       Failure = "lies about the length"          // announces more bytes than it sends
	Flood      Failure = "sends too much"                 // more bytes than any shot has
	Rubbish    Failure = "sends no video"                 // HTML
	OtherSize  Failure = "makes pictures of another size" //
	TooShort   Failure = "makes less than ordered"        //
	Empty      Failure = "finishes without a picture"     //
	Forgets    Failure = "forgets the order"              // 404, UNKNOWN, or a lost chunk
	Gibberish  Failure = "answers what its API does not"  // HTML for JSON, a message out of place
	BreaksOnce Failure = "breaks down once"               // and is well again
	HangsUp    Failure = "hangs up in the middle"         // of the file, the first time it is fetched
	NoRanges   Failure = "hangs up, and knows no ranges"  //
	Swaps      Failure = "hangs up, and has another file" //
	NoOpenings Failure = "takes no openings"              // its own kind; and makes what is ordered without one
)

// Failures are all of them.
func Failures() []Failure {
	return []Failure{
		TooMany, Broken, NotThere, NoMemory, Refuses, BadOrder, BadKey, Silent, Endless, Truncated, Lies, Flood, Rubbish, OtherSize,
		TooShort, Empty, Forgets, Gibberish, BreaksOnce,
	}
}

// Key is the secret that the stand-ins with one ask for.
const Key = "sk-secret-of-the-test"

// Order is what a stand-in was asked for, as it understood it.
type Order struct {
	Prompt, Negative string
	Width, Height    int
	Length           time.Duration
	Steps            int
	Seed             uint64
	Model, Tenant    string
	Opening          string // its key
}

// StandIn is a server that stands in for an engine.
type StandIn struct {
	Address  string
	Orders   chan Order     // received
	Fetched  chan string    // ranges asked for after it hung up; empty: the whole file
	Canceled chan time.Time // when it saw that an order was cancelled
	Took     time.Duration  // it works on an order; 0: none

	film    *Film
	failure Failure
	failed  sync.Once
	close   func()
}

func newStandIn(film *Film, failure Failure) *StandIn {
	return &StandIn{Orders: make(chan Order, 1024), Fetched: make(chan string, 1024), Canceled: make(chan time.Time, 1024), film: film, failure: failure}
}

// Close ends the server.
func (s *StandIn) Close() { s.close() }

// broken reports whether the stand-in breaks down now.
func (s *StandIn) broken() (broken bool) {
	if s.failure == BreaksOnce {
		s.failed.Do(func() { broken = true })
	}
	return broken || s.failure == Broken
}

// Film is a video as engines send it: fragmented MP4, in chunks of which the first has the initialisation segment.
type Film struct {
	Chunks        [][]byte
	Width, Height int
}

// Whole is the film as one file.
func (f *Film) Whole() []byte { return bytes.Join(f.Chunks, nil) }

// films are drawn once for all tests of a process.
var films sync.Map

// Draw gives a film of H.264 at 16 pictures a second.
func Draw(width, height int, length time.Duration) (*Film, error) {
	key := fmt.Sprint(width, height, length)
	if known, ok := films.Load(key); ok {
		return known.(*Film), nil
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fmt.Errorf("needs ffmpeg (make setup installs it): %w", err)
	}
	out, err := exec.CommandContext(context.Background(), ffmpeg, "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc=size=%dx%d:rate=16:duration=%g", width, height, length.Seconds()),
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "8", "-pix_fmt", "yuv420p", "-f", "mp4",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", "pipe:1").Output()
	if err != nil {
		return nil, fmt.Errorf("draw a film: %w", err)
	}
	film := &Film{Width: width, Height: height}
	begin := 0
	for at := 0; at+8 <= len(out); at += int(binary.BigEndian.Uint32(out[at:])) {
		if string(out[at+4:at+8]) == "moof" && bytes.Contains(out[begin:at], []byte("mdat")) {
			film.Chunks, begin = append(film.Chunks, out[begin:at]), at
		}
	}
	film.Chunks = append(film.Chunks, out[begin:])
	films.Store(key, film)
	return film, nil
}

// shown is the film as the failure has it.
func (s *StandIn) shown() *Film {
	var other *Film
	var err error
	switch s.failure {
	case OtherSize:
		other, err = Draw(96, 64, 2*time.Second)
	case TooShort:
		other, err = Draw(s.film.Width, s.film.Height, time.Second/2)
	default:
		return s.film
	}
	if err != nil {
		return s.film
	}
	return other
}

var html = []byte("<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>")
