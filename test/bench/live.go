package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/demo"
)

// onStage is a server and the rooms that are on air there.
type onStage struct {
	bench *bench
	up    *upProcess
	room  demo.Room
	movie string
	rooms []*onAir
}

// goOnStage starts a server for rooms that play a sample's show; quiet ones have no highlights of their own.
func (b *bench) goOnStage(ctx context.Context, quiet bool) (*onStage, error) {
	room := demo.NewRoom(1)
	if quiet {
		room.Script = slices.DeleteFunc(room.Script, func(s demo.Sentence) bool { return s.Moment != "" })
	}
	movie, err := b.synthesise(ctx, &room, 1)
	if err != nil {
		return nil, err
	}
	up, err := b.startUp(ctx)
	if err != nil {
		return nil, err
	}
	return &onStage{bench: b, up: up, room: room, movie: movie}, nil
}

// join puts so many more rooms on air.
func (s *onStage) join(ctx context.Context, n int) error {
	for range n {
		r, err := s.bench.goOnAir(ctx, s.up, s.room, s.movie, fmt.Sprintf("live-%d", len(s.rooms)))
		if err != nil {
			return err
		}
		s.rooms = append(s.rooms, r)
	}
	return nil
}

func (s *onStage) leave() {
	for _, r := range s.rooms {
		r.stop()
	}
	s.up.stop()
}

// liveRoom measures what an operator waits for in one room: windows that end in the future, the preview of each, and the last
// half minute.
func (b *bench) liveRoom(ctx context.Context) error {
	stage, err := b.goOnStage(ctx, false)
	if err != nil {
		return err
	}
	defer stage.leave()
	if err := stage.join(ctx, 1); err != nil {
		return err
	}
	time.Sleep(32 * time.Second) // for half a minute to look back on
	var ahead, back []fired
	for range 10 {
		clips, err := stage.fire(ctx, 8*time.Second, 2*time.Second)
		if err != nil {
			return err
		}
		ahead = append(ahead, clips...)
	}
	for range 3 {
		clips, err := stage.fire(ctx, 30*time.Second, 0)
		if err != nil {
			return err
		}
		back = append(back, clips...)
	}
	b.addFired("one room", ahead, "≤ 1.0 s", "≤ 2 s")
	previews := each(append(ahead, back...), func(f fired) float64 { return f.preview })
	b.add(fmt.Sprintf("trigger → preview's first bytes, %d clips: p99", len(previews)), quantile(previews, 0.99), "s", "≤ 1 s")
	b.add(fmt.Sprintf("\"clip the last 30 s\" → playable, %d clips: worst", len(back)), quantile(each(back, func(f fired) float64 { return f.waited }), 1), "s", "≤ 6 s")
	return nil
}

// fourRooms measures the same of four rooms that fire at once, and have nothing else to do.
func (b *bench) fourRooms(ctx context.Context) error {
	return b.fireFour(ctx, true, "four rooms fire in one second", "≤ 8 s")
}

// busyRooms has the rooms' own highlights made beside.
func (b *bench) busyRooms(ctx context.Context) error {
	return b.fireFour(ctx, false, "the same beside the rooms' own highlights", "")
}

func (b *bench) fireFour(ctx context.Context, quiet bool, who, worst string) error {
	stage, err := b.goOnStage(ctx, quiet)
	if err != nil {
		return err
	}
	defer stage.leave()
	if err := stage.join(ctx, 4); err != nil {
		return err
	}
	time.Sleep(10 * time.Second)
	var four []fired
	for range 3 {
		clips, err := stage.fire(ctx, 6*time.Second, 2*time.Second)
		if err != nil {
			return err
		}
		four = append(four, clips...)
	}
	b.addFired(who, four, "", worst)
	return nil
}

func (b *bench) addFired(who string, clips []fired, median, worst string) {
	after := each(clips, func(f fired) float64 { return f.after })
	b.add(fmt.Sprintf("window's end → 720p playable, %s, %d clips: median", who, len(clips)), quantile(after, 0.5), "s", median)
	b.add(fmt.Sprintf("window's end → 720p playable, %s: p99", who), quantile(after, 0.99), "s", worst)
	b.add("of that, until it was finished: median", quantile(each(clips, func(f fired) float64 { return f.rendered }), 0.5), "s", "")
	b.add("of that, until its words were heard and judged: median", quantile(each(clips, func(f fired) float64 { return f.decided }), 0.5), "s", "")
	noted := map[string]int{}
	for _, c := range clips {
		noted[c.note]++
	}
	for _, note := range slices.Sorted(maps.Keys(noted)) {
		if note != "" {
			b.add("of those clips, "+note, float64(noted[note]), "", "")
		}
	}
}

func each(clips []fired, value func(fired) float64) (values []float64) {
	for _, c := range clips {
		values = append(values, value(c))
	}
	return values
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

// fired is what one request came to, in seconds. after, rendered and decided count from the window's end; note is what was
// given up.
type fired struct {
	after, rendered, decided, waited, preview float64
	note                                      string
}

// fire asks every room for a clip at once and waits until each is playable.
func (s *onStage) fire(ctx context.Context, before, after time.Duration) ([]fired, error) {
	clips := make([]fired, len(s.rooms))
	group, ctx := errgroup.WithContext(ctx)
	for i, r := range s.rooms {
		group.Go(func() (err error) {
			clips[i], err = s.up.fire(ctx, r, before, after)
			return err
		})
	}
	err := group.Wait()
	return clips, err
}

func (u *upProcess) fire(ctx context.Context, r *onAir, before, after time.Duration) (fired, error) {
	var asked struct {
		ID  string  `json:"clip_id"`
		End float64 `json:"end_s"`
	}
	pressed := time.Now()
	body := map[string]any{"before_s": before.Seconds(), "after_s": after.Seconds(), "title": "bench"}
	if err := u.ops.Call(ctx, http.MethodPost, "/v1/streams/"+r.stream+"/clips", body, &asked); err != nil {
		return fired{}, err
	}
	preview, err := u.preview(ctx, asked.ID)
	if err != nil {
		return fired{}, err
	}
	f := fired{preview: preview.Sub(pressed).Seconds()}
	steps, err := u.playable(ctx, asked.ID)
	since := func(step string) float64 {
		return steps[step].at.Sub(r.started.Add(time.Duration(asked.End * float64(time.Second)))).Seconds()
	}
	f.after, f.rendered, f.decided = since("published"), since("rendered"), since("decided")
	f.waited, f.note = steps["published"].at.Sub(pressed).Seconds(), steps["rendered"].note
	return f, err
}

// step is one of a clip's story.
type step struct {
	at   time.Time
	note string
}

// playable waits until the clip's 720p is, and gives its steps.
func (u *upProcess) playable(ctx context.Context, id string) (map[string]step, error) {
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
		steps := map[string]step{}
		for _, s := range clip.Steps {
			steps[s.Step] = step{s.At, s.Note}
			if s.Step == "failed" {
				return steps, fmt.Errorf("clip %s failed: %s", id, s.Note)
			}
		}
		for _, r := range clip.Renditions {
			if clip.Playable && r.Profile == "720p" && !steps["published"].at.IsZero() {
				if !demo.AnswersRange(ctx, u.absolute(r.URL)) {
					return steps, fmt.Errorf("clip %s does not answer at %s", id, r.URL)
				}
				return steps, nil
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
