package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/await"
	"liveclip/internal/opsclient"
)

// Show performs a room before a server: pushes it, lets its audience comment, watches its clips appear and holds them
// against its script.
type Show struct {
	Room   Room
	Movie  string // the file Synthesise made
	Stream string // stream ID
	Ops    *opsclient.Client
	Out    io.Writer
	// Broken says that the server may fail in the middle: pushes are taken up again, questions asked again.
	Broken bool

	mutex  sync.Mutex
	clips  map[string]*Clip
	pushes []sent
	at     time.Duration // the script's time that was pushed last
}

// Clip is a clip as the audience meets it.
type Clip struct {
	apiClip
	PlayableAt time.Time     // zero: not yet
	After      time.Duration // from the end of its window to playable
	Fault      error         // why it does not decode
}

// apiClip is a clip as the ops API tells it.
type apiClip struct {
	ID      string  `json:"clip_id"`
	State   string  `json:"state"`
	Title   string  `json:"title"`
	Start   float64 `json:"start_s"`
	End     float64 `json:"end_s"`
	Reasons []struct {
		Signal, Detail string
	} `json:"reasons"`
	Playable   bool `json:"playable"`
	Renditions []struct {
		Profile, URL string
	} `json:"renditions"`
	Steps []struct {
		Step, Note string
		At         time.Time
	} `json:"steps"`
}

// URL gives the signed URL of a profile, or "".
func (c *Clip) URL(profile string) string {
	for _, r := range c.Renditions {
		if r.Profile == profile {
			return r.URL
		}
	}
	return ""
}

// holds tells whether the clip holds a moment's words. It may begin or end inside them by a little: words have no edges.
func (c *Clip) holds(m Moment) bool {
	const tolerance = 300 * time.Millisecond
	return c.Start <= (m.Start+tolerance).Seconds() && c.End >= (m.End-tolerance).Seconds()
}

// good tells whether the clip is what a viewer may be shown.
func (c *Clip) good() bool { return !c.PlayableAt.IsZero() && c.Fault == nil }

// Attach makes the stream known and gives the address to push it to.
func (s *Show) Attach(ctx context.Context) (push string, err error) {
	var stream struct {
		Push struct {
			URL string `json:"url"`
		} `json:"push"`
	}
	room := map[string]any{"host": s.Room.Host, "language": s.Room.Language, "products": []map[string]string{s.item(s.Room.Price)}}
	if s.Room.Language == mandarin.language {
		room["engine"] = "mandarin" // the small model, which hears synthetic voices
	}
	body := map[string]any{"source": "push", "context": room}
	err = s.Ops.Call(ctx, http.MethodPut, "/v1/streams/"+s.Stream, body, &stream)
	return stream.Push.URL, err
}

// Play pushes the room at its true pace while its audience comments, and returns when its clips have settled.
func (s *Show) Play(ctx context.Context, push string) error {
	playing, ctx := errgroup.WithContext(ctx)
	onAir, offAir := context.WithCancel(ctx)
	playing.Go(func() error { defer offAir(); return s.push(ctx, push) })
	playing.Go(func() error { s.comment(onAir); return nil })
	playing.Go(func() error { s.sell(onAir); return nil })
	playing.Go(func() error { return s.watch(ctx, onAir) })
	return playing.Wait()
}

// comment lets the audience write at its times. A comment that can't be delivered is lost, as comments are.
func (s *Show) comment(ctx context.Context) {
	comments := slices.SortedFunc(slices.Values(s.Room.Comments), func(a, b Comment) int { return cmp.Compare(a.At, b.At) })
	for len(comments) > 0 && s.reach(ctx, comments[0].At) == nil {
		var due []map[string]string
		for at := s.position(); len(comments) > 0 && comments[0].At <= at+100*time.Millisecond; {
			due = append(due, map[string]string{"kind": "comment", "user": comments[0].User, "text": comments[0].Text})
			comments = comments[1:]
		}
		_ = s.Ops.Call(ctx, http.MethodPost, "/v1/streams/"+s.Stream+"/audience", due, nil)
	}
}

// item is the product at a price, as the API takes it.
func (s *Show) item(price string) map[string]string {
	return map[string]string{"id": "1", "name": s.Room.Product, "price": price}
}

// sell lets the shop say at its times what it says of the product, until it is heard.
func (s *Show) sell(ctx context.Context) {
	for _, change := range s.Room.Shop() {
		told := []map[string]any{{"kind": "product", "action": change.Action, "item": s.item(change.Price)}}
		for err := s.reach(ctx, change.At); err == nil; err = await.For(ctx, 500*time.Millisecond) {
			if s.Ops.Call(ctx, http.MethodPost, "/v1/streams/"+s.Stream+"/audience", told, nil) == nil {
				break
			}
		}
	}
}

const (
	linger = 5 * time.Second // after the room's end: a moment near it is found a little later
	settle = 2 * time.Minute // after the room's end: what is not playable then never will be
)

