package child

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// Limits bound one child of a mode. Zero: no bound. A child that exceeds one ends, with an error that names the limit.
type Limits struct {
	// The kernel holds these. Memory is what the process may write to (RLIMIT_DATA): of the address space (RLIMIT_AS) Go and
	// FFmpeg's threads reserve a multiple of what they use, and a cgroup is not this process's to make.
	Memory int64 `koanf:"memory"` // bytes
	Files  int64 `koanf:"files"`  // open descriptors
	Output int64 `koanf:"output"` // bytes of one written file
	// The parent watches these.
	CPU  time.Duration `koanf:"cpu"`  // processor time from one answer to the next: it may work long, but not without a word
	Wall time.Duration `koanf:"wall"` // from the order to the end
	// The parent counts what it sends, the child looks at what it opens.
	Input   int64 `koanf:"input"`   // bytes
	Pixels  int64 `koanf:"pixels"`  // of one picture
	Streams int64 `koanf:"streams"` // in one container
}

// ModeLimits are the limits of every mode.
type ModeLimits struct {
	Record    Limits `koanf:"record"`
	Recognise Limits `koanf:"recognise"`
	Finish    Limits `koanf:"finish"`
	Copy      Limits `koanf:"copy"`
	Render    Limits `koanf:"render"`
	Probe     Limits `koanf:"probe"`
	Look      Limits `koanf:"look"`
}

// 4096 pixels square hold 4K in either orientation. 256 GiB are a day at 20 Mbit/s.
const (
	pixels4K = 4096 * 4096
	longFile = 256 << 30
)

// defaultLimits leave an honest room far below them. Recording and recognising last as long as the room is on air; what is
// decoded there is sound.
func defaultLimits() ModeLimits {
	return ModeLimits{
		Record:    Limits{Memory: 1 << 30, Files: 256, Output: 1 << 30, CPU: 2 * time.Minute, Input: longFile, Pixels: pixels4K, Streams: 64},
		Recognise: Limits{Memory: 3 << 30, Files: 256, Output: 1 << 20, CPU: 5 * time.Minute},
		// An encoder takes memory for every core: 4 GiB are for 1080p on 64 of them.
		Finish: Limits{Memory: 4 << 30, Files: 512, Output: 16 << 30, CPU: 10 * time.Minute, Wall: 2 * time.Hour, Input: 16 << 30, Pixels: pixels4K, Streams: 64},
		Copy:   Limits{Memory: 4 << 30, Files: 256, Output: 16 << 30, CPU: 10 * time.Minute, Wall: time.Hour, Input: longFile, Pixels: pixels4K, Streams: 64},
		Render: Limits{Memory: 4 << 30, Files: 256, Output: 1 << 30, CPU: 10 * time.Minute, Wall: 10 * time.Minute, Input: 1 << 30, Pixels: pixels4K, Streams: 64},
		Look:   Limits{Memory: 2 << 30, Files: 256, Output: 1 << 20, CPU: 2 * time.Minute, Wall: 5 * time.Minute, Input: 1 << 30, Pixels: pixels4K, Streams: 64},
		Probe:  Limits{Memory: 1 << 30, Files: 256, Output: 1 << 20, CPU: 30 * time.Second, Wall: time.Minute, Input: longFile, Pixels: pixels4K, Streams: 64},
	}
}

func (m ModeLimits) of(mode Mode) Limits {
	switch mode {
	case Record:
		return m.Record
	case Recognise:
		return m.Recognise
	case Finish:
		return m.Finish
	case Copy:
		return m.Copy
	case Render:
		return m.Render
	case Look:
		return m.Look
	}
	return m.Probe
}

// least is what a child needs to start at all.
var least = map[string]int64{"memory": 512 << 20, "files": 32, "cpu": int64(time.Second), "wall": int64(time.Second), "pixels": 1 << 16, "streams": 1}

func (m ModeLimits) faults() []string {
	var faults []string
	modes := reflect.ValueOf(m)
	for i := range modes.NumField() {
		of := modes.Field(i)
		for j := range of.NumField() {
			name, value := of.Type().Field(j).Tag.Get("koanf"), of.Field(j)
			if value.Int() < 0 || value.Int() > 0 && value.Int() < least[name] {
				floor := reflect.ValueOf(least[name]).Convert(value.Type()) // a duration reads as one
				faults = append(faults, fmt.Sprintf("%s: must be 0 (no bound) or at least %v, is %v",
					limitName(Mode(modes.Type().Field(i).Tag.Get("koanf")), name), floor, value))
			}
		}
	}
	return faults
}

func limitName(mode Mode, limit string) string {
	name := "media.limits." + string(mode)
	if limit != "" {
		name += "." + limit
	}
	return name
}

