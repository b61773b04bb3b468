package vod

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/record"
	"liveclip/internal/sidecar"
)

// dressed is an origin with all that belongs to a clip.
func dressed(t *testing.T) (*origin, sidecar.Index) {
	t.Helper()
	o := newOrigin(t, finishedFilm(t))
	x, err := sidecar.Of(strings.NewReader(o.content), int64(len(o.content)))
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) string { return record.File("default", testClip, testHash, name) }
	o.put(t, key("thumbs.jpg"), "a sprite")
	o.put(t, key("thumbs.vtt"), "WEBVTT\n\n00:00.000 --> 00:05.000\nthumbs.jpg#xywh=0,0,160,90\n\n00:05.000 --> 00:07.000\nthumbs.jpg#xywh=160,0,160,90\n")
	o.put(t, key("subtitles.srt"), "1\n00:00:00,000 --> 00:00:01,000\nhello\n")
	o.put(t, key("subtitles.vtt"), "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nhello\n")
	o.putJSON(t, key("720p.json"), x)
	o.writeFilm(t, func(r *domain.Rendered) {
		r.Title = "Half price"
		r.Cover, r.Subtitles, r.SubRip, r.Sprite, r.Thumbnails = key("cover.jpg"), key("subtitles.vtt"), key("subtitles.srt"), key("thumbs.jpg"), key("thumbs.vtt")
		r.Renditions[0].Index, r.Renditions[0].Length = key("720p.json"), 7*time.Second
	})
	return o, x
}

func TestEveryFileOfAClipIsServedAsWhatItIs(t *testing.T) {
	o, _ := dressed(t)
	for file, want := range map[string][2]string{
		"720p.mp4":       {"video/mp4", "public"},
		"720p.json":      {"application/json", "public"},
		"720p.m3u8":      {"application/vnd.apple.mpegurl", "private"},
		"index.m3u8":     {"application/vnd.apple.mpegurl", "private"},
		"index.json":     {"application/json", "private"},
		"subtitles.m3u8": {"application/vnd.apple.mpegurl", "private"},
		"subtitles.vtt":  {"text/vtt; charset=utf-8", "public"},
		"subtitles.srt":  {"application/x-subrip; charset=utf-8", "public"},
		"cover.jpg":      {"image/jpeg", "public"},
		"thumbs.jpg":     {"image/jpeg", "public"},
		"thumbs.vtt":     {"text/vtt; charset=utf-8", "private"},
	} {
		got := o.ask(t, "GET", o.path(file))
		if got.status != 200 || got.header["Content-Type"] != want[0] || got.header["Cache-Control"] != want[1]+", max-age=3600, immutable" || got.header["Etag"] == "" || got.header["Vary"] != "" {
			t.Errorf("%s: %d %v", file, got.status, got.header)
		}
		if again := o.ask(t, "GET", o.path(file), "If-None-Match: "+got.header["Etag"]); again.status != 304 {
			t.Errorf("%s again: %d", file, again.status)
		}
	}
	for _, file := range []string{"720p.txt", "720p", "1080p.mp4", "thumbs.png", "index.html", "manifest.json", ".mp4"} {
		if got := o.ask(t, "GET", o.path(file)); got.status != 404 {
			t.Errorf("%s: %d", file, got.status)
		}
	}
}

func TestThumbnailsLeadToTheirSpriteUnderTheSameSignature(t *testing.T) {
	o, _ := dressed(t)
	_, query, _ := strings.Cut(o.path(""), "?")
	got := o.ask(t, "GET", o.path("thumbs.vtt")).body
	want := "WEBVTT\n\n00:00.000 --> 00:05.000\nthumbs.jpg?" + query + "#xywh=0,0,160,90\n\n00:05.000 --> 00:07.000\nthumbs.jpg?" + query + "#xywh=160,0,160,90\n"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestSubtitlesAreARenditionThatTheViewerMayChoose(t *testing.T) {
	o, _ := dressed(t)
	_, query, _ := strings.Cut(o.path(""), "?")
	master := o.ask(t, "GET", o.path("index.m3u8")).body
	if !strings.Contains(master, `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="words",NAME="Subtitles",DEFAULT=NO,AUTOSELECT=NO,URI="subtitles.m3u8?`+query+"\"\n") ||
		!strings.Contains(master, `mp4a.40.2",SUBTITLES="words"`) {
		t.Errorf("%s", master)
	}
	want := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:7\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:7.000000,\nsubtitles.vtt?" + query + "\n#EXT-X-ENDLIST\n"
	if got := o.ask(t, "GET", o.path("subtitles.m3u8")).body; got != want {
		t.Errorf("%s", got)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", o.server.URL+o.path("index.m3u8")).Output()
	if err != nil || !bytes.Contains(out, []byte("h264")) || !bytes.Contains(out, []byte("aac")) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheListingTellsAPlayerWhatToFetchFirst(t *testing.T) {
	o, x := dressed(t)
	_, query, _ := strings.Cut(o.path(""), "?")
	var got clipListing
	if err := json.Unmarshal([]byte(o.ask(t, "GET", o.path("index.json")).body), &got); err != nil {
		t.Fatal(err)
	}
	peak, average := bandwidth(x)
	to := func(file string) string { return file + "?" + query }
	want := clipListing{
		ClipID: string(testClip), Hash: testHash, Revision: 1, Title: "Half price", LengthS: x.LengthS, HLS: to("index.m3u8"),
		Cover: to("cover.jpg"), Thumbnails: to("thumbs.vtt"), Subtitles: to("subtitles.vtt"),
		Renditions: []renditionListing{{
			Profile: "720p", URL: to("720p.mp4"), Index: to("720p.json"), Width: 320, Height: 180, Bytes: int64(len(o.content)),
			Bandwidth: average, Peak: peak, Codecs: x.Codecs, Header: x.Header, Heads: x.Heads,
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnIndexIsReadFromBesideTheRenditionAndOfOldFromItself(t *testing.T) {
	o, x := dressed(t)
	read := func() sidecar.Index {
		index, err := sidecar.Read(strings.NewReader(o.ask(t, "GET", o.path("720p.json")).body))
		if err != nil {
			t.Fatal(err)
		}
		return index
	}
	marked := x
	marked.Codecs = "as it lies beside"
	key := record.File("default", testClip, testHash, "720p.json")
	for name, c := range map[string]struct {
		lies any
		want sidecar.Index
	}{
		"beside":               {marked, marked},
		"of another file":      {sidecar.Index{Version: 1, Bytes: 5}, x},
		"of a version to come": {sidecar.Index{Version: 2}, x},
	} {
		o.putJSON(t, key, c.lies)
		o.indexes = newIndexes(o.store)
		if got := read(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err := o.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	o.indexes = newIndexes(o.store)
	if got := read(); !reflect.DeepEqual(got, x) {
		t.Errorf("gone: %+v", got)
	}
}
