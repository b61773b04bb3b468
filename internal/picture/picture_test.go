package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/draw"
)

func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// half is red on its left and blue on its right.
func half() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 40, 20))
	for y := range 20 {
		for x := range 40 {
			c := color.RGBA{R: 255, A: 255}
			if x >= 20 {
				c = color.RGBA{B: 255, A: 255}
			}
			m.Set(x, y, c)
		}
	}
	return m
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, half()) })
}

func jpegOf(t testing.TB) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, half(), nil) })
}

func gifOf(t testing.TB, frames int) []byte {
	g := &gif.GIF{}
	for range frames {
		g.Image, g.Delay = append(g.Image, image.NewPaletted(image.Rect(0, 0, 40, 20), color.Palette{color.Black, color.White})), append(g.Delay, 10)
	}
	return encoded(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, g) })
}

// turnedOnItsSide is a JPEG whose camera noted an orientation.
func turnedOnItsSide(t testing.TB, orientation byte) []byte {
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	data := jpegOf(t)
	head := []byte{0xFF, 0xD8, 0xFF, 0xE1, 0, byte(len(exif) + 2)}
	return append(append(head, exif...), data[2:]...)
}

func TestPicturesOfTheUsualKindsAreRead(t *testing.T) {
	for name, data := range map[string][]byte{"png": pngOf(t), "jpeg": jpegOf(t), "gif": gifOf(t, 1)} {
		m, err := Read(write(t, data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w, h := m.Size(); w != 40 || h != 20 {
			t.Errorf("%s: %dx%d", name, w, h)
		}
	}
}

func TestAPictureIsTurnedAsItsCameraNoted(t *testing.T) {
	for orientation, red := range map[byte]image.Point{1: {5, 10}, 3: {35, 10}, 6: {10, 5}, 8: {10, 35}} {
		photo, err := Read(write(t, turnedOnItsSide(t, orientation)))
		if err != nil {
			t.Fatal(err)
		}
		w, h := photo.Size()
		m := photo.Scaled(image.Rect(0, 0, w, h), w, h)
		if r, _, b, _ := m.At(red.X, red.Y).RGBA(); r < 3*b {
			t.Errorf("orientation %d: red is not at %v of %v", orientation, red, m.Bounds())
		}
	}
}

// atFullSize is a picture turned as its camera noted, pixel by pixel as Exif 2.32 (table 6, orientation) tells of its rows and columns.
func atFullSize(m image.Image, orientation int) *image.RGBA {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			from := map[int]image.Point{1: {x, y}, 2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y},
				5: {y, x}, 6: {y, h - 1 - x}, 7: {w - 1 - y, h - 1 - x}, 8: {w - 1 - y, x}}[orientation]
			out.Set(x, y, m.At(m.Bounds().Min.X+from.X, m.Bounds().Min.Y+from.Y))
		}
	}
	return out
}

func TestScaledAndThenTurnedIsAsTurnedAndThenScaled(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(3, 5, 73, 45))
	for i := range m.Pix {
		m.Pix[i] = uint8(random.IntN(256)) | uint8(i%4/3*255)
	}
	for orientation := 1; orientation <= 8; orientation++ {
		large := atFullSize(m, orientation)
		for _, part := range []image.Rectangle{large.Rect, image.Rect(4, 7, 36, 25)} {
			want := image.NewRGBA(image.Rect(0, 0, 21, 13))
			draw.CatmullRom.Scale(want, want.Rect, large, part, draw.Src, nil)
			got := Photo{m, orientation}.Scaled(part, 21, 13)
			if got.Rect != want.Rect {
				t.Fatalf("orientation %d: %v", orientation, got.Rect)
			}
			for i := range want.Pix {
				if d := int(got.Pix[i]) - int(want.Pix[i]); d < -2 || d > 2 {
					t.Fatalf("orientation %d of %v: byte %d is %d, want %d", orientation, part, i, got.Pix[i], want.Pix[i])
				}
			}
		}
	}
}

// bomb is a PNG of a few bytes that says it is enormous.
func bomb(t testing.TB) []byte {
	data := pngOf(t)
	binary.BigEndian.PutUint32(data[16:], 60_000)
	binary.BigEndian.PutUint32(data[20:], 60_000)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func TestWhatIsNoUsablePictureIsNamedAndNotDecoded(t *testing.T) {
	animated := pngOf(t)
	animated = append(animated[:33:33], append([]byte("\x00\x00\x00\x08acTL\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00"), animated[33:]...)...)
	webp := append([]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02"), make([]byte, 20)...)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a bomb":           {bomb(t), "more than 25 million pixels"},
		"an SVG":           {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>`), "an SVG"},
		"a web page":       {[]byte("\n <!DOCTYPE html><html>404"), "a web page"},
		"40 MB":            {append(jpegOf(t), make([]byte, 40<<20)...), "40 MB, more than 10"},
		"nothing":          {nil, "an empty file"},
		"wrong magic":      {[]byte("MZ\x90\x00 this is a program"), "neither JPEG, PNG, WebP nor GIF"},
		"a video":          {[]byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"), "a video or HEIF"},
		"a moving GIF":     {gifOf(t, 3), "an animated picture"},
		"a moving PNG":     {animated, "an animated picture"},
		"a moving WebP":    {webp, "an animated picture"},
		"a broken PNG":     {pngOf(t)[:40], ""},
		"half a JPEG":      {jpegOf(t)[:200], "damaged JPEG"},
		"only a signature": {[]byte("\xFF\xD8\xFF"), "damaged JPEG"},
	} {
		path := write(t, c.data)
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func FuzzPictures(f *testing.F) {
	f.Add(pngOf(f))
	f.Add(turnedOnItsSide(f, 6))
	f.Add(gifOf(f, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := identify(data)
		if err != nil {
			return
		}
		if found.orientation < 0 || found.orientation > 8 {
			t.Errorf("orientation %d", found.orientation)
		}
		gifFrames(data)
	})
}
