package copycut

import (
	"errors"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// decoder decodes pictures of the source's track.
type decoder struct{ c *astiav.CodecContext }

func newDecoder(par *astiav.CodecParameters, reorder int) (*decoder, error) {
	found := astiav.FindDecoder(par.CodecID())
	if found == nil {
		return nil, domain.Permanent(fmt.Errorf("no decoder for %s", par.CodecID().Name()))
	}
	d := &decoder{c: astiav.AllocCodecContext(found)}
	if err := par.ToCodecContext(d.c); err != nil {
		d.Close()
		return nil, fmt.Errorf("decoder: %w", err)
	}
	d.c.SetThreadCount(2)
	setReorder(d.c, reorder)
	if err := d.c.Open(found, nil); err != nil {
		d.Close()
		return nil, fmt.Errorf("decoder: %w", err)
	}
	return d, nil
}

func (d *decoder) Close() { d.c.Free() }

// decode gives every picture of the packets, in order of play. take's picture stays the decoder's.
func (d *decoder) decode(pictures []picture, take func(*astiav.Frame) error) error {
	for _, x := range pictures {
		p := x.packet.Clone()
		p.SetPts(x.pts)
		p.SetDts(x.dts)
		err := d.c.SendPacket(p)
		p.Free()
		if err != nil && !errors.Is(err, astiav.ErrInvaliddata) { // what is missing is found out by who needs it
			return fmt.Errorf("decode: %w", err)
		}
		if err := d.receive(take); err != nil {
			return err
		}
	}
	if err := d.c.SendPacket(nil); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return d.receive(take)
}

func (d *decoder) receive(take func(*astiav.Frame) error) error {
	f := astiav.AllocFrame()
	defer f.Free()
	for d.c.ReceiveFrame(f) == nil {
		if err := take(f); err != nil {
			return err
		}
		f.Unref()
	}
	return nil
}

// reorder is by how many pictures the order of decoding differs from that of play.
func reorder(pictures []picture) int {
	most := 0
	for i := range pictures {
		n := 0
		for j := max(0, i-16); j < i; j++ {
			if pictures[j].pts > pictures[i].pts {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// shown gives the span's pictures that are shown, with the times they are shown at.
func (s span) shown(par *astiav.CodecParameters, at func(int64) time.Duration, take func(pts int64, f *astiav.Frame) error) error {
	d, err := newDecoder(par, reorder(s.decode))
	if err != nil {
		return err
	}
	defer d.Close()
	wanted := make(map[int64]bool)
	for _, x := range s.decode {
		if !x.hidden && x.pts >= s.from && x.pts < s.to {
			wanted[x.pts] = true
		}
	}
	var held *astiav.Frame
	defer func() {
		if held != nil {
			held.Free()
		}
	}()
	hold := func() error {
		if held == nil {
			return nil
		}
		f := held
		held = nil
		defer f.Free()
		return take(s.from, f)
	}
	err = d.decode(s.decode, func(f *astiav.Frame) error {
		pts := f.Pts()
		if s.held && pts < s.from {
			if held != nil {
				held.Free()
			}
			held = f.Clone()
			return nil
		}
		if !wanted[pts] {
			return nil
		}
		delete(wanted, pts)
		if err := hold(); err != nil {
			return err
		}
		return take(pts, f)
	})
	if err == nil {
		err = hold()
	}
	for pts := range wanted {
		if err == nil {
			err = domain.Permanent(fmt.Errorf("the picture at %s can't be decoded", at(pts)))
		}
	}
	return err
}
