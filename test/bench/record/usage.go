package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process took over a length of time, once it was under way.
type usage struct {
	cpu    time.Duration
	length time.Duration
	pss    float64 // MB, at the end
}

func (u usage) perMinute() float64 { return u.cpu.Seconds() / u.length.Minutes() }

// settle is not measured: opening, and reading the stream's head.
const settle = 3 * time.Second

func watch(ctx context.Context, pid int, length time.Duration) usage {
	wait := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	wait(settle)
	before, began := cpuOf(pid), time.Now()
	wait(length - settle)
	return usage{cpu: cpuOf(pid) - before, length: time.Since(began), pss: pssOf(pid)}
}

// cpuOf is to the nanosecond, unlike /proc/pid/stat.
func cpuOf(pid int) (cpu time.Duration) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if err != nil {
			continue
		}
		ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		cpu += time.Duration(ns)
	}
	return cpu
}

func pssOf(pid int) float64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}
