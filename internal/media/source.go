package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
	"liveclip/internal/media/limit"
)

const defaultIdle = 15 * time.Second

// protocols that FFmpeg needs for a scheme.
var protocols = map[string][]string{
	"rtmp":  {"rtmp", "tcp"},
	"rtmps": {"rtmps", "tls", "tcp"},
	"http":  {"http", "tcp", "crypto"},
	"https": {"https", "tls", "tcp", "crypto", "httpproxy"},
	"srt":   {"srt"},
	"file":  {"file"},
}

// demuxers that are let near outside bytes.
const demuxers = "flv,live_flv,mov,mpegts,hls,matroska,mp3,aac,h264,hevc,ogg,avi"

// source is an open input.
type source struct {
	name      string
	fc        *astiav.FormatContext
	io        *astiav.IOContext
	interrupt astiav.IOInterrupter // held: FFmpeg has its address
	guard     *guard
	gather    *gatherer
	live      bool // bytes come at their own pace
	idle      time.Duration
	watch     *time.Timer
	timedOut  atomic.Bool
	stopped   atomic.Bool
	halt      chan struct{} // closed when no more shall be read
	halting   sync.Once
	closing   sync.Once
}

// place is what openURL opens.
type place struct {
	url     string // or a path
	schemes []string
	idle    time.Duration
	admit   func(netip.Addr) bool // addresses of hosts; nil: all
}

// openURL opens what a URL names, or a path.
func openURL(ctx context.Context, p place) (*source, error) {
	target, scheme, err := admit(p.url, p.schemes)
	if err != nil {
		return nil, err
	}
	s := newSource(redacted(p.url, scheme), p.idle)
	s.live = scheme != "file"
	if scheme == "file" {
		if err := limit.Of(ctx).File(strings.TrimPrefix(target, "file:")); err != nil {
			return nil, fmt.Errorf("open %s: %w", p.url, err)
		}
	}
	if p.admit != nil && scheme != "file" {
		if err := s.guardAgainst(ctx, target, scheme, p.admit); err != nil {
			s.close()
			return nil, err
		}
	}
	schemes := p.schemes
	options := map[string]string{"protocol_whitelist": whitelist(schemes), "format_whitelist": demuxers}
	if scheme != "file" {
		// The first frames of a live source shall not wait for FFmpeg to be sure of everything.
		options["analyzeduration"], options["probesize"] = "500000", "500000"
	}
	if scheme == "rtmp" || scheme == "rtmps" {
		options["rtmp_live"] = "live"
	}
	return s, s.open(ctx, target, nil, options, scheme)
}

// openFLV opens FLV bytes that come by a channel, until it is closed.
func openFLV(ctx context.Context, input <-chan []byte, idle time.Duration) (*source, error) {
	s := newSource("push", idle)
	var rest []byte
	var err error
	s.io, err = astiav.AllocIOContext(32<<10, false, func(b []byte) (int, error) {
		for len(rest) == 0 {
			var more bool
			select {
			case rest, more = <-input:
				if !more {
					return 0, astiav.ErrEof
				}
			case <-s.halt:
				return 0, astiav.ErrExit
			}
		}
		n := copy(b, rest)
		rest = rest[n:]
		return n, nil
	}, nil, nil)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("open pushed stream: %w", err)
	}
	s.fc.SetPb(s.io)
	options := map[string]string{"analyzeduration": "500000", "probesize": "500000"}
	return s, s.open(ctx, "", astiav.FindInputFormat("flv"), options, "push")
}

// guardAgainst sees to it that FFmpeg reaches admitted addresses only. (Of RTMP and SRT, which can't be led elsewhere, the
// host is looked up beforehand; an answer of DNS that changes within that moment gets past.)
func (s *source) guardAgainst(ctx context.Context, target, scheme string, admit func(netip.Addr) bool) error {
	var err error
	if s.guard, err = newGuard(ctx, admit); err != nil {
		return err
	}
	if scheme != "http" && scheme != "https" {
		u, err := url.Parse(target)
		if err == nil {
			err = s.guard.check(ctx, u.Hostname())
		}
		return s.sorted("open", err, scheme)
	}
	// This process has one source: its environment is the one place where all of FFmpeg's HTTP, nested or not, looks.
	return errors.Join(os.Setenv("http_proxy", s.guard.url()), os.Unsetenv("no_proxy"))
}

func redacted(address, scheme string) string {
	if u, err := url.Parse(address); err == nil && scheme != "file" {
		return u.Redacted()
	}
	return address
}

func newSource(name string, idle time.Duration) *source {
	if idle <= 0 {
		idle = defaultIdle
	}
	s := &source{name: name, fc: astiav.AllocFormatContext(), idle: idle, halt: make(chan struct{})}
	s.interrupt = s.fc.SetInterruptCallback()
	s.watch = time.AfterFunc(time.Hour, func() {
		s.timedOut.Store(true)
		s.cease()
	})
	s.watch.Stop()
	return s
}

