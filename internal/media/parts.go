package media

import "time"

const (
	// trackLag is how far picture and sound may lie apart in the source before a part no longer waits for the later one.
	trackLag = time.Second
	// partBytes bounds what waits for a part's end.
	partBytes = 16 << 20
)

// placed is a sample with its media times.
type placed struct {
	sample
	at, show, length time.Duration // of decoding, of presentation; how long it is shown
}

// queue is a track's samples that no part has taken yet.
type queue struct {
	id      uint32
	video   bool
	samples []placed
	passed  time.Duration // every later sample is decoded at this time or after
}

// mark is where a part begins that is not ready yet.
type mark struct {
	at    time.Duration
	key   bool
	video int // samples of the picture, from the queue's head, that lie before it
}

// part is a fragment and its window.
type part struct {
	start, end time.Duration
	key        bool
	data       []byte
}

// parts cuts a run's samples into parts: a new one at each keyframe, none longer than length where the samples allow, and
// each with the sound of its window. Windows touch: a part ends where the next one begins. No frame is shown before its
// part's window begins (but for the leading pictures of an open group), and a keyframe's part begins when it is shown.
type parts struct {
	length   time.Duration
	emit     func(part) error // its data is used again for the next one
	video    *queue           // nil: a run without picture
	audio    *queue
	start    time.Duration // of the part that is being filled
	key      bool
	marks    []mark
	bytes    int
	sequence uint32
	arena    arena
	buffer   []byte // of the part emitted last
}

// begin starts a run.
func (p *parts) begin(at time.Duration, video, audio *queue) {
	p.start, p.video, p.audio, p.key, p.marks, p.bytes = at, video, audio, video == nil, nil, 0
}

func (p *parts) lastMark() time.Duration {
	if n := len(p.marks); n > 0 {
		return p.marks[n-1].at
	}
	return p.start
}

// add takes the next sample of a track and emits the parts that it completes.
func (p *parts) add(q *queue, s placed) error {
	if q.video {
		p.markPicture(s)
	} else {
		p.markSound(s)
	}
	s.data, s.slab = p.arena.keep(s.data)
	q.samples = append(q.samples, s)
	q.passed = max(q.passed, s.at+s.length)
	p.bytes += len(s.data)
	return p.drain(false)
}

func (p *parts) markPicture(s placed) {
	last, waiting := p.lastMark(), len(p.video.samples)
	if n := len(p.marks); n > 0 {
		waiting -= p.marks[n-1].video
	}
	first := waiting == 0 && (p.audio == nil || p.audio.passed <= last)
	switch {
	case first && len(p.marks) == 0:
		p.key = s.key
	case s.key:
		p.mark(max(s.show, last+time.Microsecond), true)
	case s.at > last && (s.at+s.length-last > p.length || p.bytes > partBytes):
		p.mark(s.at, false)
	}
}

func (p *parts) markSound(s placed) {
	last := p.lastMark()
	switch {
	case p.video == nil:
		if s.at > last && s.at+s.length-last > p.length {
			p.mark(s.at, true)
		}
	case s.at-last > p.length+trackLag: // the picture stands still
		p.mark(last+p.length, false)
	}
}

func (p *parts) mark(at time.Duration, key bool) {
	m := mark{at: at, key: key}
	if p.video != nil {
		m.video = len(p.video.samples)
	}
	p.marks = append(p.marks, m)
}

// drain emits the parts whose samples are all there, or (all) every one that has an end.
func (p *parts) drain(all bool) error {
	for len(p.marks) > 0 {
		m := p.marks[0]
		if !all && !p.ready(m) {
			return nil
		}
		if err := p.cut(m); err != nil {
			return err
		}
	}
	return nil
}

// ready: the sound has come as far as the mark, or is not worth waiting for any longer.
func (p *parts) ready(m mark) bool {
	if p.audio == nil || p.video == nil || p.audio.passed >= m.at || p.bytes > partBytes {
		return true
	}
	return p.video.passed-m.at > trackLag
}

// end emits everything that waits, and returns where it ends. Then the run is over.
func (p *parts) end() (time.Duration, error) {
	if err := p.drain(true); err != nil {
		return p.start, err
	}
	end := p.start
	for _, q := range []*queue{p.video, p.audio} {
		if q == nil {
			continue
		}
		for _, s := range q.samples {
			end = max(end, s.at+s.length, s.show+s.length)
		}
	}
	if end == p.start {
		return end, nil
	}
	return end, p.cut(mark{at: end, video: len(p.videoSamples())})
}

func (p *parts) videoSamples() []placed {
	if p.video == nil {
		return nil
	}
	return p.video.samples
}

// cut emits the samples before m as one part, and begins the next at m.
func (p *parts) cut(m mark) error {
	var tracks []fragmentTrack
	if p.video != nil && m.video > 0 {
		tracks = append(tracks, p.video.take(m.video))
	}
	if p.audio != nil {
		n := 0
		for n < len(p.audio.samples) && p.audio.samples[n].at < m.at {
			n++
		}
		if n > 0 {
			tracks = append(tracks, p.audio.take(n))
		}
	}
	out := part{start: p.start, end: m.at, key: p.key}
	p.start, p.key = m.at, m.key
	if len(p.marks) > 0 {
		p.marks = p.marks[1:]
		for i := range p.marks {
			p.marks[i].video -= m.video
		}
	}
	if len(tracks) == 0 {
		return nil
	}
	p.sequence++
	p.buffer = fragment(p.buffer, p.sequence, tracks)
	out.data = p.buffer
	for _, t := range tracks {
		for _, s := range t.samples {
			p.bytes -= len(s.data)
			p.arena.release(s.slab)
		}
	}
	return p.emit(out)
}

// take removes the first n samples. The length of each is the time to the next one, where that is known.
func (q *queue) take(n int) fragmentTrack {
	t := fragmentTrack{id: q.id, samples: make([]sample, n)}
	for i := range n {
		t.samples[i] = q.samples[i].sample
		if i+1 < len(q.samples) {
			t.samples[i].length = q.samples[i+1].dts - q.samples[i].dts
		}
	}
	q.samples = append(q.samples[:0], q.samples[n:]...)
	return t
}
