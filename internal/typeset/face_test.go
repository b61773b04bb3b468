package typeset

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"liveclip/internal/font"
)

var testFont, _ = font.Find()

func testFace(t testing.TB) *Face {
	t.Helper()
	face, err := Open(testFont)
	if err != nil {
		t.Fatal(err)
	}
	return face
}

func TestTextIsBrokenAndShrunkUntilItFits(t *testing.T) {
	face := testFace(t)
	for _, c := range []struct {
		name, text  string
		size, width int
		lines       int
		want        []string
		wantSize    int
	}{
		{"fits", "全场五折", 40, 200, 1, []string{"全场五折"}, 40},
		{"is broken between characters", "最后三分钟全场五折", 40, 200, 2, []string{"最后三分钟", "全场五折"}, 40},
		{"keeps words whole", "last three minutes", 40, 230, 2, []string{"last three", "minutes"}, 40},
		{"keeps a mark with what it ends", "最后三分钟，全场五折", 40, 200, 3, []string{"最后三分", "钟，全场", "五折"}, 40},
		{"is made smaller", "最后三分钟全场五折", 40, 200, 1, []string{"最后三分钟全场五折"}, 22},
		{"is cut off at half its size", strings.Repeat("超", 50), 40, 200, 1, []string{strings.Repeat("超", 9) + "…"}, 20},
		{"is one line of what can be drawn", "全场\n五折\x00🎉 \t!", 40, 400, 1, []string{"全场 五折 !"}, 40},
		{"is nothing", " \n🎉", 40, 400, 1, nil, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, size := face.Fit(c.text, c.size, c.width, c.lines)
			for _, line := range lines {
				if w := face.Width(line, size); w > c.width {
					t.Errorf("%q is %d wide at %d, more than %d", line, w, size, c.width)
				}
			}
			if !reflect.DeepEqual(lines, c.want) || size != c.wantSize {
				t.Errorf("got %q at %d, want %q at %d", lines, size, c.want, c.wantSize)
			}
		})
	}
}

func FuzzFontsAreReadWithoutFear(f *testing.F) {
	head := make([]byte, 4096)
	if file, err := os.Open(testFont); err == nil {
		_, _ = file.Read(head)
		file.Close()
	}
	f.Add(head)
	f.Add([]byte("ttcf\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10\x00\x01\x00\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMetrics(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		for _, r := range "aé中🎉" {
			m.advance(r)
		}
	})
}