func (s *source) open(ctx context.Context, target string, format *astiav.InputFormat, options map[string]string, scheme string) error {
	stop := context.AfterFunc(ctx, s.stop)
	defer stop()
	d := astiav.NewDictionary()
	defer d.Free()
	for k, v := range options {
		if err := d.Set(k, v, 0); err != nil {
			s.close()
			return fmt.Errorf("open %s: option %s: %w", s.name, k, err)
		}
	}
	s.watch.Reset(s.idle)
	defer s.watch.Stop()
	if err := s.fc.OpenInput(target, format, d); err != nil {
		s.fc = nil // OpenInput frees it when it fails
		s.close()
		return s.sorted("open", err, scheme)
	}
	if err := limit.Of(ctx).Container(s.fc); err != nil {
		s.close()
		return fmt.Errorf("open %s: %w", s.name, err)
	}
	if err := s.fc.FindStreamInfo(nil); err != nil {
		s.close()
		return s.sorted("read the head of", err, scheme)
	}
	if err := limit.Of(ctx).Container(s.fc); err != nil {
		s.close()
		return fmt.Errorf("open %s: %w", s.name, err)
	}
	return nil
}

// read gives the next packet, which stays valid until the next read. errIdle when nothing came for too long, errStopped after
// stop.
func (s *source) read() (*astiav.Packet, error) {
	if s.gather == nil {
		s.gather = newGatherer()
	}
	if s.gather.empty() {
		s.watch.Reset(s.idle)
		s.gather.fill(s.fc, s.live)
		s.watch.Stop()
	}
	pkt, err := s.gather.next()
	switch {
	case err == nil:
		return pkt, nil
	case s.stopped.Load():
		return nil, errStopped
	case s.timedOut.Load():
		return nil, fmt.Errorf("%s: %w for %s", s.name, errIdle, s.idle)
	}
	return nil, err
}

// unfolds reports whether what is in the source may become known only as it comes.
func (s *source) unfolds() bool { return s.live || s.io != nil }

const errInvalid = astiav.Error(-int(syscall.EINVAL))

var (
	errIdle    = errors.New("nothing was received")
	errStopped = errors.New("stopped")
)

// stop ends a read, also one that is under way.
func (s *source) stop() {
	s.stopped.Store(true)
	s.cease()
}

func (s *source) cease() {
	s.halting.Do(func() {
		s.interrupt.Interrupt()
		close(s.halt)
	})
}

func (s *source) close() {
	s.closing.Do(func() {
		s.watch.Stop()
		if s.gather != nil {
			s.gather.free()
		}
		if s.fc != nil {
			s.fc.CloseInput()
		}
		if s.io != nil {
			s.io.Free()
		}
		if s.guard != nil {
			s.guard.close()
			_ = os.Unsetenv("http_proxy")
		}
	})
}

// sorted tells failures of the input itself from those that may pass.
func (s *source) sorted(action string, err error, scheme string) error {
	if err == nil {
		return nil
	}
	if refused := s.guard.refusal(); refused != nil {
		err = refused
	}
	switch {
	case errors.Is(err, errAddress):
		return domain.Permanent(fmt.Errorf("%s %s: %w", action, s.name, err))
	case s.stopped.Load():
		return fmt.Errorf("%s %s: %w", action, s.name, errStopped)
	case s.timedOut.Load():
		return fmt.Errorf("%s %s: %w for %s", action, s.name, errIdle, s.idle)
	}
	what := err.Error()
	err = fmt.Errorf("%s %s: %w", action, s.name, Plain(err))
	if scheme == "file" || permanentOf(what) {
		return domain.Permanent(err)
	}
	return err
}

func permanentOf(what string) bool {
	for _, e := range []astiav.Error{astiav.ErrProtocolNotFound, astiav.ErrDemuxerNotFound, astiav.ErrHttpBadRequest,
		astiav.ErrHttpUnauthorized, astiav.ErrHttpForbidden, astiav.ErrHttpNotFound, astiav.ErrInvaliddata} {
		if strings.Contains(what, e.Error()) {
			return true
		}
	}
	return false
}

var schemePattern = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)[:,]`)

// admit checks a URL's scheme, and gives what FFmpeg shall open: a path never reads as one of its pseudo-protocols.
func admit(address string, schemes []string) (target, scheme string, err error) {
	scheme, rest := "file", address
	if m := schemePattern.FindStringSubmatch(address); m != nil {
		scheme = strings.ToLower(m[1])
		rest = address[len(m[0]):]
	}
	if _, known := protocols[scheme]; !known || !slices.Contains(schemes, scheme) {
		return "", "", domain.Permanent(fmt.Errorf("open %s: scheme %q is not allowed (%s)", address, scheme, strings.Join(schemes, ", ")))
	}
	if scheme != "file" {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return "", "", domain.Permanent(fmt.Errorf("open %s: not a URL with a host", address))
		}
		return address, scheme, nil
	}
	path := rest
	if strings.HasPrefix(rest, "//") {
		path, _ = fileurl.Path(address)
	}
	if path == "" {
		return "", "", domain.Permanent(fmt.Errorf("open %s: names no file", address))
	}
	if !filepath.IsAbs(path) {
		path = "./" + path
	}
	return "file:" + path, scheme, nil
}

func whitelist(schemes []string) string {
	var all []string
	for _, s := range schemes {
		for _, p := range protocols[s] {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return strings.Join(all, ",")
}
