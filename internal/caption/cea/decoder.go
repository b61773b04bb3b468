package cea

import (
	"slices"
	"time"
)

// Any names the first channel, of those there are, in which there is text.
const Any = "any"

// Channels are what can be read, the preferred ones first: service 1 alone knows every letter, and carries what CC1 does.
var Channels = []string{"service1", "cc1", "cc2", "cc3", "cc4"}

// source is a channel's captions.
type source interface {
	due(at time.Duration)
	opened() (from time.Duration, ok bool)
	written() bool // there is text in it, shown or not
	flush(at time.Duration)
	taken() []Line
}

// Decoder reads the captions of one stream. It owns no goroutine, and no input harms it.
type Decoder struct {
	want    string
	chosen  string
	fields  [2]*field
	digital dtvcc
	sources map[string]source
	spoke   time.Duration // when the chosen channel last gave a line
}

// silence is how long a channel may give nothing before another takes its place, where any will do.
const silence = time.Minute

// NewDecoder reads one of Channels, or Any.
func NewDecoder(channel string) *Decoder {
	d := &Decoder{want: channel, sources: map[string]source{}}
	first := newService("service1")
	d.digital.service, d.sources["service1"] = first, first
	for i := range d.fields {
		d.fields[i] = &field{number: i}
		for j := range 2 {
			c := newChannel([]string{"cc1", "cc2", "cc3", "cc4"}[2*i+j])
			d.fields[i].channels[j], d.sources[c.name] = c, c
		}
	}
	return d
}

// Add takes a picture's cc_data, in the order of showing, and gives the lines that ended with it.
func (d *Decoder) Add(at time.Duration, data []byte) []Line {
	for ; len(data) >= 3; data = data[3:] {
		if data[0]&4 == 0 {
			continue // nothing is in it
		}
		if kind := data[0] & 3; kind < 2 {
			d.fields[kind].pair(at, data[1], data[2])
		} else {
			d.digital.bytes(at, kind == 3, data[1], data[2])
		}
	}
	return d.Advance(at)
}

// Advance tells the time without a picture.
func (d *Decoder) Advance(at time.Duration) []Line {
	for _, s := range d.sources {
		s.due(at)
	}
	return d.choose(at)
}

// End gives what still stands.
func (d *Decoder) End(at time.Duration) []Line {
	for _, s := range d.sources {
		s.flush(at)
	}
	return d.choose(at)
}

// Opened is when the oldest line began that is still to be given; false: there is none.
func (d *Decoder) Opened() (from time.Duration, ok bool) {
	for name, s := range d.sources {
		if d.chosen != "" && name != d.chosen || d.want != Any && name != d.want {
			continue
		}
		if f, open := s.opened(); open && (!ok || f < from) {
			from, ok = f, true
		}
	}
	return from, ok
}

// choose gives the lines of the channel that is read.
func (d *Decoder) choose(at time.Duration) []Line {
	lines := map[string][]Line{}
	for name, s := range d.sources {
		if l := s.taken(); len(l) > 0 {
			lines[name] = l
		}
	}
	if d.want != Any {
		return lines[d.want]
	}
	if d.chosen == "" || len(lines[d.chosen]) == 0 && at-d.spoke > silence {
		for _, name := range Channels {
			if len(lines) > 0 && (len(lines[name]) > 0 || d.sources[name].written()) {
				d.chosen = name
				break
			}
		}
	}
	given := lines[d.chosen]
	if len(given) > 0 {
		d.spoke = at
	}
	slices.SortStableFunc(given, func(a, b Line) int { return int(a.Start - b.Start) })
	return given
}
