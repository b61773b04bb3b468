package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/demo"
)

// liveRooms measures what an operator waits for: windows that end in the future, in one room and in four at once, the
// preview of each, and the last half minute.
func (b *bench) liveRooms(ctx context.Context) error {
	room, movie, err := b.makeRoom(ctx, 1)
	if err != nil {
		return err
	}
	up, err := b.startUp(ctx)
	if err != nil {
		return err
	}
	defer up.stop()
	var rooms []*onAir
	defer func() {
		for _, r := range rooms {
			r.stop()
		}
	}()
	join := func() error {
		r, err := b.goOnAir(ctx, up, room, movie, fmt.Sprintf("live-%d", len(rooms)))
		if err == nil {
			rooms = append(rooms, r)
		}
		return err
	}
	if err := join(); err != nil {
		return err
	}
	time.Sleep(32 * time.Second) // for half a minute to look back on

	var ahead, rendered, decided, back, previews []float64
	for range 10 {
		clips, err := b.fire(ctx, up, rooms, 8*time.Second, 2*time.Second)
		if err != nil {
			return err
		}
		ahead, previews = append(ahead, clips[0].after), append(previews, clips[0].preview)
		rendered, decided = append(rendered, clips[0].rendered), append(decided, clips[0].decided)
	}
	for range 3 {
		clips, err := b.fire(ctx, up, rooms, 30*time.Second, 0)
		if err != nil {
			return err
		}
		back, previews = append(back, clips[0].waited), append(previews, clips[0].preview)
	}
	for range 3 {
		if err := join(); err != nil {
			return err
		}
	}
	time.Sleep(10 * time.Second)
	var four []float64
	for range 3 {
		clips, err := b.fire(ctx, up, rooms, 6*time.Second, 2*time.Second)
		if err != nil {
			return err
		}
		for _, c := range clips {
			four, previews = append(four, c.after), append(previews, c.preview)
		}
	}
	b.add(fmt.Sprintf("window's end → 720p playable, one room, %d clips: median", len(ahead)), quantile(ahead, 0.5), "s", "≤ 1.0 s")
	b.add("window's end → 720p playable, one room: p99", quantile(ahead, 0.99), "s", "≤ 2 s")
	b.add("of that, until it was finished: median", quantile(rendered, 0.5), "s", "")
	b.add("of that, until its words were heard and judged: median", quantile(decided, 0.5), "s", "")
	b.add(fmt.Sprintf("four rooms fire in one second, %d clips: median", len(four)), quantile(four, 0.5), "s", "")
	b.add("four rooms fire in one second: p99", quantile(four, 0.99), "s", "≤ 8 s")
	b.add(fmt.Sprintf("trigger → preview's first bytes, %d clips: p99", len(previews)), quantile(previews, 0.99), "s", "≤ 1 s")
	b.add(fmt.Sprintf("\"clip the last 30 s\" → playable, %d clips: worst", len(back)), quantile(back, 1), "s", "≤ 6 s")
	return nil
}

// onAir is a room that is pushed without end.
type onAir struct {
	stream  string
	started time.Time // wall clock of its first frame, as the server knows it
	push    *exec.Cmd
}

func (r *onAir) stop() {
	_ = r.push.Process.Kill()
	_ = r.push.Wait()
}

