package media

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/address"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

const (
	defaultPart = 500 * time.Millisecond
	// A track of which nothing usable came for so long is not waited for.
	startPatience = 5 * time.Second
	startPackets  = 4000
	startBytes    = 64 << 20
	// A source with nothing but damaged packets in a row is at its end.
	maxDamagedInRow = 200
)

// Record does a RecordOrder: it sends Parameters, Parts, Pcm and Loudness until the source ends, next gives io.EOF (it is told
// to stop) or ctx ends. What was read is sent in any case; the bytes of a message are used again once send has returned. The
// reason says how the source ended; an error is permanent when the source can't be recorded at all.
func Record(ctx context.Context, order *mediav1.RecordOrder, next func() (*mediav1.ToChild, error), send func(*mediav1.FromChild) error) (reason string, err error) {
	astiav.SetLogLevel(astiav.LogLevelError)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input := make(chan []byte, 64)
	go receive(ctx, cancel, next, input, order.Url == "")
	src, err := openSource(ctx, order, input)
	if errors.Is(err, errStopped) {
		return "stopped before the source was open", nil
	}
	if err != nil {
		return "", err
	}
	defer src.close()
	defer context.AfterFunc(ctx, src.stop)()
	r, err := newRecorder(order, src, send)
	if err != nil {
		return "", fmt.Errorf("record %s: %w", src.name, err)
	}
	defer r.close()
	reason, err = r.run(ctx)
	if err != nil {
		return "", fmt.Errorf("record %s: %w", src.name, err)
	}
	return reason, nil
}

func openSource(ctx context.Context, order *mediav1.RecordOrder, input <-chan []byte) (*source, error) {
	idle := time.Duration(order.IdleTimeout)
	if order.Url == "" {
		return openFLV(ctx, input, idle)
	}
	p := place{url: order.Url, schemes: order.AllowedSchemes, idle: idle}
	if order.PublicOnly {
		p.admit = address.Public
	}
	return openURL(ctx, p)
}

// receive hands pushed bytes on. The end of a push is the input's end; without a push, the end of messages is the order to
// stop.
func receive(ctx context.Context, stop func(), next func() (*mediav1.ToChild, error), input chan<- []byte, push bool) {
	defer close(input)
	for {
		m, err := next()
		if err != nil {
			if !push {
				stop()
			}
			return
		}
		switch m := m.Message.(type) {
		case *mediav1.ToChild_InputEnd:
			return
		case *mediav1.ToChild_Input:
			select {
			case input <- m.Input.Data:
			case <-ctx.Done():
				return
			}
		}
	}
}

// recorder turns packets into runs of parts.
type recorder struct {
	order   *mediav1.RecordOrder
	src     *source
	send    func(*mediav1.FromChild) error
	streams int // of the source, when tracks were last chosen

	video, audio   *track // nil: none, or not known yet
	inRun          []*track
	held           []heldPacket // before the first run
	heldBytes      int
	heldSince      time.Duration
	line           timeline
	parts          parts
	scenes         scenes
	captions       captions
	sound          *sound
	soundParams    []byte
	start          time.Duration
	runNumber      int64
	damaged, inRow int
	pace           pace
}

func newRecorder(order *mediav1.RecordOrder, src *source, send func(*mediav1.FromChild) error) (*recorder, error) {
	r := &recorder{order: order, src: src, send: send, runNumber: order.Run, start: time.Duration(order.StartAt), heldSince: math.MinInt64, captions: newCaptions(order.Captions)}
	length := time.Duration(order.PartLength)
	if length <= 0 {
		length = defaultPart
	}
	r.parts = parts{length: length, emit: r.sendPart}
	return r, r.chooseTracks()
}

func (r *recorder) close() {
	r.releaseHeld()
	r.sound.close()
	r.video.free()
	r.audio.free()
}

