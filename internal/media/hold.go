package media

import (
	"context"
	"math"
	"time"

	"github.com/asticode/go-astiav"
)

// hold keeps packets until the first run can begin: at the first keyframe whose parameters are known, or without the
// picture when it does not come.
func (r *recorder) hold(ctx context.Context, t *track, pkt *astiav.Packet) error {
	u, err := t.unpack(pkt)
	if err != nil {
		r.damaged++
		return nil
	}
	r.inRow = 0
	c := pkt.Clone()
	if c == nil {
		return nil
	}
	r.held = append(r.held, c)
	r.heldBytes += len(u.data)
	if r.heldSince == math.MinInt64 {
		r.heldSince = u.dts
	}
	waitsForPicture := r.video != nil && !(t.video && u.key && t.ready())
	waitsForSound := r.audio != nil && !r.audio.ready()
	patient := (u.dts-r.heldSince).Abs() < startPatience && len(r.held) < startPackets && r.heldBytes < startBytes
	if patient && (waitsForPicture || waitsForSound) {
		return nil
	}
	return r.begin(ctx)
}

// begin begins the first run with what is held: its first keyframe, or its first sound, is the recording's first frame.
func (r *recorder) begin(ctx context.Context) error {
	first := r.firstFrame()
	if first < 0 {
		r.releaseHeld()
		return nil
	}
	held := r.held
	r.held = nil
	defer func() {
		r.held = held
		r.releaseHeld()
	}()
	t := r.trackOf(held[first])
	u, err := t.unpack(held[first])
	if err != nil {
		return err
	}
	r.line.begin(u.pts, r.start)
	t.keyed = true // a picture without a keyframe yet begins a run of its own when it comes
	if err := r.newRun(r.start); err != nil {
		return err
	}
	// The first frame goes first, so that the part it begins is its own.
	if err := r.record(ctx, t, held[first]); err != nil {
		return err
	}
	for i, pkt := range held {
		t := r.trackOf(pkt)
		if i == first || t == nil || t.video && i < first {
			continue
		}
		if s, err := t.unpack(pkt); err != nil || i < first && s.pts < u.pts {
			continue
		}
		if err := r.record(ctx, t, pkt); err != nil {
			return err
		}
	}
	return nil
}

// firstFrame is the index of the held packet to begin with; -1: none.
func (r *recorder) firstFrame() int {
	sound := -1
	for i, pkt := range r.held {
		t := r.trackOf(pkt)
		switch {
		case t == nil || !t.ready():
		case t.video && pkt.Flags().Has(astiav.PacketFlagKey):
			return i
		case !t.video && sound < 0:
			sound = i
		}
	}
	return sound
}

func (r *recorder) releaseHeld() {
	for _, pkt := range r.held {
		pkt.Free()
	}
	r.held, r.heldBytes, r.heldSince = nil, 0, time.Duration(math.MinInt64)
}
