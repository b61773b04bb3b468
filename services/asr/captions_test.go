package asr

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/caption/cea/ceatest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/fileurl"
	recordingv1 "liveclip/proto/recording/v1"
)

func TestARoomOfCaptionsHasTheLinesThatLieBesideItsRecording(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "直播 50%#1.mp4", "the kitchen at home was quiet")
	srt := "1\n00:00:00,500 --> 00:00:01,200\n全場五折!只要九十九块九\n\n2\n00:00:01,000 --> 00:00:00,900\nonly ten left\n\n3\n00:00:02,000 --> 01:00:00,000\nto the end\n\n4\n05:00:00,000 --> 05:00:01,000\nnever\n"
	if err := os.WriteFile(strings.TrimSuffix(path, ".mp4")+".srt", []byte(srt), 0o600); err != nil {
		t.Fatal(err)
	}
	s := g.start(nil)
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: fileurl.Of(path), Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: "captions"}})
	events := g.await("closed", closedOf("file-1"))
	lines := said(events, "file-1")
	if len(lines) != 3 {
		t.Fatalf("lines %+v", lines)
	}
	if l := lines[0]; l.Text != "全场5折！只要¥99.9" || l.Heard != "全場五折!只要九十九块九" || l.Start != 500*time.Millisecond || l.End != 1200*time.Millisecond || l.Engine != "captions" || l.Language != "zh" || !l.Final {
		t.Errorf("line %+v", l)
	}
	if l := lines[2]; l.Text != "To the end" || l.End > time.Minute {
		t.Errorf("line %+v", l)
	}
	holdsPromise(t, events, "file-1")
}

func TestARoomOfCaptionsWithoutAnyIsRecordedAllTheSame(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "talk.mp4", "the kitchen at home was quiet")
	s := g.start(nil)
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: "file://" + path, Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: "captions"}})
	events := g.await("closed", closedOf("file-1"))
	if lines := said(events, "file-1"); len(lines) != 0 {
		t.Errorf("lines %+v", lines)
	}
	for _, e := range events {
		if p, ok := e.Payload.(domain.StreamProgress); ok && p.By == "asr" && p.Health[domain.SignalSpeech] != domain.HealthMissing {
			t.Errorf("speech is %v", p.Health)
		}
	}
}

// captionedFile has captions in its pictures.
func captionedFile(t *testing.T, seconds int, captions *ceatest.Captions) string {
	t.Helper()
	folder := t.TempDir()
	ffmpeg := func(args ...string) {
		t.Helper()
		cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
	}
	ffmpeg("-f", "lavfi", "-i", fmt.Sprintf("color=gray:s=128x96:r=%d:d=%d", ceatest.FrameRate, seconds), "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "30", "-x264-params", "aud=1", "plain.h264")
	plain, err := os.ReadFile(filepath.Join(folder, "plain.h264"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "written.h264"), captions.Inject(false, plain), 0o600); err != nil {
		t.Fatal(err)
	}
	ffmpeg("-framerate", strconv.Itoa(ceatest.FrameRate), "-i", "written.h264", "-f", "lavfi", "-i", fmt.Sprintf("sine=r=44100:d=%d", seconds), "-c:v", "copy", "-c:a", "aac", "captioned.flv")
	return filepath.Join(folder, "captioned.flv")
}

func TestCaptionsInAStreamAreItsLinesLiveAndArchived(t *testing.T) {
	captions := ceatest.New()
	captions.Pop(0, 0, 1500*time.Millisecond, 2500*time.Millisecond, "LAST THREE", "MINUTES")
	captions.Pop(0, 0, 3500*time.Millisecond, 0, "only ten left")
	path := captionedFile(t, 5, captions)
	s := newGround(t).start(nil)
	s.attach(domain.StreamState{Ref: ref("live"), Source: domain.SourcePush, Context: domain.Context{Engine: "captions"}})
	push := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-re", "-i", path, "-c", "copy", "-f", "flv", s.url("live", s.keys.PushKey(ref("live"))))
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = push.Wait() })
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: fileurl.Of(path), Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: "captions"}})
	s.await("live closed", closedOf("live"))
	events := s.await("file closed", closedOf("file-1"))
	for _, id := range []string{"live", "file-1"} {
		var got []string
		for _, l := range said(events, id) {
			got = append(got, fmt.Sprintf("%.1f-%.1f %s %q %q", l.Start.Seconds(), l.End.Seconds(), l.Engine, l.Text, l.Heard))
		}
		want := []string{`1.5-2.5 captions "Last 3 minutes" "LAST THREE MINUTES"`, `3.5-5.0 captions "Only 10 left" "only ten left"`}
		if !slices.Equal(got, want) {
			t.Errorf("%s: lines %q, want %q", id, got, want)
		}
		holdsPromise(t, events, id)
	}
	i := slices.IndexFunc(events, func(e event.Event) bool { return e.Stream == "live" && e.Broadcast != "" })
	_, err := s.service.lineServer.TakeLines(t.Context(), &recordingv1.TakeLinesRequest{Tenant: "default", Stream: "live", Broadcast: string(events[i].Broadcast)})
	if status.Code(err) != codes.NotFound {
		t.Errorf("a line for what is over: %v", err)
	}
}
