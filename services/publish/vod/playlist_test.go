package vod

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/record"
)

// film makes seven seconds of fMP4, a keyframe every two, as finishing writes it (with sidx) or without.
func film(t *testing.T, flags string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("needs ffmpeg: make setup installs it")
	}
	path := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine", "-t", "7",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-sc_threshold", "0", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof"+flags, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// filmed is an origin whose 720p rendition is a real film.
func filmed(t *testing.T, content string) *origin {
	o := newOrigin(t, content)
	m := domain.Manifest{Tenant: "default", Stream: "room", Published: noon, Rendered: domain.Rendered{
		Clip: testClip, Revision: 1, Hash: testHash,
		Renditions: []domain.Rendition{{Profile: "720p", Key: record.File("default", testClip, testHash, "720p.mp4"), Bytes: int64(len(content)), SHA256: "x", Width: 320, Height: 180}},
	}}
	o.putJSON(t, record.Manifest("default", testClip), m)
	o.Drop("default", testClip)
	return o
}

func TestAPlaylistPlaysAllOfTheFilmFromByteRanges(t *testing.T) {
	o := filmed(t, film(t, "+global_sidx"))
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", o.server.URL+o.path("index.m3u8"), "-map", "0:v", "-f", "framemd5", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	if frames := len(regexp.MustCompile(`(?m)^0,`).FindAll(out, -1)); frames != 175 {
		t.Errorf("%d frames of 175", frames)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	parts := 0
	for _, d := range o.deliveries {
		if d.File == "720p.mp4" && d.Status == 206 {
			parts++
		}
	}
	if parts < 5 {
		t.Errorf("%d byte ranges were asked for", parts)
	}
}

func TestPlaylistsNameTheFragmentsAndCarryTheSignature(t *testing.T) {
	o := filmed(t, film(t, "+global_sidx"))
	_, query, _ := strings.Cut(o.path("x"), "?")
	master := o.ask(t, "GET", o.path("index.m3u8")+`&quote="%22`)
	if master.status != 200 || master.header["Content-Type"] != "application/vnd.apple.mpegurl" {
		t.Fatalf("%d %v %s", master.status, master.header, master.body)
	}
	form := regexp.MustCompile(`^#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,RESOLUTION=320x180,CODECS="avc1\.[0-9A-F]{6},mp4a\.40\.2"\n720p\.m3u8\?(.*)\n$`)
	if found := form.FindStringSubmatch(master.body); found == nil || found[1] != query {
		t.Errorf("master:\n%s", master.body)
	}
	media := o.ask(t, "GET", o.path("720p.m3u8")).body
	file := "720p.mp4?" + query
	if strings.Count(media, "#EXTINF:") != 4 || strings.Count(media, file) != 5 || !strings.Contains(media, `#EXT-X-MAP:URI="`+file+`",BYTERANGE="`) || !strings.HasSuffix(media, "#EXT-X-ENDLIST\n") {
		t.Errorf("media:\n%s", media)
	}
	if again := o.ask(t, "GET", o.path("720p.m3u8"), "If-None-Match: "+o.ask(t, "HEAD", o.path("720p.m3u8")).header["Etag"]); again.status != 304 {
		t.Errorf("the same playlist again: %d", again.status)
	}
}

func TestAFilmWithoutIndexIsMeasuredByItsFragments(t *testing.T) {
	with, without := film(t, "+global_sidx"), film(t, "")
	indexed, err := readIndex(strings.NewReader(with), int64(len(with)))
	if err != nil {
		t.Fatal(err)
	}
	measured, err := readIndex(strings.NewReader(without), int64(len(without)))
	if err != nil {
		t.Fatal(err)
	}
	if len(indexed.fragments) != 4 || len(measured.fragments) != 4 || indexed.head != measured.head || indexed.codecs != measured.codecs {
		t.Fatalf("indexed %+v\nmeasured %+v", indexed, measured)
	}
	moved := indexed.fragments[0].offset - measured.fragments[0].offset // by the sidx boxes
	for i, f := range measured.fragments {
		f.offset += moved
		if other := indexed.fragments[i]; f.offset != other.offset || f.size != other.size || f.keyframe != other.keyframe || (f.length-other.length).Abs() > 50*time.Millisecond {
			t.Errorf("fragment %d: measured %+v, indexed %+v", i, f, other)
		}
	}
}

func TestWhatIsNoFilmHasNoPlaylist(t *testing.T) {
	o := newOrigin(t, digits)
	for _, file := range []string{"index.m3u8", "720p.m3u8"} {
		if got := o.ask(t, "GET", o.path(file)); got.status != 500 || strings.Contains(got.body, "box") {
			t.Errorf("%s: %d %s", file, got.status, got.body)
		}
	}
}

func FuzzAnIndexNeverLeadsOutsideTheFile(f *testing.F) {
	for _, name := range []string{"sidx.mp4", "moof.mp4"} { // a second of film, by ffmpeg
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		ix, err := readIndex(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, fragment := range ix.fragments {
			if fragment.offset < ix.head || fragment.size <= 0 || fragment.offset+fragment.size > int64(len(data)) {
				t.Fatalf("%+v of %d bytes", fragment, len(data))
			}
		}
	})
}
