package t2v

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/record"
	"liveclip/services/t2v/engines"
)

// ownEngine starts the project's engine with its tiny model on the CPU, where `make engine` has been run.
func ownEngine(t *testing.T, args ...string) engines.Config {
	t.Helper()
	python, err := filepath.Abs("engine/.venv/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Skip("needs the engine's virtual environment: make engine")
	}
	cmd := exec.Command(python, append([]string{"-m", "engine", "--listen", "127.0.0.1:0", "--threads", "1"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the engine ended with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the engine says nothing: %v", err)
	}
	cfg := engines.Config{Kind: engines.KindOwn, Address: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), Model: "tiny"}
	cfg = cfg.Over(engines.Defaults())
	cfg.Timeout, cfg.Idle = 5*time.Minute, 2*time.Minute
	return cfg
}

// ready waits until the engine says so.
func ready(t *testing.T, e engines.Engine) engines.Health {
	t.Helper()
	for ; ; time.Sleep(50 * time.Millisecond) {
		h, err := e.Health(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case h.Ready:
			return h
		case h.Reason != "reads its weights" && h.Reason != "runs its first forwards":
			t.Fatalf("never ready: %+v", h)
		}
	}
}

func TestTheProjectsOwnEngineMakesAShotOnTheCPU(t *testing.T) {
	cfg := ownEngine(t)
	e, err := engines.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if h := ready(t, e); !reflect.DeepEqual(h.Models, []string{"tiny"}) || h.Device != "cpu" {
		t.Errorf("health %+v", h)
	}

	s, bus, _ := newService(t, cfg, prober{})
	shot := dreamt
	shot.Prompt = "a red circle moving left"
	_, j := planned(t, s, shot, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	key := record.Shot("default", "c1", 1, 0)
	want := []domain.CutPart{{File: key, Generated: true}, {Window: footage.Window}}
	if cuts := bus.cuts(); len(cuts) != 1 || !reflect.DeepEqual(cuts[0].Parts, want) || cuts[0].Notes != nil {
		t.Fatalf("cuts %+v, want %+v", cuts, want)
	}
	r, _, err := s.store.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	file := filepath.Join(t.TempDir(), "shot.mp4")
	data, err := io.ReadAll(r)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	probed, err := prober{}.Probe(t.Context(), file)
	if err != nil || probed.GetParameters().GetVideoCodec() != "h264" || probed.GetDuration() != int64(2*time.Second) {
		t.Errorf("the shot is %v (%v), want 2 s of H.264", probed, err)
	}

	order := engines.Order{ID: "again", Prompt: shot.Prompt, Width: 128, Height: 128, Length: time.Second, Seed: 3, Tenant: "default"}
	for hit := range 2 {
		made, err := e.Generate(t.Context(), order, io.Discard)
		if err != nil || made.Frames != 16 || made.CacheHit != (hit == 1) {
			t.Errorf("order %d: made %+v, %v", hit, made, err)
		}
	}
	// Shots of one template begin from its opening, whatever is in them.
	order.Opening = engines.Opening{Key: "enthusiastic@1", Prompt: "a red circle"}
	for i, prompt := range []string{"a blue square", "a green triangle"} {
		order.Prompt = prompt
		made, err := e.Generate(t.Context(), order, io.Discard)
		if err != nil || made.Frames != 16 || made.CacheHit != (i == 1) {
			t.Errorf("order %d with an opening: made %+v, %v", i, made, err)
		}
	}
	order.Opening = engines.Opening{}
	order.Prompt = strings.Repeat("x", 100<<10)
	if _, err := e.Generate(t.Context(), order, io.Discard); engines.KindOf(err) != engines.Unfit {
		t.Errorf("a prompt of 100 KB: %v, want unfit", err)
	}
	order.Prompt, order.Deadline = "blue square", time.Now().Add(-time.Second)
	if _, err := e.Generate(t.Context(), order, io.Discard); engines.KindOf(err) != engines.Busy {
		t.Errorf("a deadline in the past: %v, want busy", err)
	}
	order.Deadline, order.Length = time.Time{}, 10*time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := e.Generate(ctx, order, after(cancel)); err == nil || ctx.Err() == nil {
		t.Errorf("a call that is given up: %v", err)
	}
	order.ID, order.Length = "next", time.Second
	if made, err := e.Generate(t.Context(), order, io.Discard); err != nil || made.Frames != 16 {
		t.Errorf("the order after one that was given up: %+v, %v", made, err)
	}
}

// after calls f at the first bytes.
type after func()

func (f after) Write(p []byte) (int, error) { f(); return len(p), nil }

func TestAnEngineWithoutItsModelSaysSo(t *testing.T) {
	cfg := ownEngine(t, "--model", t.TempDir())
	e, err := engines.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for {
		h, err := e.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(h.Reason, "model.json") && !h.Ready {
			break
		}
		if h.Ready {
			t.Fatalf("ready without a model: %+v", h)
		}
		time.Sleep(20 * time.Millisecond) // it is still beginning
	}
	if _, err := e.Generate(t.Context(), engines.Order{Prompt: "x", Width: 64, Height: 64, Length: time.Second}, io.Discard); engines.KindOf(err) != engines.Away {
		t.Errorf("generate without a model: %v, want away", err)
	}
}