// input is what the child looks at itself.
func (l Limits) input(mode Mode) *mediav1.Limits {
	return &mediav1.Limits{Name: limitName(mode, ""), Pixels: l.Pixels, Streams: l.Streams, Input: l.Input}
}

// apply gives the kernel its part.
func (l Limits) apply(pid int) error {
	var errs []error
	for resource, limit := range map[int]int64{unix.RLIMIT_DATA: l.Memory, unix.RLIMIT_NOFILE: l.Files, unix.RLIMIT_FSIZE: l.Output} {
		if limit <= 0 {
			continue
		}
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, err)
		}
	}
	core := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil) // what is in its memory is private
	if core != nil && !errors.Is(core, unix.ESRCH) {
		errs = append(errs, core)
	}
	return errors.Join(errs...)
}

// signs are what a process says, or FFmpeg in it, when the kernel refuses it something.
var signs = []struct{ said, limit string }{
	{"annot allocate memory", "memory"}, {"out of memory", "memory"}, {"malloc of size", "memory"}, {"failed to create new OS thread", "memory"}, {"pthread_create failed", "memory"},
	{"oo many open files", "files"}, {"epollcreate failed with 24", "files"}, {"cannot open shared object file: Error 24", "files"},
	{"ile too large", "output"}, {"file size limit exceeded", "output"},
}

// named says which limit a child's words tell of; nil: none.
func (l Limits) named(mode Mode, words string) *Exceeded {
	value := map[string]int64{"memory": l.Memory, "files": l.Files, "output": l.Output}
	for _, s := range signs {
		if value[s.limit] > 0 && strings.Contains(words, s.said) {
			return l.exceeded(mode, s.limit, fmt.Sprint(value[s.limit]))
		}
	}
	return nil
}

// suspected: native code that did not expect a refusal of memory crashes on it, without a word.
func (l Limits) suspected(mode Mode, ended *os.ProcessState) *Exceeded {
	status, _ := ended.Sys().(syscall.WaitStatus)
	usage, _ := ended.SysUsage().(*syscall.Rusage)
	fault := status.Signal() == syscall.SIGSEGV || status.Signal() == syscall.SIGABRT // -1: no signal ended it
	if !fault || usage == nil || l.Memory <= 0 || usage.Maxrss<<10 < l.Memory/2 {
		return nil
	}
	return l.exceeded(mode, "memory", fmt.Sprint(l.Memory))
}

// feed looks at how many bytes of input were sent.
func (l Limits) feed(mode Mode, sent int64) error {
	// What a live source sends has no end; the child passes it on.
	if mode == Record || l.Input == 0 || sent <= l.Input {
		return nil
	}
	return domain.Permanent(l.exceeded(mode, "input", fmt.Sprint(l.Input)))
}

// look is how often a child is looked at.
const look = 500 * time.Millisecond

// watch ends a child that takes too long, or too much of a processor without a word.
func (p *Process) watch() {
	if p.limits.CPU == 0 && p.limits.Wall == 0 {
		return
	}
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	began, answers, base := time.Now(), int64(0), processorTime(p.Pid())
	for {
		select {
		case <-p.exited:
			return
		case <-ticks.C:
		}
		used := processorTime(p.Pid())
		if n := p.answers.Load(); n != answers {
			answers, base = n, used
		}
		switch {
		case p.limits.CPU > 0 && used-base > p.limits.CPU:
			p.exceed("cpu", p.limits.CPU)
		case p.limits.Wall > 0 && time.Since(began) > p.limits.Wall:
			p.exceed("wall", p.limits.Wall)
		}
	}
}

func (p *Process) exceed(limit string, value time.Duration) {
	p.exceeded.CompareAndSwap(nil, p.limits.exceeded(p.mode, limit, value.String()))
	_ = p.cmd.Process.Kill()
}

// processorTime is what a process has used; 0 when it is gone.
func processorTime(pid int) time.Duration {
	var used unix.Timespec
	// The clock of a process, as clock_getcpuclockid makes it.
	if err := unix.ClockGettime(int32(^pid<<3|2), &used); err != nil { //nolint:gosec // a process ID has 22 bits
		return 0
	}
	return time.Duration(used.Nano())
}

func (l Limits) exceeded(mode Mode, limit, value string) *Exceeded {
	return &Exceeded{Limit: limitName(mode, limit), Value: value}
}

// Exceeded ends a child that went beyond one of its limits.
type Exceeded struct {
	Limit string // the setting
	Value string // what it is set to
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s: the limit of %s was exceeded", e.Limit, e.Value)
}

// ProcessorTime is what the child used so far; 0 when it has ended.
func (p *Process) ProcessorTime() time.Duration { return processorTime(p.Pid()) }
