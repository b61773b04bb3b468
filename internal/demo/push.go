package demo

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/await"
)

// A push that is broken off is taken up where the room was: nothing of the script goes unsaid, and what is left of it is
// said later than it is written.

// sent is one push of the room.
type sent struct {
	from time.Duration // the script's time of its first picture
	late time.Duration // from the script's time to that of the recording
}

// push sends the movie, and what is left of it again when it is broken off.
func (s *Show) push(ctx context.Context, url string) error {
	start := time.Now()
	for from := time.Duration(0); from < s.Room.Length; {
		err := s.pushFrom(ctx, url, from, start)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !s.Broken:
			return fmt.Errorf("push the room: %w", err)
		}
		from = max(from, (s.position() + keyframeEvery - 1).Truncate(keyframeEvery))
		if err := await.For(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pushFrom sends the movie from a keyframe on, at its true pace.
func (s *Show) pushFrom(ctx context.Context, url string, from time.Duration, start time.Time) error {
	seek := from
	if from > 0 {
		seek += 100 * time.Millisecond // it goes back to the keyframe before
	}
	command := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-progress", "pipe:1", "-stats_period", "0.1",
		"-re", "-ss", fmt.Sprintf("%.3f", seek.Seconds()), "-i", s.Movie, "-c", "copy", "-f", "flv", url)
	var problems bytes.Buffer
	command.Stderr = &problems
	progress, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	s.follow(progress, from, start)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(problems.String()))
	}
	return nil
}

// follow reads how far ffmpeg says that it is, until it ends.
func (s *Show) follow(progress io.Reader, from time.Duration, start time.Time) {
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		microseconds, is := strings.CutPrefix(lines.Text(), "out_time_us=")
		if n, err := strconv.ParseInt(microseconds, 10, 64); is && err == nil && n > 0 {
			at := from + time.Duration(n)*time.Microsecond
			s.sentTo(from, at, time.Since(start)-at)
		}
	}
}

// sentTo notes how far a push is, and how much behind the script it was at its best: what it was later, the machine was.
func (s *Show) sentTo(from, at, late time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.at = max(s.at, at)
	if n := len(s.pushes); n == 0 || s.pushes[n-1].from < from {
		s.pushes = append(s.pushes, sent{from, late})
	} else if s.pushes[n-1].from == from {
		s.pushes[n-1].late = min(s.pushes[n-1].late, late)
	}
}

// position is the script's time that the room is at.
func (s *Show) position() time.Duration {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.at
}

// reach waits until the room is at a time of its script.
func (s *Show) reach(ctx context.Context, at time.Duration) error {
	for s.position() < at {
		if err := await.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// recorded gives a moment its time in the recording, which begins with the first push.
func (s *Show) recorded(m Moment) Moment {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, p := range slices.Backward(s.pushes) {
		if p.from <= m.Start {
			late := p.late - s.pushes[0].late
			m.Start, m.End = m.Start+late, m.End+late
			break
		}
	}
	return m
}
