package copycut

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media"
	"liveclip/internal/media/finish"
	"liveclip/internal/note"
)

// takePicture looks at a packet of the picture, which becomes the cutter's.
func (c *cutter) takePicture(p *astiav.Packet) error {
	if p.Pts() == astiav.NoPtsValue {
		p.Free()
		return domain.Permanent(errors.New("a picture of the source has no time: it can't be cut exactly"))
	}
	c.measure(p.Duration())
	c.schedule(p)
	c.latest = max(c.latest, timeOf(p.Dts(), c.track.base))
	x := picture{packet: p, pts: p.Pts(), dts: p.Dts(), length: p.Duration(), beginsSession: c.fresh,
		key: p.Flags().Has(astiav.PacketFlagKey), hidden: p.Flags().Has(astiav.PacketFlagDiscard)}
	if c.fresh = false; x.length <= 0 {
		x.length = c.lengths
	}
	if x.key {
		if err := c.look(&x); err != nil {
			p.Free()
			return err
		}
	}
	return c.pictures.add(x)
}

// maxReordered is by how many pictures decoding is taken to precede showing where the source doesn't say when it decodes.
const maxReordered = 4

// schedule gives a packet without a time of decoding (Matroska's, at first) one between its neighbours'.
func (c *cutter) schedule(p *astiav.Packet) {
	if p.Dts() == astiav.NoPtsValue {
		at := p.Pts() - maxReordered*c.lengths
		if c.scheduled {
			at = max(at, c.decoded+1)
		}
		p.SetDts(min(at, p.Pts()))
	}
	c.decoded, c.scheduled = p.Dts(), true
}

// measure finds how long a picture usually is shown: as the source's header says, or its first picture, as a recording's does.
func (c *cutter) measure(length int64) {
	if c.pictures.slack > 0 {
		return
	}
	if c.lengths == 0 {
		if shortest, longest := ticksOf(time.Second/240, c.track.base), ticksOf(time.Second/5, c.track.base); length <= max(0, shortest) || length > longest {
			length = ticksOf(40*time.Millisecond, c.track.base)
		}
		c.lengths = max(1, length)
		c.track.rate = astiav.NewRational(c.track.base.Den(), c.track.base.Num()*int(c.lengths))
	}
	c.pictures.slack = max(1, c.lengths/2)
}

// look finds out whether decoding can begin at a keyframe behind other pictures.
func (c *cutter) look(x *picture) error {
	return c.source.form.each(x.packet.Data(), func(nal []byte) error {
		kind := c.source.codec.kind(nal)
		x.splices = x.splices || c.source.codec.splices(kind)
		x.afterEnd = x.afterEnd || c.source.codec == h265 && kind == hevcCRA
		return nil
	})
}

// takeSound takes a packet of the sound, which becomes the cutter's.
func (c *cutter) takeSound(p *astiav.Packet, t *track) error {
	if p.Pts() == astiav.NoPtsValue {
		p.Free()
		return nil
	}
	c.latest = max(c.latest, timeOf(p.Pts(), t.base))
	if frame, _, err := media.FromADTS(p.Data()); err == nil && t.stream.CodecParameters().CodecID() == astiav.CodecIDAac {
		if err := replace(p, bytes.Clone(frame)); err != nil {
			p.Free()
			return err
		}
	}
	if err := c.sounds.add(p, t.base); err != nil {
		return domain.Permanent(err)
	}
	// What is near the window's end waits for it to be known.
	return c.sounds.flush(c.samples(c.pictures.end - 2*c.pictures.slack))
}

// begin begins the clip with the picture that is shown first.
func (c *cutter) begin(pts int64, f *astiav.Frame) error {
	if c.out != nil {
		return nil
	}
	c.zero = pts
	par := c.track.stream.CodecParameters()
	cover := filepath.Join(c.order.Folder, "cover.jpg")
	if err := finish.WriteCover(cover, f, c.track.stream); err != nil {
		return err
	}
	c.result.Cover, c.result.Width, c.result.Height = cover, par.Width(), par.Height()
	var more [][]byte
	if c.ends, c.unlike = newEdgeEncoder(&c.track, c.source, f); c.unlike == nil {
		more = c.ends.sets
	}
	extra, err := c.source.with(more)
	if err != nil {
		return domain.Permanent(err)
	}
	if c.sounds != nil {
		c.sounds.begin(c.samples(pts))
	}
	tags := map[string]string{}
	if known := c.in.fc.Metadata(); known != nil {
		if label := known.Get("AIGC", nil, 0); label != nil { // of generated content: it must not be lost
			tags["AIGC"] = label.Value()
		}
	}
	maps.Copy(tags, c.order.Metadata)
	c.out, err = newOutput(c.order.Folder, c.in, extra, tags)
	return err
}

