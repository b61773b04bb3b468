package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/recording"
	"liveclip/internal/sidecar"
	"liveclip/internal/view"
	recordingv1 "liveclip/proto/recording/v1"
)

// record makes this test the owner of room1's broadcast b1.
func (r *rig) record() *recording.Writer {
	r.t.Helper()
	w, err := recording.Create(recording.WriterConfig{
		Folder: r.t.TempDir(), Ref: room, Broadcast: "b1", Epoch: 7, StartedAt: time.Now(),
	}, r.store, embeddedtest.Log(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	held, err := r.leases.Take(r.t.Context(), room, "asr-1", serveRecording(r.t, w))
	if err != nil {
		r.t.Fatal(err)
	}
	go held.Hold(r.t.Context())
	return w
}

// serveRecording serves a writer as its owner does.
func serveRecording(t testing.TB, w *recording.Writer) (address string) {
	t.Helper()
	hot, server := recording.NewHot(), grpc.NewServer()
	hot.Add(w)
	recordingv1.RegisterRecordingServer(server, hot)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func TestThePreviewGrowsWithTheRecordingUntilTheWindowEnds(t *testing.T) {
	r := newRig(t)
	w := r.record()
	r.onAir(4 * time.Second)
	parts := func(from, to int) {
		for n := from; n < to; n++ {
			start := time.Duration(n) * time.Second
			part := recording.Part{Window: domain.Window{Start: start, End: start + time.Second}, Keyframe: n%2 == 0, Data: fmt.Appendf(nil, "part %d", n)}
			if err := w.Part(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Init(recording.Init{Data: []byte("init 0"), Parameters: domain.MediaParameters{VideoCodec: "h264", Width: 16, Height: 16}}); err != nil {
		t.Fatal(err)
	}
	parts(0, 4)
	clip := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":3,"end_s":6}`).json()["clip_id"].(string)
	index := func() string {
		got := r.call("", "GET", "/preview/"+clip+"/index.m3u8?access_token="+operatorToken, "")
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return got.body
	}
	query := "?access_token=" + operatorToken
	head := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n" +
		"#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES\n#EXT-X-MAP:URI=\"0.mp4" + query + "\",BYTERANGE=\"6@0\"\n"
	line := func(n int, seconds float64, at, size int) string {
		return fmt.Sprintf("#EXTINF:%.3f,\n#EXT-X-BYTERANGE:%d@%d\n0.mp4%s\n", seconds, size, at, query)
	}
	r.eventually("the playlist holds what was recorded, from the keyframe on", func() bool { return index() == head+line(2, 1, 6, 6)+line(3, 1, 12, 6) })
	ranged := func(of, want string) {
		t.Helper()
		got := r.operator("GET", "/preview/"+clip+"/0.mp4", "", "Range", "bytes="+of)
		if got.status != http.StatusPartialContent || got.body != want {
			t.Errorf("%s: %d %q", of, got.status, got.body)
		}
	}
	ranged("0-5", "init 0")
	ranged("6-11", "part 2")
	ranged("9-13", "t 2pa")
	parts(4, 7)
	r.eventually("the playlist ends with the window", func() bool {
		return index() == head+line(2, 1, 6, 6)+line(3, 1, 12, 6)+line(4, 2, 18, 12)+"#EXT-X-ENDLIST\n"
	})
	ranged("12-", "part 3part 4part 5")
	ranged("-4", "rt 5")
	if got := r.operator("GET", "/preview/"+clip+"/0.mp4", ""); got.status != http.StatusOK || got.body != "init 0part 2part 3part 4part 5" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if got := r.operator("GET", "/preview/"+clip+"/0.mp4", "", "Range", "bytes=30-"); got.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("%d %q", got.status, got.body)
	}
	for _, file := range []string{"1.mp4", "x.mp4", "-0.mp4", "00.mp4", "index.mpd", "finished-720p.mp4"} {
		if got := r.operator("GET", "/preview/"+clip+"/"+file, ""); got.status != http.StatusNotFound || !strings.HasPrefix(got.detail(), "no such") {
			t.Errorf("%s: %d %s", file, got.status, got.body)
		}
	}
}

// owner is a Finder of one address; empty: nobody records.
type owner struct{ address atomic.Value }

func (o *owner) FindAddress(context.Context, domain.Ref) (string, bool, error) {
	address, _ := o.address.Load().(string)
	return address, address != "", nil
}

func TestAPreviewWhoseRecorderIsLostGoesOnWithItsSuccessor(t *testing.T) {
	store, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spool := t.TempDir()
	record := func(epoch int64, run, from, to int) (address string) {
		w, err := recording.Create(recording.WriterConfig{Folder: spool, Ref: room, Broadcast: "b1", Epoch: epoch}, store, embeddedtest.Log(t))
		if err == nil {
			err = w.Init(recording.Init{Run: run, Data: fmt.Appendf(nil, "init %d", run)})
		}
		for n := from; n < to && err == nil; n++ {
			start := time.Duration(n) * time.Second
			err = w.Part(recording.Part{Run: run, Window: domain.Window{Start: start, End: start + time.Second}, Keyframe: true, Data: fmt.Appendf(nil, "part %d", n)})
		}
		if err != nil {
			t.Fatal(err)
		}
		return serveRecording(t, w)
	}
	finder := &owner{}
	finder.address.Store(record(7, 0, 0, 2))
	reader := recording.NewReader(store, finder, embeddedtest.Log(t))
	reader.Lost = 50 * time.Millisecond
	defer reader.Close()
	previews := newPreviews(reader)
	previews.base = t.Context()
	one, err := previews.get(view.Clip{ID: "c1", Envelope: said(domain.StreamProgress{}, time.Now()).Envelope}, domain.Window{End: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, is func(text string) bool) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		for {
			one.mu.Lock()
			grown := one.grown
			one.mu.Unlock()
			if is(one.playlist("")) {
				return
			}
			select {
			case <-grown:
			case <-deadline:
				t.Fatalf("never: %s:\n%s", what, one.playlist(""))
			}
		}
	}
	until("what was recorded is listed", func(text string) bool { return strings.Count(text, "#EXTINF") == 2 })
	one.mu.Lock()
	grown := one.grown
	one.mu.Unlock()
	finder.address.Store("")
	<-grown // the reader gave up
	if text := one.playlist(""); strings.Contains(text, "ENDLIST") || strings.Count(text, "#EXTINF") != 2 {
		t.Errorf("while nobody records:\n%s", text)
	}
	finder.address.Store(record(8, 1, 2, 5))
	until("the preview goes on to its end", func(text string) bool {
		return strings.Count(text, "#EXTINF") >= 3 && strings.Contains(text, "1.mp4") && strings.HasSuffix(text, "#EXT-X-ENDLIST\n")
	})
}

func TestAPreviewIsReplacedByWhatWasFinished(t *testing.T) {
	r := newRig(t)
	w := r.record()
	r.onAir(4 * time.Second)
	if err := w.Init(recording.Init{Data: []byte("init 0")}); err != nil {
		t.Fatal(err)
	}
	part := recording.Part{Window: domain.Window{End: 4 * time.Second}, Keyframe: true, Data: []byte("part 0")}
	if err := w.Part(part); err != nil {
		t.Fatal(err)
	}
	clip := r.operator("POST", "/v1/streams/room1/clips", `{"start_s":0,"end_s":3}`).json()["clip_id"].(string)
	index := func() string { return r.operator("GET", "/preview/"+clip+"/index.m3u8", "").body }

	file := []byte("header, then the fragment")
	x := sidecar.Index{Version: sidecar.Version, Bytes: int64(len(file)), LengthS: 3, Header: 8, Heads: sidecar.Heads{Frame: 25, S1: 25, S2: 25, S4: 25}, Fragments: []sidecar.Fragment{{LengthS: 3, Offset: 8, Size: 17, Keyframe: true}}}
	encoded, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string][]byte{"default/clips/c/h/720p.mp4": file, "default/clips/c/h/720p.json": encoded} {
		if _, err := r.store.Put(t.Context(), key, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	rendered := domain.Rendered{Clip: domain.ClipID(clip), Hash: "h", Renditions: []domain.Rendition{
		{Profile: "360p", Key: "default/clips/c/h/360p.mp4", Width: 640, Height: 360, Index: "default/clips/c/h/360p.json"},
		{Profile: "720p", Key: "default/clips/c/h/720p.mp4", Width: 1280, Height: 720, Bytes: int64(len(file)), Index: "default/clips/c/h/720p.json"},
	}}
	r.publish(said(domain.ClipStep{Clip: domain.ClipID(clip), Step: domain.StepRendered, At: time.Now(), Rendered: &rendered}, time.Now()))
	const want = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n" +
		"#EXT-X-MAP:URI=\"finished-720p.mp4\",BYTERANGE=\"8@0\"\n#EXTINF:3.000000,\n#EXT-X-BYTERANGE:17@8\nfinished-720p.mp4\n#EXT-X-ENDLIST\n"
	r.eventually("the finished rendition took the preview's place, and waits for no verdict", func() bool { return index() == want })
	if got := r.operator("GET", "/preview/"+clip+"/finished-720p.mp4", "", "Range", "bytes=8-13"); got.status != http.StatusPartialContent || got.body != string(file[8:14]) || got.header.Get("Content-Range") != "bytes 8-13/25" {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
	if got := r.call(viewerToken, "GET", "/preview/"+clip+"/finished-720p.mp4", ""); got.status != http.StatusForbidden {
		t.Errorf("a viewer: %d %s", got.status, got.body)
	}
}

func FuzzARangeLiesInsideItsFileOrIsNone(f *testing.F) {
	for _, seed := range []string{"", "bytes=0-", "bytes=5-3", "bytes=-5", "bytes=-0", "bytes=0-99999999999999999999", "bytes=1-2,3-4", "lines=1-2", "bytes=+1-2"} {
		f.Add(seed, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size &= 1<<40 - 1
		from, to, asked, ok := parseRange(header, size)
		if !asked && (!ok || from != 0 || to != size) || asked && ok && (from < 0 || from >= to || to > size) {
			t.Errorf("%q of %d: [%d, %d) asked %v ok %v", header, size, from, to, asked, ok)
		}
	})
}
