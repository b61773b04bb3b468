package media

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/asticode/go-astiav"
)

// heldPacket waits for the first run.
type heldPacket struct {
	unit
	pkt *astiav.Packet
}

// hold keeps packets until the first run can begin: at the first keyframe whose parameters are known, or without the
// picture when it does not come.
func (r *recorder) hold(ctx context.Context, u unit, pkt *astiav.Packet) error {
	c := pkt.Clone()
	if c == nil {
		return nil
	}
	u.data = bytes.Clone(u.data)
	r.held = append(r.held, heldPacket{u, c})
	r.heldBytes += len(u.data)
	if r.heldSince == math.MinInt64 {
		r.heldSince = u.dts
	}
	patient := (u.dts-r.heldSince).Abs() < startPatience && len(r.held) < startPackets && r.heldBytes < startBytes
	if patient && (r.waitsFor(r.video) || r.waitsFor(r.audio)) {
		return nil
	}
	return r.begin(ctx)
}

// waitsFor: nothing of the track is there yet that a run can begin with.
func (r *recorder) waitsFor(t *track) bool {
	if t == nil || !t.video && t.ready() {
		return false
	}
	for _, h := range r.held {
		if h.track == t && t.begins(h.unit) {
			return false
		}
	}
	return true
}

// begin begins the first run with what is held: its first keyframe, or its first sound, is the recording's first frame.
func (r *recorder) begin(ctx context.Context) error {
	defer r.releaseHeld()
	first := r.firstFrame()
	if first < 0 {
		return nil
	}
	held, head := r.held, r.held[first]
	r.line.begin(head.pts, r.start)
	for _, h := range held { // the run's parameters
		if h.track != head.track && !h.track.ready() && h.track.begins(h.unit) {
			if _, err := h.track.adopt(h.unit); err != nil {
				return err
			}
		}
	}
	if _, err := head.track.adopt(head.unit); err != nil {
		return err
	}
	if err := head.track.check(); err != nil {
		return err
	}
	head.track.keyed = true // a picture without a keyframe yet begins a run of its own when it comes
	if err := r.newRun(r.start); err != nil {
		return err
	}
	// The first frame goes first, so that the part it begins is its own.
	if err := r.record(ctx, head.unit, head.pkt); err != nil {
		return err
	}
	for i, h := range held {
		if i == first || i < first && (h.track.video || h.pts < head.pts) {
			continue
		}
		if err := r.record(ctx, h.unit, h.pkt); err != nil {
			return err
		}
	}
	return nil
}

// firstFrame is the index of the held packet to begin with; -1: none.
func (r *recorder) firstFrame() int {
	sound := -1
	for i, h := range r.held {
		switch {
		case !h.track.begins(h.unit):
		case h.track.video:
			return i
		case sound < 0 && h.pts >= 0: // before zero lies what a decoder only warms up with
			sound = i
		}
	}
	return sound
}

func (r *recorder) releaseHeld() {
	for _, h := range r.held {
		h.pkt.Free()
	}
	r.held, r.heldBytes, r.heldSince = nil, 0, time.Duration(math.MinInt64)
	settle()
}
