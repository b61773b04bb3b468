package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"liveclip/internal/audience/douyin"
	"liveclip/internal/audience/kuaishou"
	"liveclip/internal/opsclient"
)

// feedCommand carries the frames of a platform's web feed to a server. It runs where the session of the room's player is:
// signing the URL and logging in are left to whoever opens the feed.
type feedCommand struct {
	serverFlags
	StreamID streamArg `arg:"" help:"The room's stream ID."`
	Form     string    `arg:"" enum:"douyin-web,kuaishou-web" help:"Whose frames: douyin-web or kuaishou-web."`
	URL      string    `arg:"" name:"url" help:"The feed's WebSocket URL, as the platform's web player opened it."`
	Header   []string  `help:"A header to open it with, such as 'Cookie: …'; may be repeated." placeholder:"NAME: VALUE" sep:"none"`
}

func (feedCommand) Help() string {
	return "Platforms do not publish these feeds and may forbid reading them: check the terms that bind you.\n平台未公开这些接口，也可能禁止读取：请先确认适用条款。\n\nExample: liveclip feed room-42 douyin-web 'wss://…/webcast/im/push/v2/?…' --header 'Cookie: ttwid=…'"
}

const (
	feedFrame   = 4 << 20 // bytes of one frame
	feedTries   = 5       // in a row without a frame
	feedSilence = time.Minute
)

// feedForms are what keeps a connection of each form alive.
var feedForms = map[string]struct {
	heartbeat func() []byte
	every     time.Duration
}{
	"douyin-web":   {douyin.Heartbeat, 10 * time.Second},
	"kuaishou-web": {kuaishou.Heartbeat, 20 * time.Second},
}

func (f feedCommand) Run(ctx context.Context, out stdio) error {
	header := http.Header{}
	for _, line := range f.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return failure{2, fmt.Errorf("--header: must be NAME: VALUE, is %q", line)}
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if _, err := f.client(); err != nil {
		return err
	}
	for tries := 0; ; {
		frames, err := f.carry(ctx, header, out)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end
		case refused(err):
			return err
		}
		if tries++; frames > 0 {
			tries = 0
		}
		if tries == feedTries {
			return fmt.Errorf("feed of %s: %w (given up after %d tries)", f.StreamID, err, tries)
		}
		fmt.Fprintf(out.err, "liveclip: feed of %s interrupted: %s; again in %ds\n", f.StreamID, err, 1<<tries)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second << tries):
		}
	}
}

// carry is one connection, and gives how many frames it carried.
func (f feedCommand) carry(ctx context.Context, header http.Header, out stdio) (frames int, err error) {
	dialling, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	feed, response, err := websocket.Dial(dialling, f.URL, &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // the library closes it
	if err != nil {
		if response != nil {
			return 0, fmt.Errorf("open the feed: it answered %s", response.Status)
		}
		return 0, fmt.Errorf("open the feed: %w", unreached(err))
	}
	defer func() { _ = feed.CloseNow() }()
	feed.SetReadLimit(feedFrame)
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	go f.beat(ctx, feed)
	fmt.Fprintf(out.out, "feed of %s open\n", f.StreamID)
	for {
		frame, err := readFrame(ctx, feed)
		if err != nil {
			return frames, fmt.Errorf("read the feed: %w", err)
		}
		answer, err := f.send(ctx, frame)
		if err != nil {
			if refused(err) {
				return frames, err
			}
			fmt.Fprintln(out.err, "liveclip:", err) // of this frame; the next may fare better
		}
		frames++
		if len(answer) > 0 {
			if err := feed.Write(ctx, websocket.MessageBinary, answer); err != nil {
				return frames, fmt.Errorf("answer the feed: %w", err)
			}
		}
	}
}

// unreached says in short which host could not be reached and why; the URL's query, which may sign somebody in, stays out.
func unreached(err error) error {
	var asked *url.Error
	if !errors.As(err, &asked) {
		return err
	}
	host, why := asked.URL, asked.Err
	if u, err := url.Parse(asked.URL); err == nil {
		host = u.Host
	}
	var dialled *net.OpError
	if errors.As(why, &dialled) {
		why = dialled.Err
	}
	var lookup *net.DNSError
	switch {
	case errors.As(why, &lookup):
		why = errors.New(lookup.Err)
	case errors.Is(why, context.DeadlineExceeded):
		why = errors.New("no answer in time")
	}
	return fmt.Errorf("%s: %w", host, why)
}

func readFrame(ctx context.Context, feed *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, feedSilence)
	defer cancel()
	_, frame, err := feed.Read(ctx)
	return frame, err
}

// beat ends with the connection.
func (f feedCommand) beat(ctx context.Context, feed *websocket.Conn) {
	form := feedForms[f.Form]
	tick := time.NewTicker(form.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if feed.Write(ctx, websocket.MessageBinary, form.heartbeat()) != nil {
				return
			}
		}
	}
}

// send gives what the platform wants to hear back.
func (f feedCommand) send(ctx context.Context, frame []byte) ([]byte, error) {
	ops, err := f.client()
	if err != nil {
		return nil, err
	}
	return ops.Post(ctx, "/v1/streams/"+string(f.StreamID)+"/audience/"+f.Form, frame)
}

// refused tells an answer that every further frame would get.
func refused(err error) bool {
	var p opsclient.Problem
	return errors.As(err, &p) && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden || p.Status == http.StatusNotFound)
}