// chooseTracks looks at the source's streams; those already chosen stay.
func (r *recorder) chooseTracks() error {
	r.streams = r.src.fc.NbStreams()
	video, audio, err := choose(r.src)
	if err != nil {
		return err
	}
	if video != nil && r.video == nil {
		if r.video, err = newTrack(r.src.fc, video); err != nil {
			return err
		}
		if err := r.video.check(); err != nil {
			return err
		}
	}
	if audio != nil && r.audio == nil {
		if r.audio, err = newTrack(r.src.fc, audio); err != nil {
			return err
		}
	}
	if r.video == nil && r.audio == nil && r.streams > 0 {
		return domain.Permanent(errors.New("it has neither picture nor sound that is supported"))
	}
	r.captions.findTrack(r.src.fc)
	discardOthers(r.src.fc, r.captions.stream, r.video, r.audio)
	return nil
}

// run reads to the end of the source.
func (r *recorder) run(ctx context.Context) (string, error) {
	for {
		pkt, err := r.src.read()
		if err == nil {
			if err := r.take(ctx, pkt); err != nil {
				return "", err
			}
			continue
		}
		if again := r.tolerate(err); again {
			continue
		}
		if flushErr := r.end(); flushErr != nil {
			return "", flushErr
		}
		if ctx.Err() != nil { // a paced file runs out at once when nobody waits for it any more
			err = errStopped
		}
		return r.ended(err)
	}
}

// tolerate: the packet is lost, the source is not.
func (r *recorder) tolerate(err error) bool {
	if errors.Is(err, astiav.ErrEagain) {
		return true
	}
	if !errors.Is(err, astiav.ErrInvaliddata) || r.inRow >= maxDamagedInRow {
		return false
	}
	r.damaged++
	r.inRow++
	return true
}

func (r *recorder) ended(err error) (string, error) {
	var reason string
	switch {
	case errors.Is(err, astiav.ErrEof):
		reason = "the source ended"
	case errors.Is(err, errStopped):
		reason = "stopped"
	case errors.Is(err, astiav.ErrInvaliddata):
		reason = "the source is damaged beyond here"
	default:
		return "", fmt.Errorf("read: %w", err)
	}
	if r.runNumber == r.order.Run && len(r.inRun) == 0 {
		if errors.Is(err, errStopped) {
			return reason, nil
		}
		return "", domain.Permanent(errors.New("nothing in it can be recorded: no whole frame was found"))
	}
	if r.damaged > 0 {
		reason += fmt.Sprintf("; %d damaged packets were skipped", r.damaged)
	}
	return reason, nil
}

// take takes one packet of the source.
func (r *recorder) take(ctx context.Context, pkt *astiav.Packet) error {
	if r.src.fc.NbStreams() != r.streams && (r.video == nil || r.audio == nil) {
		if err := r.chooseTracks(); err != nil {
			return err
		}
	}
	t := r.trackOf(pkt)
	if t == nil {
		r.captions.ofTrack(pkt, len(r.inRun) > 0, r.line.base)
		return nil
	}
	if pkt.Flags().Has(astiav.PacketFlagCorrupt) {
		if !r.src.stopped.Load() { // what a stop cut off is not damaged
			r.damaged++
		}
		return nil
	}
	u, ok := t.unpack(pkt)
	if !ok {
		r.damaged++
		return nil
	}
	r.inRow = 0
	if len(r.inRun) == 0 {
		return r.hold(ctx, u, pkt)
	}
	return r.record(ctx, u, pkt)
}

func (r *recorder) trackOf(pkt *astiav.Packet) *track {
	for _, t := range []*track{r.video, r.audio} {
		if t != nil && t.index == pkt.StreamIndex() {
			return t
		}
	}
	return nil
}

// record places a unit and puts it into parts, beginning a new run where the parameters changed.
func (r *recorder) record(ctx context.Context, u unit, pkt *astiav.Packet) error {
	t := u.track
	isIn := slices.Contains(r.inRun, t)
	if !isIn && !t.begins(u) {
		return nil
	}
	changed, err := t.adopt(u)
	if err != nil {
		return err
	}
	if tooLarge := t.check(); tooLarge != nil {
		return r.leaveOut(t, isIn, tooLarge)
	}
	t.keyed = true
	anchor := u.dts
	if t.video && u.key {
		anchor = u.pts
	}
	at, show := r.line.place(&t.clock, u.dts, u.pts, u.length, anchor, !t.video)
	if show < r.start { // led into by a frame that was not recorded, or from before the first picture
		return nil
	}
	if !r.pace.wait(ctx, r.order.Paced, show-r.start) {
		return nil // reading reports the stop
	}
	if !isIn || changed {
		if err := r.newRun(show); err != nil {
			return err
		}
	}
	if t.video {
		r.scenes.add(show, u.key, len(u.data))
		r.captions.picture(t, u.data, at, show)
	}
	if err := r.parts.add(&t.queue, t.place(u, at, show, r.start)); err != nil {
		return err
	}
	if t.video {
		return nil
	}
	return r.listen(t, pkt, max(at, r.start))
}

