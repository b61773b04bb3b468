package vod

import (
	"context"
	"net/http"
	"sort"
	"time"

	"liveclip/internal/await"
	"liveclip/internal/sidecar"
)

// Pace is how an answer goes out that nobody bounded: of one that asks for "the film from here", most viewers leave before
// the end, and what was sent ahead of them is wasted.
type Pace struct {
	Multiple float64       `koanf:"multiple"` // of the speed it plays at; 0: as fast as it goes
	Head     time.Duration `koanf:"head"`     // of playing time, sent as fast as it goes
	Unsent   int           `koanf:"unsent"`   // bytes that the kernel takes beyond those under way; 0: as the system has it
}

const leastHead = 64 << 10 // bytes: less is not worth a rest

const paceTick = 250 * time.Millisecond // rests are not shorter: a viewer's buffer does not notice, and ten thousand of them a second would be work

// pacing says how far an answer may be after a time.
type pacing struct {
	Pace
	index sidecar.Index // without fragments: the film is taken for evenly dense
	size  int64
	from  int64   // byte the answer begins with
	first float64 // second of the film that is
}

// pace gives how an unbounded answer shall go out; false: as fast as it goes.
func (v *Handler) pace(ctx context.Context, out reply, part span) (*pacing, bool) {
	if v.pacing.Multiple == 0 || out.film.Length <= 0 {
		return nil, false
	}
	p := &pacing{Pace: v.pacing, size: out.size, from: part.first}
	index, err := v.indexes.of(ctx, *out.film)
	if err != nil || index.Bytes != out.size || index.LengthS <= 0 {
		index = sidecar.Index{LengthS: out.film.Length.Seconds()}
	}
	p.index = index
	p.first = p.second(part.first)
	return p, true
}

// second is the one that the byte at offset belongs to.
func (p *pacing) second(offset int64) float64 {
	all := p.index.Fragments
	if len(all) == 0 {
		return float64(offset) / float64(p.size) * p.index.LengthS
	}
	i := sort.Search(len(all), func(i int) bool { return all[i].Offset+all[i].Size > offset })
	if i == len(all) {
		return p.index.LengthS
	}
	f := all[i]
	return f.StartS + f.LengthS*float64(max(0, offset-f.Offset))/float64(f.Size)
}

// offset is where the bytes end that must be there to play up to the second.
func (p *pacing) offset(second float64) int64 {
	all := p.index.Fragments
	if len(all) == 0 {
		return int64(second / p.index.LengthS * float64(p.size))
	}
	i := sort.Search(len(all), func(i int) bool { return all[i].StartS+all[i].LengthS > second })
	if i == len(all) {
		return p.size
	}
	f := all[i]
	if f.LengthS <= 0 || second <= f.StartS {
		return f.Offset
	}
	return f.Offset + int64(float64(f.Size)*(second-f.StartS)/f.LengthS)
}

// due is the byte up to which the answer may have gone by then.
func (p *pacing) due(elapsed time.Duration) int64 {
	return max(p.from+leastHead, p.offset(p.first+p.Head.Seconds()+p.Multiple*elapsed.Seconds()))
}

// send sends the part, resting where it is ahead.
func (p *pacing) send(r *http.Request, w *answer, from source, part span) error {
	if p.Unsent > 0 && w.direct != nil {
		w.direct.LimitUnsent(p.Unsent)
	}
	for began := w.now(); part.first <= part.last; {
		if upto := min(part.last, p.due(w.now().Sub(began))-1); upto >= part.first {
			if err := from.copy(r.Context(), w, span{part.first, upto}); err != nil {
				return err
			}
			if part.first = upto + 1; part.first > part.last {
				return nil
			}
		}
		if w.direct == nil {
			_ = http.NewResponseController(w.ResponseWriter).Flush()
		}
		w.pause(r, paceTick)
		if r.Context().Err() != nil || w.direct != nil && w.direct.Gone() {
			return errLeft
		}
		if !w.going.GoesOn() {
			return errTaken
		}
	}
	return nil
}

// pause rests, or ends with the request.
func pause(r *http.Request, d time.Duration) { _ = await.For(r.Context(), d) }
