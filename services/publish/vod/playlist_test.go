package vod

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/record"
)

// film makes seven seconds of fMP4, a keyframe every two, with sidx or without.
func film(t *testing.T, flags string) string {
	return filmAs(t, "frag_keyframe+empty_moov+default_base_moof"+flags, "-preset", "ultrafast")
}

// finishedFilm is the same as finishing writes it: with frames out of order, and edit lists.
func finishedFilm(t *testing.T) string {
	return filmAs(t, "frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer", "-preset", "veryfast", "-bf", "2")
}

func filmAs(t *testing.T, flags string, options ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("needs ffmpeg: make setup installs it")
	}
	path := filepath.Join(t.TempDir(), "film.mp4")
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine", "-t", "7",
		"-c:v", "libx264", "-g", "50", "-sc_threshold", "0", "-c:a", "aac", "-movflags", flags}, options...)
	if out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// filmed is an origin whose 720p rendition is a real film, and its only one.
func filmed(t *testing.T, content string) *origin {
	o := newOrigin(t, content)
	o.writeFilm(t, func(*domain.Rendered) {})
	return o
}

func (o *origin) writeFilm(t *testing.T, change func(*domain.Rendered)) {
	t.Helper()
	m := domain.Manifest{Tenant: "default", Stream: "room", Published: noon, Rendered: domain.Rendered{
		Clip: testClip, Revision: 1, Hash: testHash,
		Renditions: []domain.Rendition{{Profile: "720p", Key: filmKey, Bytes: int64(len(o.content)), SHA256: "x", Width: 320, Height: 180}},
	}}
	change(&m.Rendered)
	o.putJSON(t, record.Manifest("default", testClip), m)
	o.Drop("default", testClip)
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

func TestWhatIsNoFilmHasNoPlaylist(t *testing.T) {
	o := newOrigin(t, digits)
	for _, file := range []string{"index.m3u8", "720p.m3u8"} {
		if got := o.ask(t, "GET", o.path(file)); got.status != 500 || strings.Contains(got.body, "box") {
			t.Errorf("%s: %d %s", file, got.status, got.body)
		}
	}
}

func TestATallRenditionIsNoLevelOfAWideOne(t *testing.T) {
	o := filmed(t, finishedFilm(t))
	o.writeFilm(t, func(r *domain.Rendered) {
		tall := r.Renditions[0]
		tall.Profile, tall.Width, tall.Height = "vertical", 180, 320
		r.Renditions = append(r.Renditions, tall)
	})
	master := o.ask(t, "GET", o.path("index.m3u8")).body
	if !strings.Contains(master, "720p.m3u8") || strings.Contains(master, "vertical") {
		t.Errorf("%s", master)
	}
}