// watch follows the clips until the room is over and every one of them has settled.
func (s *Show) watch(ctx, onAir context.Context) error {
	var over time.Time
	patience := settle
	if s.Broken {
		patience = 2 * settle
	}
	for {
		if onAir.Err() != nil && over.IsZero() {
			over = time.Now()
		}
		pending, err := s.look(ctx)
		if err != nil && !s.Broken {
			return err
		}
		if !over.IsZero() && (time.Since(over) > patience || (err == nil && pending == 0 && time.Since(over) > linger)) {
			return nil
		}
		if err := await.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// look asks for the clips, notes which became playable, and gives how many are under way.
func (s *Show) look(ctx context.Context) (pending int, err error) {
	var list struct {
		Clips []apiClip `json:"clips"`
	}
	if err := s.Ops.Call(ctx, http.MethodGet, "/v1/clips?stream_id="+s.Stream, nil, &list); err != nil {
		return 0, err
	}
	for _, told := range list.Clips {
		clip := s.known(told)
		switch {
		case clip.good():
		case !clip.PlayableAt.IsZero():
			if s.Broken { // the server may have failed while it was played
				clip.Fault = Decodes(ctx, clip.URL("720p"))
			}
		case told.Playable && AnswersRange(ctx, clip.URL("720p")):
			if err := s.measure(ctx, clip); err != nil {
				return 0, err
			}
		case told.State == "rejected" || told.State == "failed" || told.State == "needs_person":
		default:
			pending++
		}
	}
	return pending, nil
}

func (s *Show) known(told apiClip) *Clip {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.clips == nil {
		s.clips = map[string]*Clip{}
	}
	if s.clips[told.ID] == nil {
		s.clips[told.ID] = &Clip{}
	}
	for i, r := range told.Renditions {
		if strings.HasPrefix(r.URL, "/") { // the server serves its clips itself
			told.Renditions[i].URL = s.Ops.Server + r.URL
		}
	}
	s.clips[told.ID].apiClip = told
	return s.clips[told.ID]
}

// measure notes how long after the end of its window, by the broadcast's wall clock, a clip became playable.
func (s *Show) measure(ctx context.Context, clip *Clip) error {
	playable := time.Now()
	var stream struct {
		StartedAt time.Time `json:"started_at"`
	}
	if err := s.Ops.Call(ctx, http.MethodGet, "/v1/streams/"+s.Stream, nil, &stream); err != nil {
		return err
	}
	clip.PlayableAt = playable
	clip.After = playable.Sub(stream.StartedAt.Add(time.Duration(clip.End * float64(time.Second))))
	clip.Fault = Decodes(ctx, clip.URL("720p"))
	why := "?"
	if len(clip.Reasons) > 0 {
		why = clip.Reasons[0].Signal + ": " + clip.Reasons[0].Detail
	}
	fmt.Fprintf(s.Out, "%s: clip %5.1f–%5.1f s  %s  (%s)\n     playable %.1f s after its end: %s\n",
		s.Stream, clip.Start, clip.End, clip.Title, why, clip.After.Seconds(), clip.URL("720p"))
	if clip.Fault != nil {
		fmt.Fprintln(s.Out, "     does not decode:", clip.Fault)
	}
	return nil
}

// Clips gives the clips seen so far.
func (s *Show) Clips() []*Clip {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	clips := make([]*Clip, 0, len(s.clips))
	for _, c := range s.clips {
		clips = append(clips, c)
	}
	slices.SortFunc(clips, func(a, b *Clip) int { return cmp.Compare(a.Start, b.Start) })
	return clips
}

// Report holds the clips against the script, and tells whether every moment has one good clip and there is no other clip.
func (s *Show) Report() bool {
	clips, moments := s.Clips(), s.Room.Moments()
	for i, m := range moments {
		moments[i] = s.recorded(m)
	}
	var waits []time.Duration
	for _, m := range moments {
		if i := slices.IndexFunc(clips, func(c *Clip) bool { return c.holds(m) && c.good() }); i >= 0 {
			waits = append(waits, clips[i].After)
		} else {
			fmt.Fprintf(s.Out, "%s: missed: %q at %.1f s\n", s.Stream, m.Text, m.Start.Seconds())
		}
	}
	for _, c := range clips {
		if !slices.ContainsFunc(moments, c.holds) {
			fmt.Fprintf(s.Out, "%s: no moment: clip %.1f–%.1f s %q\n", s.Stream, c.Start, c.End, c.Title)
		}
		if !c.good() {
			fmt.Fprintf(s.Out, "%s: not playable: clip %.1f–%.1f s is %s: %s\n", s.Stream, c.Start, c.End, c.State, c.lastNote())
		}
	}
	slices.Sort(waits)
	median := 0.0
	if len(waits) > 0 {
		median = waits[len(waits)/2].Seconds()
	}
	fmt.Fprintf(s.Out, "%s: %d of %d moments clipped, median %.1f s to playable\n", s.Stream, len(waits), len(moments), median)
	return len(waits) == len(moments) && len(clips) == len(moments)
}

func (c *Clip) lastNote() string {
	for _, step := range slices.Backward(c.Steps) {
		if step.Note != "" {
			return step.Note
		}
	}
	return "no reason given"
}

// AnswersRange asks a URL for its first kilobyte.
func AnswersRange(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	request.Header.Set("Range", "bytes=0-1023")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusPartialContent && len(body) == 1024
}

// Decodes plays a whole file or URL and gives what is wrong with it.
func Decodes(ctx context.Context, url string) error {
	// in the file's own ticks: in those of a guessed frame rate, ffmpeg may round two pictures to one time
	command := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-xerror", "-nostdin", "-i", url,
		"-enc_time_base:v", "-1", "-f", "null", "-")
	problems, err := command.CombinedOutput()
	text := strings.TrimSpace(string(problems))
	switch {
	case err != nil:
		return fmt.Errorf("decode: %w: %s", err, text)
	case text != "":
		return fmt.Errorf("decode: %s", text)
	}
	return nil
}