// copy writes a picture as it is.
func (c *cutter) copy(x picture) error {
	if c.out == nil {
		alone := span{decode: []picture{x}, from: x.pts, to: x.pts + 1}
		if err := alone.shown(c.track.stream.CodecParameters(), c.at, c.begin); err != nil {
			return err
		}
	}
	if c.unlike == nil {
		err := c.source.form.each(x.packet.Data(), func(nal []byte) error {
			if !c.source.codec.isSet(c.source.codec.kind(nal)) {
				return nil
			}
			return c.source.codec.free([][]byte{nal})
		})
		if err != nil {
			return domain.Permanent(fmt.Errorf("picture at %s: %w", c.at(x.pts), err))
		}
	}
	p := x.packet.Clone()
	p.SetPts(x.pts - c.zero)
	p.SetDts(x.dts - c.zero)
	p.SetDuration(x.length)
	c.result.Copied++
	c.tell(x.pts)
	return c.out.picture(p)
}

// encode encodes and writes one end.
func (c *cutter) encode(s span) error {
	var work *edgeEncoding
	defer func() { work.Close() }()
	var last *astiav.Packet // held back: the end of sequence is a part of it
	defer func() {
		if last != nil {
			last.Free()
		}
	}()
	take := func(p *astiav.Packet) (err error) {
		p.SetDts(p.Pts() - s.delay)
		c.result.Encoded++
		if last != nil {
			err = c.out.picture(last)
		}
		last = p
		return err
	}
	err := s.shown(c.track.stream.CodecParameters(), c.at, func(pts int64, f *astiav.Frame) (err error) {
		if err := c.begin(pts, f); err != nil {
			return err
		}
		if c.unlike != nil {
			return c.unlike
		}
		if work == nil {
			if work, err = c.ends.begin(take); err != nil {
				return err
			}
		}
		c.tell(pts)
		return work.add(pts-c.zero, f)
	})
	if err == nil {
		err = work.end()
	}
	if err != nil || last == nil {
		return err
	}
	if s.ends {
		if err := c.ends.append(last, endOfSequence); err != nil {
			return err
		}
	}
	p := last
	last = nil
	return c.out.picture(p)
}

// finish writes what is left, and ends the file.
func (c *cutter) finish() error {
	if err := c.pictures.finish(); err != nil {
		return err
	}
	if c.out == nil {
		return c.nothing()
	}
	until := c.pictures.until()
	if c.sounds != nil {
		if err := c.sounds.end(c.samples(until)); err != nil {
			return err
		}
	}
	r := &c.result
	r.Path, r.Start, r.End = c.out.path, c.at(c.zero), c.at(until)
	if err := c.out.finish(until-c.zero, r.End-r.Start); err != nil {
		return err
	}
	slack := 2 * c.at(c.lengths)
	switch {
	case c.end-r.End > slack && c.runs != nil && c.runs.Reason() != "":
		r.ClippedTo = c.runs.Reason()
	case c.end-r.End > slack && c.runs != nil:
		r.ClippedTo = domain.ClippedToLoss
	case c.end-r.End > slack:
		r.ClippedTo = domain.ClippedToEnd
	case r.Start-c.start > slack && c.runs != nil && c.runs.Reason() != "":
		r.ClippedTo = c.runs.Reason()
	case r.Start-c.start > slack:
		r.ClippedTo = domain.ClippedToStart
	}
	if r.Copied == 0 {
		r.Notes = append(r.Notes, note.NotCopied.Say())
	}
	return nil
}

// at is media time of ticks of the picture's.
func (c *cutter) at(ticks int64) time.Duration { return timeOf(ticks, c.track.base) }

func (c *cutter) tell(pts int64) {
	if done := c.at(pts) - c.start; c.progress != nil && done-c.told >= 500*time.Millisecond {
		c.told = done
		c.progress(done, c.end-c.start)
	}
}