// leaveOut goes on without a picture that has become too large, until it is small again; without sound there is nothing left.
func (r *recorder) leaveOut(t *track, isIn bool, why error) error {
	t.keyed = false
	switch {
	case !isIn:
		return nil
	case len(r.inRun) == 1:
		return why
	}
	return r.newRun(r.start)
}

// newRun ends the run before and begins one with every track that is ready.
func (r *recorder) newRun(at time.Duration) error {
	if len(r.inRun) > 0 {
		end, err := r.parts.end()
		if err != nil {
			return err
		}
		at = max(at, end)
		r.runNumber++
	}
	r.inRun, r.scenes = nil, scenes{cuts: r.scenes.cuts}
	var video, audio *queue
	for _, t := range []*track{r.video, r.audio} {
		if t == nil || !t.ready() || !t.keyed {
			continue
		}
		r.inRun = append(r.inRun, t)
		t.seen = false
		t.queue.samples, t.queue.passed = nil, at
		if t.video {
			video = &t.queue
		} else {
			audio = &t.queue
		}
	}
	init, err := initSegment(r.inRun)
	if err != nil {
		return domain.Permanent(err)
	}
	r.parts.begin(at, video, audio)
	return r.send(&mediav1.FromChild{Message: &mediav1.FromChild_Parameters{Parameters: r.parameters(at, init)}})
}

func (r *recorder) parameters(at time.Duration, init []byte) *mediav1.Parameters {
	p := &mediav1.Parameters{Run: r.runNumber, At: int64(at), Init: init, Duration: fileDuration(r.src.fc)}
	describe(p, r.inRun)
	return p
}

func (r *recorder) sendPart(p part) error {
	if err := r.sendCaptions(p.end); err != nil {
		return err
	}
	return r.send(&mediav1.FromChild{Message: &mediav1.FromChild_Part{Part: &mediav1.Part{
		Run: r.runNumber, Start: int64(p.start), End: int64(p.end), Keyframe: p.key, Data: p.data, SceneCuts: r.scenes.found()}}})
}

// sendCaptions sends what was read of captions, before the part that ends at a time.
func (r *recorder) sendCaptions(end time.Duration) error {
	hasPicture := slices.ContainsFunc(r.inRun, func(t *track) bool { return t.video })
	r.captions.begin(r.line.base)
	m := r.captions.message(end, hasPicture)
	if m == nil {
		return nil
	}
	return r.send(&mediav1.FromChild{Message: &mediav1.FromChild_Captions{Captions: m}})
}

// listen decodes sound for those who hear.
func (r *recorder) listen(t *track, pkt *astiav.Packet, at time.Duration) error {
	if params := t.par.ExtraData(); r.sound == nil || string(params) != string(r.soundParams) {
		if r.sound != nil {
			if err := r.sound.end(); err != nil {
				return err
			}
			r.sound.close()
		}
		s, err := openSound(t.par, r.order.Pcm, r.send)
		if err != nil {
			return domain.Permanent(err)
		}
		r.sound, r.soundParams = s, params
	}
	err := r.sound.take(pkt, at)
	if errors.As(err, &damaged{}) {
		r.damaged++
		return nil
	}
	return err
}

// end sends everything that was read.
func (r *recorder) end() error {
	if len(r.inRun) == 0 {
		if err := r.begin(context.Background()); err != nil {
			return err
		}
	}
	if len(r.inRun) == 0 {
		return nil
	}
	r.captions.end(r.line.end)
	end, err := r.parts.end()
	if err != nil {
		return err
	}
	if err := r.sendCaptions(end); err != nil {
		return err
	}
	if r.sound != nil {
		return r.sound.end()
	}
	return nil
}
