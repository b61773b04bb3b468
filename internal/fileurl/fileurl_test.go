package fileurl_test

import (
	"testing"

	"liveclip/internal/fileurl"
)

func TestAPathComesBackFromItsURL(t *testing.T) {
	for _, path := range []string{"/a.mp4", "/直播 50%#1.mp4", "/what?.ts", "/a%20b/c", `/back\slash`, "/+&;=@:"} {
		if got, ok := fileurl.Path(fileurl.Of(path)); !ok || got != path {
			t.Errorf("%q comes back as %q from %s", path, got, fileurl.Of(path))
		}
	}
}

func TestWhatIsNoFileURLHasNoPath(t *testing.T) {
	for _, address := range []string{"", "/a.mp4", "file:a.mp4", "file://other/a.mp4", "file://", "http://host/a.mp4", "file:///%zz"} {
		if got, ok := fileurl.Path(address); ok {
			t.Errorf("%q: %q", address, got)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/直播 50%#1.mp4")
	f.Fuzz(func(t *testing.T, name string) {
		path := "/" + name
		if got, ok := fileurl.Path(fileurl.Of(path)); !ok || got != path {
			t.Errorf("%q comes back as %q", path, got)
		}
	})
}
