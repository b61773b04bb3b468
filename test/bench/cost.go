package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/demo"
	"liveclip/internal/opsclient"
)

// upProcess is a `liveclip up` under measurement.
type upProcess struct {
	command *exec.Cmd
	ops     *opsclient.Client
}

func (b *bench) startUp(ctx context.Context, more ...string) (*upProcess, error) {
	data, err := os.MkdirTemp(b.folder, "data-")
	if err != nil {
		return nil, err
	}
	const listen, rtmp, admin = "127.0.0.1:18080", "127.0.0.1:11935", "127.0.0.1:18081"
	up := &upProcess{command: exec.CommandContext(ctx, filepath.Join(b.bin, "liveclip"),
		append([]string{"up", "--data", data, "--listen", listen, "--rtmp", rtmp, "--admin", admin}, more...)...)}
	up.command.Stderr = os.Stderr
	up.command.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := up.command.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		if ready(ctx, "http://"+admin+"/readyz") {
			token, err := os.ReadFile(filepath.Join(data, "token"))
			up.ops = opsclient.New("http://"+listen, strings.TrimSpace(string(token)))
			return up, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	up.stop()
	return nil, fmt.Errorf("liveclip up was not ready within 30 s")
}

func ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (u *upProcess) stop() {
	_ = u.command.Process.Signal(unix.SIGTERM)
	_ = u.command.Wait()
}

// roomCost measures what one attached room adds, without a recogniser: memory (PSS, children counted) and CPU.
func (b *bench) roomCost(ctx context.Context) error {
	room, movie, err := b.makeRoom(ctx, 1)
	if err != nil {
		return err
	}
	up, err := b.startUp(ctx, "--asr.engine=none")
	if err != nil {
		return err
	}
	defer up.stop()
	const rooms = 4
	time.Sleep(3 * time.Second)
	before, cpuBefore := usage(up.command.Process.Pid)
	time.Sleep(10 * time.Second)
	_, cpuIdle := usage(up.command.Process.Pid)
	idle := (cpuIdle - cpuBefore).Seconds() / 10

	var pushes []*exec.Cmd
	for i := range rooms {
		show := &demo.Show{Room: room, Movie: movie, Stream: fmt.Sprintf("cost-%d", i), Ops: up.ops, Out: os.Stderr}
		address, err := show.Attach(ctx)
		if err != nil {
			return err
		}
		push := exec.CommandContext(ctx, "ffmpeg", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", movie, "-c", "copy", "-f", "flv", address)
		if err := push.Start(); err != nil {
			return err
		}
		pushes = append(pushes, push)
	}
	time.Sleep(15 * time.Second)
	_, start := usage(up.command.Process.Pid)
	time.Sleep(20 * time.Second)
	after, end := usage(up.command.Process.Pid)
	for _, push := range pushes {
		_ = push.Process.Kill()
		_ = push.Wait()
	}
	b.add("one more attached room, without recogniser: memory", float64(after-before)/rooms/1024, "MB PSS", "≤ 60 MB")
	b.add("one more attached room, without recogniser: CPU", ((end-start).Seconds()/20-idle)/rooms*100, "% of a core", "≤ 5 %")
	b.add("up with no room: memory", float64(before)/1024, "MB PSS", "")
	return nil
}

// usage gives the PSS in KiB and the CPU time of a process and all below it.
func usage(pid int) (pss int64, cpu time.Duration) {
	for _, p := range tree(pid) {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p)); err == nil {
			lines := bufio.NewScanner(strings.NewReader(string(text)))
			for lines.Scan() {
				if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
					kib, _ := strconv.ParseInt(fields[1], 10, 64)
					pss += kib
				}
			}
		}
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p)); err == nil {
			fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
			user, _ := strconv.ParseInt(fields[11], 10, 64)
			system, _ := strconv.ParseInt(fields[12], 10, 64)
			cpu += time.Duration(user+system) * 10 * time.Millisecond // 100 ticks a second
		}
	}
	return pss, cpu
}

func tree(pid int) []int {
	all := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, tree(child)...)
			}
		}
	}
	return all
}

// batchSpeed measures a batch over a recording made of sample rooms: two with moments, the others with ordinary talk only.
func (b *bench) batchSpeed(ctx context.Context) error {
	var list strings.Builder
	length, moments := time.Duration(0), 0
	for seed := uint64(100); length < time.Duration(b.minutes)*time.Minute; seed++ {
		room := demo.NewRoom(seed)
		if seed > 101 {
			room.Script = slices.DeleteFunc(room.Script, func(s demo.Sentence) bool { return s.Moment != "" })
		}
		moments += len(room.Moments())
		movie, err := b.synthesise(ctx, &room, seed)
		if err != nil {
			return err
		}
		length += room.Length
		fmt.Fprintf(&list, "file '%s'\n", movie)
	}
	names, recording := filepath.Join(b.folder, "list.txt"), filepath.Join(b.folder, "recording.mp4")
	if err := os.WriteFile(names, []byte(list.String()), 0o600); err != nil {
		return err
	}
	join := exec.CommandContext(ctx, "ffmpeg", "-loglevel", "error", "-y", "-f", "concat", "-safe", "0", "-i", names, "-t", fmt.Sprint(b.minutes*60), "-c", "copy", recording)
	if out, err := join.CombinedOutput(); err != nil {
		return fmt.Errorf("join the rooms: %w: %s", err, out)
	}
	start := time.Now()
	batch := exec.CommandContext(ctx, filepath.Join(b.bin, "liveclip"), "batch", recording, "--out", filepath.Join(b.folder, "clips"))
	batch.Stdout, batch.Stderr = os.Stderr, os.Stderr
	if err := batch.Run(); err != nil {
		return err
	}
	b.add(fmt.Sprintf("batch over %d min of 720p with %d moments", b.minutes, moments), float64(b.minutes)*60/time.Since(start).Seconds(), "× real time", "≥ 8 ×")
	return nil
}
