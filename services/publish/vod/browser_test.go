package vod

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liveclip/internal/browsertest"
)

// player plays for a while, seeks forth and back, and says where it got to and what it decoded.
const player = `
<!doctype html><title>clip</title><style>body{background:#222;color:#eee;font:16px sans-serif}</style>
<p id="what"></p><video width="640" height="360" muted playsinline controls crossorigin="anonymous"></video>
<script src="/hls.js"></script>
<script>
const video = document.querySelector("video");
function until(what, test) {
	return new Promise((done, fail) => {
		const began = performance.now();
		(function look() {
			if (video.error) return fail(what + ": " + video.error.message);
			if (test()) return done();
			if (performance.now() - began > 20000) return fail(what + ": did not come, at " + video.currentTime + " of " + video.duration);
			setTimeout(look, 20);
		})();
	});
}
async function watch() {
	await video.play();
	await until("playback", () => video.currentTime > 0.5);
	const frames = video.getVideoPlaybackQuality().totalVideoFrames;
	const landed = [];
	for (const to of [5, 1.2]) {
		video.currentTime = to;
		await until("the seek to " + to, () => !video.seeking && video.readyState >= 2);
		landed.push(video.currentTime);
		await until("playback from " + to, () => video.currentTime > to + 0.4);
	}
	video.currentTime = 6.5;
	await until("the end", () => video.ended);
	video.currentTime = 5; video.pause();
	await until("the last seek", () => !video.seeking && video.readyState >= 2);
	return {frames, landed, width: video.videoWidth, duration: video.duration};
}
function plain(url) {
	document.getElementById("what").textContent = "plain video, at 5 s";
	video.src = url;
	return watch();
}
async function hls(url) {
	document.getElementById("what").textContent = "hls.js " + Hls.version + ", at 5 s";
	const faults = [], hls = new Hls({maxBufferLength: 2, enableWorker: false});
	hls.on(Hls.Events.ERROR, (_, e) => { if (e.fatal || e.details.includes("Parsing")) faults.push(e.details) });
	hls.loadSource(url);
	hls.attachMedia(video);
	const seen = await Promise.race([watch(), until("a fault", () => faults.length).then(() => Promise.reject("hls.js: " + faults), () => new Promise(() => {}))]);
	hls.subtitleTrack = 0;
	await until("the subtitles", () => video.textTracks.length && video.textTracks[0].cues && video.textTracks[0].cues.length);
	return {...seen, subtitles: video.textTracks[0].cues[0].text, faults};
}
</script>`

type viewing struct {
	Frames    int       `json:"frames"`
	Landed    []float64 `json:"landed"`
	Width     int       `json:"width"`
	Duration  float64   `json:"duration"`
	Subtitles string    `json:"subtitles"`
	Faults    []string  `json:"faults"`
}

// TestAClipPlaysInABrowser plays a clip from its signed URLs, from a page of another origin. LIVECLIP_SHOTS names a folder to
// leave screenshots in.
func TestAClipPlaysInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	script := browsertest.NPM(t, "hls.js@1.6.13", "dist/hls.min.js")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hls.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(player))
	}))
	t.Cleanup(page.Close)
	browser := browsertest.Open(t)
	for name, file := range map[string]string{"plain": "720p.mp4", "hls": "index.m3u8"} {
		t.Run(name, func(t *testing.T) {
			o, _ := dressed(t)
			browser.Visit(page.URL)
			var got viewing
			url, _ := json.Marshal(o.server.URL + o.path(file))
			browser.Run(fmt.Sprintf("%s(%s)", name, url), &got)
			if got.Frames < 5 || got.Width != 320 || got.Duration < 6.9 || got.Duration > 7.2 || len(got.Faults) > 0 {
				t.Errorf("seen: %+v", got)
			}
			for i, want := range []float64{5, 1.2} {
				if at := got.Landed[i]; at < want-0.1 || at > want+0.4 {
					t.Errorf("the seek to %g landed at %g", want, at)
				}
			}
			if name == "hls" && got.Subtitles != "hello" {
				t.Errorf("subtitles: %q", got.Subtitles)
			}
			if folder := os.Getenv("LIVECLIP_SHOTS"); folder != "" {
				if err := os.WriteFile(filepath.Join(folder, name+".png"), browser.Screenshot(), 0o644); err != nil {
					t.Error(err)
				}
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			ranges := 0
			for _, d := range o.deliveries {
				if d.Status >= 400 {
					t.Errorf("answered %+v", d.Delivery)
				}
				if d.Status == 206 && strings.HasPrefix(d.Asked, "bytes=") {
					ranges++
				}
			}
			if ranges == 0 {
				t.Error("no range was asked for")
			}
		})
	}
}
