package child_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	"liveclip/internal/font"
	"liveclip/internal/motion"
	mediav1 "liveclip/proto/media/v1"
)

func limited(t *testing.T, limits child.ModeLimits) *child.Starter {
	t.Helper()
	s, err := child.NewStarter(child.Config{Binary: childtest.Binary(t), Limits: limits}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// made is a file that ffmpeg makes.
func made(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("ffmpeg", append(append([]string{"-v", "error"}, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}

func finishOrder(t *testing.T, file string, side int64) *mediav1.ToChild {
	t.Helper()
	path, err := font.Find()
	if err != nil {
		t.Fatal(err)
	}
	return &mediav1.ToChild{Message: &mediav1.ToChild_Finish{Finish: &mediav1.FinishOrder{
		Folder: t.TempDir(), FontFile: path, Preset: "ultrafast",
		Parts:    []*mediav1.FinishPart{{File: file, End: int64(time.Second)}},
		Profiles: []*mediav1.FinishProfile{{Name: "p", Width: side, Height: side}},
	}}}
}

// last gives how a child ended.
func last(p *child.Process) error {
	for {
		if _, err := p.Receive(); err != nil {
			return err
		}
	}
}

func TestAChildThatExceedsALimitEndsWithAnErrorThatNamesIt(t *testing.T) {
	small := made(t, "small.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=320x180", "-f", "lavfi", "-i", "sine=d=1",
		"-map", "0:v", "-map", "1:a", "-map", "1:a", "-preset", "ultrafast")
	large := made(t, "large.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=3840x2160:r=5", "-preset", "ultrafast")
	scene, err := json.Marshal(motion.Scene{Width: 1920, Height: 1080, FrameRate: 60, Length: time.Minute,
		Base: []motion.Layer{{Kind: motion.KindRays, Box: motion.Box{0, 0, 100, 100}, Speed: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	endless := &mediav1.ToChild{Message: &mediav1.ToChild_Render{Render: &mediav1.RenderOrder{
		Base: filepath.Join(t.TempDir(), "base.mp4"), Out: filepath.Join(t.TempDir(), "out.mp4"), Scene: scene,
		FontFile: finishOrder(t, "", 16).GetFinish().FontFile}}}
	for _, test := range []struct {
		limit  string
		mode   child.Mode
		limits child.ModeLimits
		order  *mediav1.ToChild
		passes bool // the same order may be tried again
	}{
		{"finish.memory", child.Finish, child.ModeLimits{Finish: child.Limits{Memory: 256 << 20}}, finishOrder(t, large, 4096), false},
		{"finish.output", child.Finish, child.ModeLimits{Finish: child.Limits{Output: 4 << 10}}, finishOrder(t, small, 320), false},
		{"finish.pixels", child.Finish, child.ModeLimits{Finish: child.Limits{Pixels: 1 << 16}}, finishOrder(t, large, 320), false},
		{"finish.streams", child.Finish, child.ModeLimits{Finish: child.Limits{Streams: 2}}, finishOrder(t, small, 320), false},
		{"finish.input", child.Finish, child.ModeLimits{Finish: child.Limits{Input: 1000}}, finishOrder(t, small, 320), false},
		{"probe.files", child.Probe, child.ModeLimits{Probe: child.Limits{Files: 6}}, probeOrder(small), false},
		{"probe.pixels", child.Probe, child.ModeLimits{Probe: child.Limits{Pixels: 1 << 16}}, probeOrder(large), false},
		{"probe.streams", child.Probe, child.ModeLimits{Probe: child.Limits{Streams: 2}}, probeOrder(small), false},
		{"probe.input", child.Probe, child.ModeLimits{Probe: child.Limits{Input: 1000}}, probeOrder(small), false},
		{"render.cpu", child.Render, child.ModeLimits{Render: child.Limits{CPU: time.Second}}, endless, false},
		{"render.wall", child.Render, child.ModeLimits{Render: child.Limits{Wall: time.Second}}, endless, false},
		{"record.wall", child.Record, child.ModeLimits{Record: child.Limits{Wall: time.Second}}, waiting(), true},
	} {
		t.Run(test.limit, func(t *testing.T) {
			t.Parallel()
			p, err := limited(t, test.limits).Start(t.Context(), test.mode, test.order)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if test.mode != child.Record { // it would end by that
				if err := p.CloseSend(); err != nil {
					t.Fatal(err)
				}
			}
			err = last(p)
			if err == nil || !strings.Contains(err.Error(), "media.limits."+test.limit+":") || domain.IsPermanent(err) == test.passes {
				t.Errorf("error %v, permanent %v", err, domain.IsPermanent(err))
			}
		})
	}
}

func TestInputBeyondItsLimitIsNotSent(t *testing.T) {
	p, err := limited(t, child.ModeLimits{Finish: child.Limits{Input: 1000}}).Start(t.Context(), child.Finish, finishOrder(t, "", 320))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	send := func(n int) error {
		return p.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Data: make([]byte, n)}}})
	}
	if err := send(1000); err != nil {
		t.Error(err)
	}
	if err := send(1); !domain.IsPermanent(err) || !strings.Contains(err.Error(), "media.limits.finish.input") {
		t.Errorf("error %v", err)
	}
}

func TestAWellBehavedChildKeepsWithinTheShippedLimits(t *testing.T) {
	p, err := limited(t, child.Defaults().Limits).Start(t.Context(), child.Finish,
		finishOrder(t, made(t, "full.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=1920x1080:r=5", "-preset", "ultrafast"), 1920))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(limits)), " ")
	for _, want := range []string{"Max data size 4294967296 4294967296", "Max open files 512 512", "Max core file size 0 0"} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q in\n%s", want, limits)
		}
	}
	if err := p.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := last(p); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestAChildStartedAheadTakesTheNextOrderOfItsMode(t *testing.T) {
	s := limited(t, child.Defaults().Limits)
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() { defer close(kept); s.KeepWarm(ctx, child.Probe) }()
	var ahead int
	waitFor(t, "a child to wait", func() bool { ahead = waitingChild(t); return ahead != 0 })
	path := tone(t)
	for want := range 2 { // the second one was started when the first was taken
		if want == 1 {
			waitFor(t, "another child to wait", func() bool { ahead = waitingChild(t); return ahead != 0 })
		}
		var p *child.Process
		waitFor(t, "the one that waits", func() bool { // it is offered a moment after it was started
			var err error
			if p, err = s.Start(t.Context(), child.Probe, probeOrder(path)); err != nil {
				t.Fatal(err)
			}
			if p.Pid() == ahead {
				return true
			}
			_ = p.Close()
			return false
		})
		if m, err := p.Receive(); err != nil || m.GetProbed().GetParameters().GetAudioCodec() != "aac" {
			t.Fatalf("answer %v, error %v", m, err)
		}
		_ = p.Close()
	}
	waitFor(t, "a third child to wait", func() bool { ahead = waitingChild(t); return ahead != 0 })
	cancel()
	<-kept
	gone(t, ahead)
}

// waitingChild is a probe child of this process that reads its standard input; 0: none.
func waitingChild(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", syscall.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range tasks {
		more, _ := os.ReadFile(path)
		text = append(append(text, ' '), more...)
	}
	for _, field := range strings.Fields(string(text)) {
		args, _ := os.ReadFile("/proc/" + field + "/cmdline")
		var pid int
		if _, err := fmt.Sscan(field, &pid); err == nil && strings.Contains(string(args), "\x00probe\x00") && !zombie(pid) {
			return pid
		}
	}
	return 0
}

func TestAChildThatDiedWaitingIsNotHandedOver(t *testing.T) {
	s := limited(t, child.Defaults().Limits)
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() { defer close(kept); s.KeepWarm(ctx, child.Probe) }()
	defer func() { cancel(); <-kept }()
	var ahead int
	waitFor(t, "a child to wait", func() bool { ahead = waitingChild(t); return ahead != 0 })
	if err := syscall.Kill(ahead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, ahead)
	p, err := s.Start(t.Context(), child.Probe, probeOrder(tone(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if m, err := p.Receive(); err != nil || m.GetProbed() == nil {
		t.Errorf("answer %v, error %v", m, err)
	}
}
