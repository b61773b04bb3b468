package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// script has wrk ask for ranges from a list made beforehand: making them costs wrk more than nginx takes to answer.
const script = `
local requests, n = {}, 0
init = function()
	math.randomseed(7)
	for i = 1, 4096 do
		local first = math.random(0, %d - %d)
		requests[i] = "GET %s HTTP/1.1\r\nHost: bench\r\nRange: bytes=" .. first .. "-" .. (first + %d - 1) .. "\r\n\r\n"
	end
end
request = function() n = n %% 4096 + 1; return requests[n] end
done = function(s, latency)
	local e = s.errors
	print("FIGURES", s.requests, s.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout, s.bytes)
end`

// load is what wrk saw.
type load struct {
	requests, rate, bytes float64
}

var figures = regexp.MustCompile(`FIGURES\t(\S+)\t(\S+)\t(\S+)\t(\S+)\t(\S+)`)

func wrk(ctx context.Context, address, target string, size int, length time.Duration) (load, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("liveclip-bench-%d-%d.lua", os.Getpid(), size))
	if err := os.WriteFile(path, fmt.Appendf(nil, script, filmSize, size, target, size), 0o600); err != nil {
		return load{}, err
	}
	defer func() { _ = os.Remove(path) }()
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c32", "-d"+strconv.FormatFloat(length.Seconds(), 'f', -1, 64)+"s", "-s", path, "http://"+address+"/").CombinedOutput()
	found := figures.FindSubmatch(out)
	if err != nil || found == nil {
		return load{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	number := func(i int) float64 { n, _ := strconv.ParseFloat(string(found[i]), 64); return n }
	if number(4) > 0 {
		return load{}, fmt.Errorf("wrk: %g answers failed\n%s", number(4), out)
	}
	return load{number(1), number(1) / (number(2) / 1e6), number(5)}, nil
}

// speed is requests a second and CPU time per gigabyte.
func (b *bench) speed(ctx context.Context) error {
	for _, size := range b.sizes {
		reach := "≥ 1.0"
		if size < 64<<10 {
			reach = "≥ 0.7"
		}
		if _, err := wrk(ctx, b.ours.address, b.ours.target, size, time.Second); err != nil { // as nginx was, when its port was chosen
			return err
		}
		ours, theirs, err := b.turns(b.rounds, func(s *server) ([]float64, error) {
			before := s.cpu()
			got, err := wrk(ctx, s.at(size), s.target, size, b.each)
			return []float64{got.rate, (s.cpu() - before) / got.bytes * 1e9}, err
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d KiB ranges", size>>10)
		b.add(name, "requests/s", ours[0], theirs[0], reach)
		b.add(name+", CPU", "s/GB", ours[1], theirs[1], map[bool]string{true: "≤ 1.1", false: ""}[size >= 64<<10])
	}
	return nil
}

// firstBytes is the 99th percentile of the time to the first byte that a viewer sees beside the load.
func (b *bench) firstBytes(ctx context.Context) error {
	const size = 64 << 10
	ours, theirs, err := b.turns(2, func(s *server) ([]float64, error) {
		loaded := make(chan error, 1)
		go func() { _, err := wrk(ctx, s.at(size), s.target, size, b.each); loaded <- err }()
		var took []float64
		for began := time.Now(); time.Since(began) < b.each-200*time.Millisecond; {
			one, err := firstByte(s, size)
			if err != nil {
				return nil, err
			}
			took = append(took, one...)
		}
		return []float64{quantile(took, 0.99) * 1000, quantile(took, 0.5) * 1000}, <-loaded
	})
	if err != nil {
		return err
	}
	b.add("first byte beside 32 loading connections, p99", "ms", ours[0], theirs[0], "≤ 2")
	b.add("first byte beside 32 loading connections, median", "ms", ours[1], theirs[1], "")
	return nil
}

// firstByte times some requests on a connection of their own.
func firstByte(s *server, size int) ([]float64, error) {
	conn, err := net.Dial("tcp", s.at(size))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	var took []float64
	for range 10 {
		first := rand.IntN(filmSize - size)
		began := time.Now()
		if err := ask(conn, s.target, fmt.Sprintf("bytes=%d-%d", first, first+size-1)); err != nil {
			return nil, err
		}
		if _, err := in.Peek(1); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds())
		if err := readAnswer(in, size); err != nil {
			return nil, err
		}
	}
	return took, nil
}

func ask(conn net.Conn, target, ranges string) error {
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\nRange: %s\r\n\r\n", target, ranges)
	return err
}

func readAnswer(in *bufio.Reader, size int) error {
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if n, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusPartialContent || int(n) != size {
		return fmt.Errorf("answered %s, %d bytes of %d, %w", r.Status, n, size, err)
	}
	return nil
}

// calls counts sendfile under load, as strace sees it, per answer.
func (b *bench) calls(ctx context.Context) error {
	const size = 64 << 10
	ours, theirs, err := b.turns(1, func(s *server) ([]float64, error) {
		seen := filepath.Join(b.folder, "strace")
		arguments := []string{"-f", "-c", "-e", "trace=sendfile,openat,read,write,sendto,writev,pread64", "-o", seen}
		for _, pid := range s.processes() {
			arguments = append(arguments, "-p", strconv.Itoa(pid))
		}
		watch := exec.CommandContext(ctx, "strace", arguments...)
		if err := watch.Start(); err != nil {
			return nil, err
		}
		time.Sleep(300 * time.Millisecond) // until it is attached
		got, err := wrk(ctx, s.at(size), s.target, size, time.Second)
		_ = watch.Process.Signal(unix.SIGINT)
		_ = watch.Wait()
		text, _ := os.ReadFile(seen)
		count := func(call string) float64 {
			for line := range strings.Lines(string(text)) {
				if f := strings.Fields(line); len(f) >= 5 && f[len(f)-1] == call {
					n, _ := strconv.ParseFloat(f[3], 64)
					return n
				}
			}
			return 0
		}
		return []float64{count("sendfile"), got.requests, count("openat")}, err
	})
	if err != nil {
		return err
	}
	b.add("sendfile calls by strace, per answer of 64 KiB", "", ours[0]/ours[1], theirs[0]/theirs[1], "")
	b.add("opened files beside them", "", ours[2], theirs[2], "")
	return nil
}

// leaving is what a server had sent, by its own account, beyond what a client that leaves had read of an open-ended answer.
func (b *bench) leaving(context.Context) error {
	const viewers = 9
	ours, theirs, err := b.turns(1, func(s *server) ([]float64, error) {
		beyond := make([]float64, viewers)
		for i := range beyond {
			read := 500_000 + i*500_000/(viewers-1)
			before, err := s.accounted()
			if err != nil {
				return nil, err
			}
			if err := leave(s, read); err != nil {
				return nil, err
			}
			after := before
			for deadline := time.Now().Add(10 * time.Second); after == before && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if after, err = s.accounted(); err != nil {
					return nil, err
				}
			}
			beyond[i] = (after - before - float64(read)) / 1e6
		}
		return []float64{quantile(beyond, 0.5), quantile(beyond, 1)}, nil
	})
	if err != nil {
		return err
	}
	b.add("sent beyond what was read, of bytes=0- left after 0.5–1 MB, median", "MB", ours[0], theirs[0], "≤ 0.3 MB")
	b.add("sent beyond what was read, worst", "MB", ours[1], theirs[1], "")
	return nil
}

// accounted is how many bytes of bodies the server says it sent so far.
func (s *server) accounted() (sum float64, err error) {
	if s.admin == "" {
		text, err := os.ReadFile(s.log)
		for line := range strings.Lines(string(text)) {
			n, _ := strconv.ParseFloat(strings.TrimSpace(line), 64)
			sum += n
		}
		return sum, err
	}
	r, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "liveclip_vod_sent_bytes_total "); ok {
			sum, _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return sum, err
}

// leave reads so many bytes as they come, and leaves with what lies in its kernel.
func leave(s *server, read int) error {
	conn, err := net.Dial("tcp", s.patient())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := ask(conn, s.target, "bytes=0-"); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, conn, int64(read)); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond) // as a player takes it to notice
	return nil
}

// waiting is the memory of a server while many connections wait for their next request.
func (b *bench) waiting(context.Context) error {
	ours, theirs, err := b.turns(1, func(s *server) ([]float64, error) {
		before := s.memory()
		conns := make([]net.Conn, 0, b.idle)
		defer func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}()
		for range b.idle {
			conn, err := net.Dial("tcp", s.address)
			if err != nil {
				return nil, err
			}
			conns = append(conns, conn)
			if err := ask(conn, s.target, "bytes=0-1023"); err != nil {
				return nil, err
			}
			if err := readAnswer(bufio.NewReaderSize(conn, 4096), 1024); err != nil {
				return nil, err
			}
		}
		time.Sleep(time.Second)
		after := s.memory()
		return []float64{after, after - before}, nil
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("memory with %d connections waiting", b.idle)
	b.add(name, "MB", ours[0], theirs[0], "≤ 200 MB")
	b.add(name+", more than without", "MB", ours[1], theirs[1], "")
	return nil
}
