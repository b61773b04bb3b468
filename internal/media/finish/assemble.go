package finish

// From decoded parts to renditions: laid end to end in clip time, subtitled, and handed to every rendition.

import (
	"context"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"
)

func (f *finisher) layOut(ctx context.Context, decoded <-chan media) error {
	f.timeline.picture = func(n int64, picture *astiav.Frame) error { return f.addPicture(ctx, n, picture) }
	f.timeline.sound = f.level.add
	f.timeline.placed = func(at, source time.Duration) error { return f.subtitle(ctx, at, source) }
	f.level.give = f.sound.add
	if f.music != nil {
		f.level.give, f.music.give = f.music.add, f.sound.add
	}
	f.sound.give = func(packet *astiav.Packet) error {
		for _, r := range f.renditions {
			if err := r.give(ctx, unit{sound: packet.Clone()}); err != nil {
				return err
			}
		}
		return nil
	}
	for m := range decoded {
		if err := f.lay(m); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.level.end(); err != nil {
		return err
	}
	if err := f.sound.end(); err != nil {
		return err
	}
	for _, r := range f.renditions {
		close(r.queue)
	}
	if !f.stills {
		return nil
	}
	return f.writeStills() // beside the last pictures' encoding
}

func (f *finisher) lay(m media) error {
	switch {
	case m.begins:
		f.laying = m.part
		f.joiner.begin(f.frames)
		f.level.set(f.gain(f.parts[m.part]))
		f.timeline.begin(m.at)
		return nil
	case m.ends:
		part, err := f.timeline.end(m.at)
		f.finish.Parts = append(f.finish.Parts, part)
		if f.parts[m.part].file == "" && !f.windowed {
			f.windowed = true
			f.finish.Start, f.finish.End = int64(f.parts[m.part].start), int64(f.parts[m.part].start)+part.End-part.Start
		}
		return err
	}
	return f.timeline.add(m)
}

// subtitle places the words of the part that is being laid, once it is known where in it the clip begins.
func (f *finisher) subtitle(ctx context.Context, at, source time.Duration) error {
	for _, r := range f.renditions {
		if !r.profile.Subtitles {
			continue
		}
		if err := r.give(ctx, unit{lines: f.layout(r.width, r.height).subtitles(f.laying, at-source)}); err != nil {
			return err
		}
	}
	return nil
}

// addPicture hands picture n to the renditions.
func (f *finisher) addPicture(ctx context.Context, n int64, picture *astiav.Frame) error {
	picture, own, err := f.joiner.join(n, picture)
	if err != nil {
		return fmt.Errorf("join parts: %w", err)
	}
	if own {
		defer picture.Free()
	}
	picture.SetPts(n)
	picture.SetPictureType(astiav.PictureTypeNone)
	if f.stills {
		f.cover.consider(n, picture, f.shape)
		if err := f.thumbs.consider(n, picture); err != nil {
			return err
		}
	}
	f.frames = n + 1
	for _, r := range f.renditions {
		if err := r.give(ctx, unit{picture: picture.Clone()}); err != nil {
			return err
		}
	}
	if done := f.shape.at(f.frames); f.progress != nil && done-f.told >= 500*time.Millisecond {
		f.told = done
		f.progress(done, f.total)
	}
	return nil
}
