package ops

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/recording"
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
	hot, server := recording.NewHot(), grpc.NewServer()
	hot.Add(w)
	recordingv1.RegisterRecordingServer(server, hot)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	go server.Serve(listener)
	r.t.Cleanup(server.Stop)
	if _, err := r.leases.Take(r.t.Context(), room, "asr-1", listener.Addr().String()); err != nil {
		r.t.Fatal(err)
	}
	return w
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
	const head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n" +
		"#EXT-X-MAP:URI=\"0.init.mp4?access_token=" + operatorToken + "\"\n"
	line := func(n int) string {
		return fmt.Sprintf("#EXTINF:2.000,\n0-%d000000000-%d000000000.m4s?access_token=%s\n", n, n+2, operatorToken)
	}
	r.eventually("the playlist holds what was recorded, from the keyframe on", func() bool { return index() == head+line(2) })
	parts(4, 7)
	r.eventually("the playlist ends with the window", func() bool {
		return index() == head+line(2)+line(4)+"#EXT-X-ENDLIST\n"
	})
	for file, want := range map[string]string{
		"0.init.mp4": "init 0", "0-2000000000-4000000000.m4s": "part 2part 3", "0-4000000000-6000000000.m4s": "part 4part 5",
	} {
		if got := r.operator("GET", "/preview/"+clip+"/"+file, ""); got.status != http.StatusOK || got.body != want {
			t.Errorf("%s: %d %q", file, got.status, got.body)
		}
	}
	for _, file := range []string{"0-9000000000-10000000000.m4s", "1.init.mp4", "x.m4s", "0--5-3.m4s", "0-2000000000-3000000000.m4s", "00.init.mp4", "index.mpd"} {
		if got := r.operator("GET", "/preview/"+clip+"/"+file, ""); got.status != http.StatusNotFound || !strings.HasPrefix(got.detail(), "no such") {
			t.Errorf("%s: %d %s", file, got.status, got.body)
		}
	}
}
