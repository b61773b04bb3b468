package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
	"liveclip/services/detect"
)

const (
	loadRooms   = 1000
	loadRate    = 20 // comments a second in each
	loadFor     = 60 * time.Second
	loadRuns    = 2 // the better counts: other work on the machine only ever slows
	memoryUntil = 24 * time.Hour
)

// loadFigures are what detection costs.
type loadFigures struct {
	Rooms        int          `json:"rooms"`
	CommentRate  int          `json:"comments_a_second_each"`
	MediaSeconds float64      `json:"media_s"`
	CoreSeconds  float64      `json:"core_s"`
	OfOneCore    float64      `json:"of_one_core"`     // 1: that many rooms keep one core busy
	BytesPerRoom float64      `json:"bytes_a_room"`    // with all of them on air
	Hours        []roomMemory `json:"memory_one_room"` // of one room over a day
}

// roomMemory is what one room holds after so long on air.
type roomMemory struct {
	Hours float64 `json:"hours"`
	Bytes float64 `json:"bytes"`
}

// measureLoad runs a thousand rooms at once on one core, and one room for a day.
func measureLoad(ctx context.Context, rules *detect.Rules) (loadFigures, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	maker, err := roomgen.New()
	if err != nil {
		return loadFigures{}, err
	}
	like := maker.Room(roomgen.Train, 0)
	f := loadFigures{Rooms: loadRooms, CommentRate: loadRate, MediaSeconds: loadFor.Seconds()}
	for range loadRuns {
		took, held, err := manyRooms(ctx, rules, like)
		if err != nil {
			return f, err
		}
		if f.CoreSeconds == 0 || took.Seconds() < f.CoreSeconds {
			f.CoreSeconds, f.BytesPerRoom = took.Seconds(), held
		}
	}
	f.OfOneCore = f.CoreSeconds / f.MediaSeconds
	f.Hours, err = oneDay(ctx, rules, like)
	return f, err
}

// manyRooms takes rooms through the same stretch of media time second by second, side by side.
func manyRooms(ctx context.Context, rules *detect.Rules, like roomgen.Room) (took time.Duration, held float64, err error) {
	var running sync.WaitGroup
	second := busySeconds(like, 7)
	turns := make([]chan []roomlog.Entry, loadRooms)
	errs := make([]error, loadRooms)
	base := heap()
	done := make(chan struct{}, loadRooms)
	for i := range turns {
		turns[i] = make(chan []roomlog.Entry)
		running.Go(func() {
			errs[i] = detect.Watch(ctx, rules, func(yield func(roomlog.Entry, error) bool) {
				for batch := range turns[i] {
					for _, e := range batch {
						if !yield(e, nil) {
							return
						}
					}
					done <- struct{}{}
				}
			}, func(detect.Decision) {})
		})
	}
	for at := range int(loadFor / time.Second) {
		batch := second(at) // the same for all: making it is no part of the cost
		began := time.Now()
		for _, turn := range turns {
			turn <- batch
			<-done
		}
		took += time.Since(began)
	}
	held = max(0, heap()-base) / loadRooms
	for _, turn := range turns {
		close(turn)
	}
	running.Wait()
	for _, e := range errs {
		if e != nil {
			return 0, 0, e
		}
	}
	return took, held, nil
}

// oneDay holds one room on air for a day and looks at what it holds on the way.
func oneDay(ctx context.Context, rules *detect.Rules, like roomgen.Room) (seen []roomMemory, err error) {
	looks := map[time.Duration]bool{time.Hour: true, 6 * time.Hour: true, 12 * time.Hour: true, memoryUntil: true}
	second := busySeconds(like, 8)
	base := heap()
	entries := func(yield func(roomlog.Entry, error) bool) {
		for at := range int(memoryUntil/time.Second) + 1 {
			if now := time.Duration(at) * time.Second; looks[now] {
				seen = append(seen, roomMemory{now.Hours(), max(0, heap()-base)})
			}
			for _, e := range second(at) {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
	return seen, detect.Watch(ctx, rules, entries, func(detect.Decision) {})
}

// busySeconds gives what happens in each second of a room like this one, over and over, at the load's rate of comments.
func busySeconds(like roomgen.Room, seed uint64) func(at int) []roomlog.Entry {
	length := int(like.Length / time.Second)
	bySecond := make([][]roomlog.Entry, length+1)
	var texts []string
	for _, e := range like.Entries {
		if a := e.Audience; a != nil && a.Kind == domain.SignalComment {
			texts = append(texts, a.Text)
		} else if e.Progress == nil || !e.Progress.Closed {
			at := min(int(e.At/time.Second), length)
			bySecond[at] = append(bySecond[at], e)
		}
	}
	d := rand.New(rand.NewPCG(seed, seed))
	number := 0
	return func(at int) []roomlog.Entry {
		round := time.Duration(at/length) * time.Duration(length) * time.Second
		var out []roomlog.Entry
		for range loadRate {
			number++
			now := time.Duration(at)*time.Second + time.Duration(d.IntN(1000))*time.Millisecond
			out = append(out, roomlog.Entry{At: now, Audience: &domain.AudienceSignal{
				ID: strconv.Itoa(number), Kind: domain.SignalComment, At: now, Text: texts[d.IntN(len(texts))], User: strconv.Itoa(d.IntN(4000)), Count: 1,
			}})
		}
		for _, e := range bySecond[at%length] {
			out = append(out, later(e, round, at))
		}
		return out
	}
}

// later is an entry of the same room, rounds later.
func later(e roomlog.Entry, by time.Duration, at int) roomlog.Entry {
	e.At += by
	switch {
	case e.Line != nil:
		l := *e.Line
		l.ID, l.Start, l.End = fmt.Sprint(l.ID, "/", at), l.Start+by, l.End+by
		l.Words = make([]domain.Word, len(e.Line.Words))
		for i, w := range e.Line.Words {
			w.Start, w.End = w.Start+by, w.End+by
			l.Words[i] = w
		}
		e.Line = &l
	case e.Audience != nil:
		a := *e.Audience
		a.ID, a.At = fmt.Sprint(a.ID, "/", at), a.At+by
		e.Audience = &a
	case e.Sound != nil:
		s := *e.Sound
		s.Start += by
		e.Sound = &s
	case e.Progress != nil:
		p := *e.Progress
		p.HeardTo, p.RecordedTo, p.SceneCuts = p.HeardTo+by, p.RecordedTo+by, nil
		e.Progress = &p
	}
	return e
}

// heap is what is held now.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func (f loadFigures) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d rooms with %d comments a second each: %.2f of one core, %.0f KiB a room\n", f.Rooms, f.CommentRate, f.OfOneCore, f.BytesPerRoom/1024)
	fmt.Fprint(w, "one room on air for a day:")
	for _, h := range f.Hours {
		fmt.Fprintf(w, "  %.0f h %.0f KiB", h.Hours, h.Bytes/1024)
	}
	fmt.Fprintln(w)
}
