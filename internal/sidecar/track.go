package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"liveclip/internal/domain"
)

// track is what the moov says of one, and where its samples were found.
type track struct {
	id        uint32
	kind      string
	codec     string
	timescale uint32
	shift     int64 // added to a sample's time in the media to get that of its presentation; in units of timescale
	usual     usual // of the samples that say nothing themselves

	next   int64 // decode time of the next sample
	end    int64 // latest end of a presentation
	placed int   // samples
	runs   []run
	early  []early // samples presented within the first seconds, enough for all heads
}

type usual struct{ length, size, flags uint32 }

type run struct {
	Run
	keyframe bool // of its first sample
}

type early struct {
	start, length int64 // of presentation
	end           int64 // byte after the sample
}

const earlySeconds = 8 // beyond the greatest head, whatever the order of decoding

func (t *track) seconds(units int64) float64 { return micro(float64(units) / float64(t.timescale)) }

// endBefore is the byte after the last sample presented before s seconds; 0: there is none.
func (t *track) endBefore(s float64) int64 {
	end := int64(0)
	for _, e := range t.early {
		if t.seconds(e.start) < s {
			end = max(end, e.end)
		}
	}
	return end
}

// readTracks reads the tracks of a moov, whose own units are movie to the second.
func readTracks(moov fields, movie uint32) ([]*track, error) {
	var tracks []*track
	for trak := range moov.children("trak") {
		mdhd, tkhd := trak.find("mdia", "mdhd"), trak.find("tkhd")
		t := &track{
			id:        tkhd.word(4 + versioned(tkhd, 8, 16)),
			timescale: mdhd.word(4 + versioned(mdhd, 8, 16)),
			kind:      trak.find("mdia", "hdlr").kind(8),
			codec:     codecOf(trak.find("mdia", "minf", "stbl", "stsd")),
		}
		t.kind = cmp.Or(map[string]string{"vide": "video", "soun": "audio"}[t.kind], plain(t.kind))
		if t.id == 0 || t.timescale == 0 {
			return nil, domain.Permanent(errors.New("moov: a track lacks its ID or timescale"))
		}
		t.shift = shiftOf(trak.find("edts", "elst"), movie, t.timescale)
		for trex := range moov.find("mvex").children("trex") {
			if trex.word(4) == t.id {
				t.usual = usual{trex.word(12), trex.word(16), trex.word(20)}
			}
		}
		if tracks = append(tracks, t); len(tracks) > maxTracks {
			return nil, domain.Permanent(fmt.Errorf("moov: more than %d tracks", maxTracks))
		}
	}
	if len(tracks) == 0 {
		return nil, domain.Permanent(errors.New("moov: no track"))
	}
	return tracks, nil
}

// plain keeps a four-character code printable.
func plain(kind string) string {
	for _, c := range []byte(kind) {
		if c < ' ' || c > '~' {
			return "unknown"
		}
	}
	return kind
}

// shiftOf reads an edit list: an empty edit delays what follows, the first other one says where in the media it begins.
func shiftOf(elst fields, movie, timescale uint32) (shift int64) {
	long := elst.word(0)>>24 != 0
	at, size := 8, 12
	if long {
		size = 20
	}
	for range min(elst.word(4), 8) {
		length, begin := uint64(elst.word(at)), int64(int32(elst.word(at+4)))
		if long {
			length, begin = elst.long(at), int64(elst.long(at+8))
		}
		if begin >= 0 {
			return shift - min(begin, math.MaxInt32)
		}
		if movie > 0 {
			shift += int64(float64(min(length, math.MaxUint32)) * float64(timescale) / float64(movie))
		}
		at += size
	}
	return shift
}

// place is where a track's samples are counted from: the moof's offset, and the end of the data of the track before.
type place struct{ offset, data int64 }

// traf places the samples of one track, and gives the end of their data.
func (b *builder) traf(traf fields, at place) (end int64, err error) {
	tfhd := traf.find("tfhd")
	t := b.track(tfhd.word(4))
	if t == nil {
		return 0, domain.Permanent(fmt.Errorf("a sample of track %d, which the moov lacks", tfhd.word(4)))
	}
	has, base, mine := tfhd.word(0), at.offset, t.usual
	if has&0x1 == 0 && has&0x20000 == 0 { // of old: where the track before ended
		base = at.data
	}
	next := 8
	if has&0x1 != 0 {
		base, next = int64(min(tfhd.long(next), math.MaxInt64/2)), next+8
	}
	next += 4 * present(has, 0x2)
	for _, field := range []struct {
		flag uint32
		to   *uint32
	}{{0x8, &mine.length}, {0x10, &mine.size}, {0x20, &mine.flags}} {
		if has&field.flag != 0 {
			*field.to, next = tfhd.word(next), next+4
		}
	}
	if tfdt := traf.find("tfdt"); tfdt != nil {
		t.next = int64(tfdt.word(4))
		if tfdt.word(0)>>24 != 0 {
			t.next = int64(min(tfdt.long(4), math.MaxInt64/4))
		}
	}
	r := run{Run: Run{Offset: -1}}
	begin, last := int64(math.MaxInt64), int64(math.MinInt64)
	end = base
	for trun := range traf.children("trun") {
		for s := range trun.samples(mine, base, end) {
			if err := b.take(t, s); err != nil {
				return 0, err
			}
			if r.Offset < 0 {
				r.Offset, r.keyframe = s.offset, s.flags&nonSync == 0
			}
			end = s.offset + int64(s.size)
			r.Size, r.Samples = max(r.Size, end-r.Offset), r.Samples+1
			start := t.next + s.later + t.shift
			begin, last = min(begin, start), max(last, start+int64(s.length))
			t.next += int64(s.length)
		}
	}
	if r.Samples > 0 {
		r.StartS, r.LengthS = t.seconds(begin), micro(t.seconds(last)-t.seconds(begin))
		t.runs = append(t.runs, r)
	}
	return end, nil
}

// take counts a sample that is to be decoded at t.next.
func (b *builder) take(t *track, s sample) error {
	if b.samples++; b.samples > maxSamples {
		return domain.Permanent(fmt.Errorf("more than %d samples", maxSamples))
	}
	if s.offset < b.header || int64(s.size) > b.size-s.offset {
		return domain.Permanent(fmt.Errorf("a sample of track %d at %d with %d bytes: outside the file", t.id, s.offset, s.size))
	}
	start := t.next + s.later + t.shift
	t.placed++
	t.end = max(t.end, start+int64(s.length))
	if t.seconds(start) < earlySeconds {
		t.early = append(t.early, early{start, int64(s.length), s.offset + int64(s.size)})
	}
	return nil
}

func (b *builder) track(id uint32) *track {
	for _, t := range b.tracks {
		if t.id == id {
			return t
		}
	}
	return nil
}
