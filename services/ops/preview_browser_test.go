package ops

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/browsertest"
	"liveclip/internal/domain"
	"liveclip/internal/recording"
)

// movie gives the initialisation segment and the parts, half a second each, of a recording that begins at a media time.
func movie(t *testing.T, size string, run int, from time.Duration) (recording.Init, []recording.Part) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "movie.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=r=20:d=4:s="+size, "-f", "lavfi", "-i", "sine=d=4", "-c:v", "libx264", "-g", "20", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-ar", "48000", "-bf", "0", "-video_track_timescale", "1000", "-movflags", "empty_moov+default_base_moof+frag_custom+skip_trailer", "-frag_duration", "500000", "-use_editlist", "0", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	init := recording.Init{Run: run}
	var parts []recording.Part
	for len(b) > 8 {
		n := binary.BigEndian.Uint32(b)
		box := b[:n]
		shift(box, from)
		switch string(b[4:8]) {
		case "ftyp", "moov":
			init.Data = append(init.Data, box...)
		case "moof":
			if len(parts) == 8 { // a last frame of sound
				parts[7].Data = append(parts[7].Data, box...)
				break
			}
			start := from + time.Duration(len(parts))*500*time.Millisecond
			parts = append(parts, recording.Part{Run: run, Window: domain.Window{Start: start, End: start + 500*time.Millisecond}, Keyframe: len(parts)%2 == 0, Data: bytes.Clone(box)})
		case "mdat":
			parts[len(parts)-1].Data = append(parts[len(parts)-1].Data, box...)
		}
		b = b[n:]
	}
	return init, parts
}

// shift makes a moof's decode times media time, as a recorder does.
func shift(moof []byte, by time.Duration) {
	for at := bytes.Index(moof, []byte("traf")); at >= 0 && string(moof[4:8]) == "moof"; {
		traf := moof[at:]
		scale := map[uint32]time.Duration{1: 1000, 2: 48000}[binary.BigEndian.Uint32(traf[bytes.Index(traf, []byte("tfhd"))+8:])]
		tfdt := traf[bytes.Index(traf, []byte("tfdt"))+8:]
		binary.BigEndian.PutUint64(tfdt, binary.BigEndian.Uint64(tfdt)+uint64(by/time.Millisecond*scale/1000))
		next := bytes.Index(traf[4:], []byte("traf"))
		if next < 0 {
			return
		}
		at += 4 + next
	}
}

func TestTheConsoleOpensWithTheTokenOfItsAddressAndShowsTheRoom(t *testing.T) {
	page := browsertest.Open(t)
	r := newRig(t)
	r.onAir(104 * time.Second)
	page.Visit(r.url + "/#token=" + operatorToken)
	var shown string
	page.Run(`new Promise((done) => {
		const shown = () => [document.getElementById('desk').hidden ? 'no desk' : '', document.getElementById('rooms').innerText].join('');
		const until = Date.now() + 100000;
		(function look() { shown().includes('room1') || Date.now() > until ? done(shown()) : setTimeout(look, 50); })();
	})`, &shown)
	if !strings.Contains(shown, "room1") {
		t.Errorf("the console does not show the room: %q", shown)
	}
}

func TestAGrowingPreviewPlaysInTheConsoleAcrossAChangeOfSize(t *testing.T) {
	page := browsertest.Open(t)
	r := newRig(t)
	w := r.record()
	r.onAir(104 * time.Second)
	record := func(size string, run int, from time.Duration) {
		init, parts := movie(t, size, run, from)
		if err := w.Init(init); err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if err := w.Part(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	record("320x180", 0, 100*time.Second)
	clip := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":101.5,"end_s":107}`).json()["clip_id"].(string)
	page.Visit(r.url + "/")
	page.Run(fmt.Sprintf("window.shown = playPreview('/preview/%s/index.m3u8?access_token=%s'); document.body.replaceChildren(shown); true", clip, operatorToken), nil)
	var state string
	until := func(what, is string) {
		t.Helper()
		deadline := time.Now().Add(2 * time.Minute)
		for {
			page.Run("[shown.currentTime.toFixed(1), shown.videoWidth, shown.ended, shown.dataset.why, shown.error && shown.error.message, [...Array(shown.buffered.length).keys()].map((i) => shown.buffered.start(i).toFixed(2)+'-'+shown.buffered.end(i).toFixed(2)), shown.duration].join(' ')+(("+is+") ? ' yes' : '')", &state)
			if strings.HasSuffix(state, " yes") {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("never: %s: %s\n%s", what, state, r.operator("GET", "/preview/"+clip+"/index.m3u8", "").body)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	until("it plays from the window's beginning", "shown.currentTime > 0.6 && shown.videoWidth == 320")
	if shots := os.Getenv("LIVECLIP_SHOTS"); shots != "" {
		if err := os.WriteFile(filepath.Join(shots, "preview.png"), page.Screenshot(), 0o644); err != nil {
			t.Error(err)
		}
	}
	record("640x360", 1, 104*time.Second)
	until("it plays on in the new size, to its end", "shown.ended && shown.videoWidth == 640 && shown.currentTime > 5.5")
}
