package child_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/child"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// helperVar makes the test binary a parent that can be killed: see TestAChildNeverOutlivesItsParent.
const helperVar = "LIVECLIP_CHILD_TEST_BINARY"

// panicVar makes it a child that panics over its order.
const panicVar = "CHILD_TEST_PANIC"

func TestMain(m *testing.M) {
	if binary := os.Getenv(helperVar); binary != "" {
		parent(binary)
		return
	}
	if os.Getenv(panicVar) != "" {
		panics()
	}
	os.Exit(m.Run())
}

func panics() {
	for range 500 {
		go func() { select {} }()
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	fmt.Fprintln(os.Stderr, "a last word")
	panic("over its order")
}

// parent starts a child that waits for a push, prints its process ID, and waits to be killed.
func parent(binary string) {
	cfg := child.Defaults()
	cfg.Binary = binary
	s, err := child.NewStarter(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	p, err := s.Start(context.Background(), child.Record, waiting())
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Pid())
	select {}
}

// waiting is an order that keeps a child waiting for a push.
func waiting() *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_Record{Record: &mediav1.RecordOrder{IdleTimeout: int64(time.Minute)}}}
}

func probeOrder(path string) *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_Probe{Probe: &mediav1.ProbeOrder{Url: path, AllowedSchemes: []string{"file"}}}}
}

func tone(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tone.flv")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=2:r=44100", "-c:a", "aac", path).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}

func start(t *testing.T, ctx context.Context, mode child.Mode, order *mediav1.ToChild) *child.Process {
	t.Helper()
	p, err := childtest.Starter(t).Start(ctx, mode, order)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestAChildAnswersItsOrderAndEnds(t *testing.T) {
	p := start(t, t.Context(), child.Probe, probeOrder(tone(t)))
	m, err := p.Receive()
	if err != nil || m.GetProbed().GetParameters().GetAudioCodec() != "aac" {
		t.Fatalf("answer %v, error %v", m, err)
	}
	if m, err = p.Receive(); err != nil || m.GetDone() == nil {
		t.Fatalf("after the answer: %v, error %v; want Done", m, err)
	}
	for range 2 {
		if _, err = p.Receive(); !errors.Is(err, io.EOF) {
			t.Fatalf("after Done: %v, want EOF", err)
		}
	}
}

func TestAFailureKeepsItsSort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.mp4")
	p := start(t, t.Context(), child.Probe, probeOrder(path))
	_, err := p.Receive()
	if !domain.IsPermanent(err) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want a permanent one that names the file", err)
	}
	if _, again := p.Receive(); !errors.Is(again, err) {
		t.Errorf("then %v, want the same again", again)
	}
}

func TestAnOrderOfAnotherModeIsRefused(t *testing.T) {
	_, err := start(t, t.Context(), child.Record, probeOrder("x")).Receive()
	if !domain.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestACrashIsATemporaryErrorThatNamesTheSignal(t *testing.T) {
	p := start(t, t.Context(), child.Record, waiting())
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := p.Receive()
	if err == nil || domain.IsPermanent(err) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("error %v", err)
	}
}

func TestACrashTellsWhatItsFaultWasAndNoRegisters(t *testing.T) {
	p := start(t, t.Context(), child.Record, waiting())
	waitFor(t, "the child to handle signals", func() bool { return catches(p.Pid(), syscall.SIGABRT) })
	if err := unix.Tgkill(p.Pid(), p.Pid(), syscall.SIGABRT); err != nil { // as abort() in C; the runtime tells of faults on its own threads only
		t.Fatal(err)
	}
	_, err := p.Receive()
	if err == nil || domain.IsPermanent(err) || !strings.Contains(err.Error(), "exit status 2: SIGABRT: abort\ngoroutine ") || strings.Contains(err.Error(), "=0x") || len(err.Error()) > 2000 {
		t.Errorf("error %v", err)
	}
}

func TestAPanicAmongManyGoroutinesTellsWhereItWas(t *testing.T) {
	t.Setenv(panicVar, "yes")
	cfg := child.Defaults()
	var err error
	if cfg.Binary, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	s, err := child.NewStarter(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Start(t.Context(), child.Record, waiting())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = p.Receive()
	if err == nil || !strings.Contains(err.Error(), "a last word\npanic: over its order") || !strings.Contains(err.Error(), "child_test.panics /") ||
		strings.Contains(err.Error(), "gopark") || len(err.Error()) > 2000 {
		t.Errorf("error %v", err)
	}
}

func TestCancellingKillsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(t, ctx, child.Record, waiting())
	cancel()
	if _, err := p.Receive(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
	gone(t, p.Pid())
}

func TestClosingKillsTheChild(t *testing.T) {
	p := start(t, t.Context(), child.Record, waiting())
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, p.Pid())
}

// gone waits until no process has the ID: the child was waited for.
func gone(t *testing.T, pid int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("process %d to end", pid), func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// catches: the process has a handler for the signal.
func catches(pid int, s syscall.Signal) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), "SigCgt:")
	mask, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	return err == nil && mask>>(s-1)&1 == 1
}

// zombie: ended, and its parent (init, perhaps slow) has not asked yet.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(b, []byte(") Z "))
}

func TestAChildNeverOutlivesItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVar+"="+childtest.Binary(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the child does not run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, pid)
}

func TestTheEndOfAPushEndsTheRecording(t *testing.T) {
	data, err := os.ReadFile(tone(t))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, t.Context(), child.Record, &mediav1.ToChild{Message: &mediav1.ToChild_Record{Record: &mediav1.RecordOrder{Pcm: true}}})
	go func() {
		for len(data) > 0 {
			n := min(1000, len(data))
			if err := p.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Data: data[:n]}}}); err != nil {
				t.Error(err)
				return
			}
			data = data[n:]
		}
		if err := p.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	seen := map[string]int{}
	for {
		m, err := p.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprintf("%T", m.Message)]++
	}
	if seen["*mediav1.FromChild_Parameters"] != 1 || seen["*mediav1.FromChild_Part"] < 4 || seen["*mediav1.FromChild_Pcm"] < 19 || seen["*mediav1.FromChild_Done"] != 1 {
		t.Errorf("messages %v", seen)
	}
}

func TestAMissingBinaryIsNamed(t *testing.T) {
	_, err := child.NewStarter(child.Config{Binary: "/nowhere/liveclip-media"}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "/nowhere/liveclip-media") {
		t.Errorf("error %v", err)
	}
}

func TestWrongSettingsAreAllNamed(t *testing.T) {
	cfg := child.Defaults()
	cfg.Nice, cfg.Limits.Finish.Memory, cfg.Limits.Record.Wall = 30, 1000, -1
	want := []string{
		"media.limits.record.wall: must be 0 (no bound) or at least 1s, is -1ns",
		"media.limits.finish.memory: must be 0 (no bound) or at least 536870912, is 1000",
		"media.nice: must be 0 to 19, is 30",
	}
	if got := cfg.Faults(); !slices.Equal(got, want) {
		t.Errorf("faults %q", got)
	}
	if faults := child.Defaults().Faults(); len(faults) > 0 {
		t.Errorf("the defaults have faults: %q", faults)
	}
}
