package finish

import (
	"fmt"
	"math"

	"github.com/asticode/go-astiav"

	"liveclip/internal/media/face"
	"liveclip/internal/media/follow"
	mediav1 "liveclip/proto/media/v1"
)

// framingFollow is the framing of a profile that crops, following the speaker.
const framingFollow = "follow"

// enlarge is the most that a crop is enlarged: a tall crop of 720 lines fills 720x1280.
const enlarge = 2

// followsFaces reports whether a picture is cropped for a profile: it is wider than the box, and the profile asks for it. A
// picture that is tall already is used whole.
func followsFaces(width, height int, p *mediav1.FinishProfile) bool {
	return p.Framing == framingFollow && int64(width)*p.Height > int64(height)*p.Width
}

// cropBox gives the size of the crop of a picture, and what it is made to.
func cropBox(height int, p *mediav1.FinishProfile) (crop, w, h int) {
	by := min(enlarge, float64(p.Height)/float64(height))
	aspect := float64(p.Width) / float64(p.Height)
	return even(float64(height) * aspect), even(float64(height) * by * aspect), even(float64(height) * by)
}

// cropFollower crops a rendition's pictures around the face that speaks. It holds back half a second of them.
type cropFollower struct {
	width, crop int
	held        []*astiav.Frame
	follower    *follow.Follower
	faces       *faceFinder // nil: there is none, what moves is followed
	failed      error       // why faces is not used any more
}

func newCropFollower(s shape, crop int) *cropFollower {
	share := float64(crop) / float64(s.width)
	return &cropFollower{width: s.width, crop: crop, follower: follow.New(s.rate.Float64(), share)}
}

// add takes a picture, which stays the caller's, and gives crops that are known by it; they are freed afterwards.
func (o *cropFollower) add(f *astiav.Frame, give func(*astiav.Frame) error) error {
	pixels, stride := luma(f)
	if pixels == nil {
		return fmt.Errorf("follow: a picture of %s has no brightness to look at", f.PixelFormat())
	}
	var look func() []follow.Face
	if o.faces != nil {
		look = func() []follow.Face { return o.look(f) }
	}
	o.held = append(o.held, f.Clone())
	return o.give(o.follower.Add(follow.Picture{Luma: pixels, Stride: stride, Width: f.Width(), Height: f.Height()}, look), give)
}

func (o *cropFollower) look(f *astiav.Frame) []follow.Face {
	if o.faces == nil {
		return nil
	}
	found, err := o.faces.find(f)
	if err != nil {
		o.faces, o.failed = nil, err
	}
	return found
}

// end gives what is held back.
func (o *cropFollower) end(give func(*astiav.Frame) error) error {
	return o.give(o.follower.End(), give)
}

func (o *cropFollower) give(positions []float64, give func(*astiav.Frame) error) error {
	for _, at := range positions {
		f := o.held[0]
		o.held = o.held[1:]
		left := int(math.Round(at*float64(o.width) - float64(o.crop)/2))
		err := cropFrame(f, min(max(left, 0), o.width-o.crop), o.crop)
		if err == nil {
			err = give(f)
		}
		f.Free()
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *cropFollower) Close() {
	for _, f := range o.held {
		f.Free()
	}
	o.held = nil
}

// faceFinder finds faces in the pictures of a clip.
type faceFinder struct {
	small    *graph
	detector *face.Detector
}

// newFaceFinder opens the detector that an order names.
func newFaceFinder(order *mediav1.FinishFaces, s shape) (*faceFinder, error) {
	w, h := face.Size(s.width, s.height)
	detector, err := face.Open(order.Runtime, order.Model, w, h)
	if err != nil {
		return nil, err
	}
	f := &faceFinder{detector: detector}
	if f.small, err = newPictureGraph(s.picture(), fmt.Sprintf("[in]scale=%d:%d:flags=area,format=bgr24[out]", w, h)); err != nil {
		detector.Close()
		return nil, err
	}
	return f, nil
}

func (f *faceFinder) find(picture *astiav.Frame) (found []follow.Face, err error) {
	if err := f.small.push(picture); err != nil {
		return nil, fmt.Errorf("find faces: %w", err)
	}
	err = f.small.pull(func(small *astiav.Frame) error {
		defer small.Free()
		pixels, stride := luma(small) // packed: the first plane is all of it
		found, err = f.detector.Find(pixels, stride)
		return err
	})
	return found, err
}

func (f *faceFinder) Close() {
	f.small.Close()
	f.detector.Close()
}