func (b *bench) goOnAir(ctx context.Context, up *upProcess, room demo.Room, movie, stream string) (*onAir, error) {
	show := &demo.Show{Room: room, Movie: movie, Stream: stream, Ops: up.ops, Out: os.Stderr}
	address, err := show.Attach(ctx)
	if err != nil {
		return nil, err
	}
	r := &onAir{stream: stream, push: exec.CommandContext(ctx, "ffmpeg", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", movie, "-c", "copy", "-f", "flv", address)}
	if err := r.push.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		var told struct {
			State     string    `json:"state"`
			StartedAt time.Time `json:"started_at"`
		}
		if err := up.ops.Call(ctx, http.MethodGet, "/v1/streams/"+stream, nil, &told); err != nil {
			return r, err
		}
		if told.State == "live" {
			r.started = told.StartedAt
			return r, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.stop()
	return nil, fmt.Errorf("room %s did not go on air within 20 s", stream)
}

// fired is what one request came to, in seconds. after, rendered and decided count from the window's end.
type fired struct{ after, rendered, decided, waited, preview float64 }

// fire asks every room for a clip at once and waits until each is playable.
func (b *bench) fire(ctx context.Context, up *upProcess, rooms []*onAir, before, after time.Duration) ([]fired, error) {
	clips := make([]fired, len(rooms))
	group, ctx := errgroup.WithContext(ctx)
	for i, r := range rooms {
		group.Go(func() (err error) {
			clips[i], err = b.fireOne(ctx, up, r, before, after)
			return err
		})
	}
	err := group.Wait()
	return clips, err
}

func (b *bench) fireOne(ctx context.Context, up *upProcess, r *onAir, before, after time.Duration) (fired, error) {
	var asked struct {
		ID  string  `json:"clip_id"`
		End float64 `json:"end_s"`
	}
	pressed := time.Now()
	body := map[string]any{"before_s": before.Seconds(), "after_s": after.Seconds(), "title": "bench"}
	if err := up.ops.Call(ctx, http.MethodPost, "/v1/streams/"+r.stream+"/clips", body, &asked); err != nil {
		return fired{}, err
	}
	preview, err := up.preview(ctx, asked.ID)
	if err != nil {
		return fired{}, err
	}
	f := fired{preview: preview.Sub(pressed).Seconds()}
	steps, err := up.playable(ctx, asked.ID)
	since := func(step string) float64 {
		return steps[step].Sub(r.started.Add(time.Duration(asked.End * float64(time.Second)))).Seconds()
	}
	f.after, f.rendered, f.decided = since("published"), since("rendered"), since("decided")
	f.waited = steps["published"].Sub(pressed).Seconds()
	return f, err
}

// playable waits until the clip's 720p is, and gives the times of its steps by its own story.
func (u *upProcess) playable(ctx context.Context, id string) (map[string]time.Time, error) {
	for range 600 {
		var clip struct {
			Playable   bool
			Renditions []struct{ Profile, URL string }
			Steps      []struct {
				Step, Note string
				At         time.Time
			}
		}
		if err := u.ops.Call(ctx, http.MethodGet, "/v1/clips/"+id, nil, &clip); err != nil {
			return nil, err
		}
		at := map[string]time.Time{}
		for _, s := range clip.Steps {
			at[s.Step] = s.At
			if s.Step == "failed" {
				return at, fmt.Errorf("clip %s failed: %s", id, s.Note)
			}
		}
		for _, r := range clip.Renditions {
			if clip.Playable && r.Profile == "720p" && !at["published"].IsZero() {
				if !demo.AnswersRange(ctx, u.absolute(r.URL)) {
					return at, fmt.Errorf("clip %s does not answer at %s", id, r.URL)
				}
				return at, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("clip %s was not playable within a minute", id)
}

func (u *upProcess) absolute(link string) string {
	base, err := url.Parse(u.ops.Server)
	if err != nil {
		return link
	}
	to, err := base.Parse(link)
	if err != nil {
		return link
	}
	return to.String()
}

// preview waits for the playlist to name something, fetches the first of it, and gives when it was there.
func (u *upProcess) preview(ctx context.Context, id string) (time.Time, error) {
	playlist := u.absolute("/preview/" + id + "/index.m3u8")
	for range 500 {
		text, err := u.fetch(ctx, playlist, "")
		if err != nil {
			return time.Time{}, err
		}
		part := ""
		lines := bufio.NewScanner(strings.NewReader(string(text)))
		for lines.Scan() {
			var size, from int64
			if n, _ := fmt.Sscanf(lines.Text(), "#EXT-X-BYTERANGE:%d@%d", &size, &from); n == 2 {
				part = fmt.Sprintf("bytes=%d-%d", from, from+size-1)
			}
			if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
				at, err := url.Parse(playlist)
				if err == nil {
					at, err = at.Parse(line)
				}
				if err != nil {
					return time.Time{}, err
				}
				first, err := u.fetch(ctx, at.String(), part)
				if err == nil && len(first) > 0 {
					return time.Now(), nil
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Time{}, fmt.Errorf("no preview of clip %s", id)
}

// fetch gets what the operator may, or the range of it; nothing when it is not there yet.
func (u *upProcess) fetch(ctx context.Context, address, part string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+u.ops.Token)
	if part != "" {
		request.Header.Set("Range", part)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return nil, errors.New("the preview is not for this token")
	case response.StatusCode >= 300:
		return nil, nil
	}
	return text, nil
}
