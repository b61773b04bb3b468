package finish

import (
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// jointTime is how long a part's last picture takes to give way to the next part's. Parts keep their places and their sound:
// it is the last picture that stands on while the next part already runs.
const jointTime = 400 * time.Millisecond

// joiner lets one part pass into the next.
type joiner struct {
	kind   domain.Joint
	length int64         // pictures that a joint takes
	last   *astiav.Frame // of the parts so far
	from   *astiav.Frame // gives way now; nil: nothing does
	begun  int64         // picture at which it began to
}

// begin is told that the next picture is a new part's.
func (j *joiner) begin(n int64) {
	if j.kind == domain.JointCut || j.last == nil {
		return
	}
	j.drop(&j.from)
	j.from, j.last, j.begun = j.last, nil, n
}

// join gives picture n as it is shown, which is the callee's to free where own is true; f stays the caller's.
func (j *joiner) join(n int64, f *astiav.Frame) (shown *astiav.Frame, own bool, err error) {
	if j.kind == domain.JointCut {
		return f, false, nil
	}
	j.drop(&j.last)
	j.last = f.Clone()
	if j.from == nil {
		return f, false, nil
	}
	at := n - j.begun
	if at >= j.length {
		j.drop(&j.from)
		return f, false, nil
	}
	mixed := astiav.AllocFrame()
	mixed.SetWidth(f.Width())
	mixed.SetHeight(f.Height())
	mixed.SetPixelFormat(f.PixelFormat())
	if err := mixed.AllocBuffer(0); err != nil {
		mixed.Free()
		return nil, false, err
	}
	by := float64(at+1) / float64(j.length+1)
	if j.kind == domain.JointWipe {
		wipe(mixed, j.from, f, by)
	} else {
		dissolve(mixed, j.from, f, by)
	}
	return mixed, true, nil
}

func (j *joiner) drop(f **astiav.Frame) {
	if *f != nil {
		(*f).Free()
		*f = nil
	}
}

func (j *joiner) Close() {
	j.drop(&j.last)
	j.drop(&j.from)
}

// plane8 is one plane of a picture.
type plane8 struct {
	rows                  []byte
	stride, width, height int
}

func planesOf(f *astiav.Frame) (planes []plane8) {
	eachPlane(f, func(rows []byte, stride, width, height int) {
		planes = append(planes, plane8{rows, stride, width, height})
	})
	return planes
}

// blended calls row for every row of every plane of three pictures of one size.
func blended(to, from, into *astiav.Frame, row func(to, from, into []byte, plane int)) {
	a, b, c := planesOf(to), planesOf(from), planesOf(into)
	if len(a) != len(b) || len(a) != len(c) {
		return
	}
	for i := range a {
		for y := range a[i].height {
			w := a[i].width
			row(a[i].rows[y*a[i].stride:][:w], b[i].rows[y*b[i].stride:][:w], c[i].rows[y*c[i].stride:][:w], i)
		}
	}
}

// dissolve mixes two pictures; by goes from 0 (from) to 1 (into).
func dissolve(to, from, into *astiav.Frame, by float64) {
	weight := int32(by*256 + 0.5)
	blended(to, from, into, func(to, from, into []byte, _ int) {
		for x := range to {
			to[x] = byte(int32(from[x]) + (int32(into[x])-int32(from[x]))*weight/256)
		}
	})
}

// wipe shows the new picture left of an edge that moves to the right, softly.
func wipe(to, from, into *astiav.Frame, by float64) {
	eased := by * by * (3 - 2*by)
	blended(to, from, into, func(to, from, into []byte, _ int) {
		soft := max(1, len(to)/24)
		edge := int(eased*float64(len(to)+2*soft)) - soft
		for x := range to {
			switch far := x - edge; {
			case far <= -soft:
				to[x] = into[x]
			case far >= soft:
				to[x] = from[x]
			default:
				weight := int32(soft-far) * 128 / int32(soft)
				to[x] = byte(int32(from[x]) + (int32(into[x])-int32(from[x]))*weight/256)
			}
		}
	})
}
