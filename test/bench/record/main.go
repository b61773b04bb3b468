// Command record measures what recording a room costs beside the ffmpeg command that does the same: both read one live stream
// at once (1080p30, 6 Mbit/s, AAC), copy it into segments and decode its sound to 16 kHz mono. It prints a table and writes
// JSON. CPU is of the recording processes; liveclip's also measures loudness and guesses scene cuts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/child"
	mediav1 "liveclip/proto/media/v1"
)

type result struct {
	FFmpeg   float64 `json:"ffmpeg_cpu_s_per_room_minute"`
	Ours     float64 `json:"liveclip_cpu_s_per_room_minute"`
	Ratio    float64 `json:"ratio"`
	PSS      float64 `json:"liveclip_pss_mb"`
	FFmpegMB float64 `json:"ffmpeg_pss_mb"`
}

func main() {
	bin := flag.String("bin", "bin", "folder of liveclip-media")
	length := flag.Duration("length", 20*time.Second, "of one round")
	rounds := flag.Int("rounds", 4, "alternating in which of both starts first")
	out := flag.String("json", "bench-record.json", "file to write the figures to")
	flag.Parse()
	if err := run(context.Background(), *bin, *length, *rounds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string, length time.Duration, rounds int, out string) error {
	folder, err := os.MkdirTemp("", "liveclip-bench-record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	stream, err := makeStream(ctx, folder)
	if err != nil {
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stream.serve(r.Context(), w) }))
	defer server.Close()
	starter, err := child.NewStarter(child.Config{Binary: filepath.Join(bin, "liveclip-media")}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var ours, ffmpeg []usage
	for n := range rounds {
		address := server.URL + "/room.flv"
		var a, b usage
		group, ctx := errgroup.WithContext(ctx)
		first, second := func() (err error) { a, err = recordOurs(ctx, starter, address, length); return },
			func() (err error) { b, err = recordFFmpeg(ctx, folder, address, length); return }
		if n%2 == 1 {
			first, second = second, first
		}
		group.Go(first)
		time.Sleep(time.Second)
		group.Go(second)
		if err := group.Wait(); err != nil {
			return err
		}
		ours, ffmpeg = append(ours, a), append(ffmpeg, b)
		fmt.Printf("round %d: ffmpeg %.3f, liveclip-media %.3f CPU-seconds a room-minute: %.2f ×\n", n+1, b.perMinute(), a.perMinute(), a.perMinute()/b.perMinute())
	}
	r := result{FFmpeg: mean(ffmpeg), Ours: mean(ours)}
	r.Ratio = r.Ours / r.FFmpeg
	if r.PSS, err = memory(func() (usage, error) { return recordOurs(ctx, starter, server.URL+"/room.flv", memoryFor) }); err != nil {
		return err
	}
	if r.FFmpegMB, err = memory(func() (usage, error) { return recordFFmpeg(ctx, folder, server.URL+"/room.flv", memoryFor) }); err != nil {
		return err
	}
	fmt.Printf("\nrecord and decode sound, 1080p30 6 Mbit/s; memory: of each of %d rooms\n  ffmpeg          %.3f CPU-s a room-minute   %.1f MB PSS\n  liveclip-media  %.3f CPU-s a room-minute   %.1f MB PSS   (≤ 30)\n  ratio           %.2f   (≤ 1.05)\n", rooms, r.FFmpeg, r.FFmpegMB, r.Ours, r.PSS, r.Ratio)
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(body, '\n'), 0o644)
}

const (
	rooms     = 6
	memoryFor = 10 * time.Second
)

// memory is the PSS of one of several rooms that are recorded at once.
func memory(record func() (usage, error)) (float64, error) {
	group := new(errgroup.Group)
	each := make([]usage, rooms)
	for n := range rooms {
		group.Go(func() (err error) { each[n], err = record(); return })
	}
	err := group.Wait()
	var sum float64
	for _, u := range each {
		sum += u.pss
	}
	return sum / rooms, err
}

func mean(all []usage) float64 {
	var sum float64
	for _, u := range all {
		sum += u.perMinute()
	}
	return sum / float64(len(all))
}

// recordOurs runs a recorder as the asr service does, and throws away what it sends.
func recordOurs(ctx context.Context, starter *child.Starter, address string, length time.Duration) (usage, error) {
	process, err := starter.Start(ctx, child.Record, &mediav1.ToChild{Message: &mediav1.ToChild_Record{Record: &mediav1.RecordOrder{
		Url: address, AllowedSchemes: []string{"http"}, PartLength: int64(250 * time.Millisecond), Pcm: true}}})
	if err != nil {
		return usage{}, err
	}
	defer process.Close()
	received := make(chan error, 1)
	go func() {
		for {
			if _, err := process.Receive(); err != nil {
				received <- err
				return
			}
		}
	}()
	u := watch(ctx, process.Pid(), length)
	if err := process.CloseSend(); err != nil {
		return u, err
	}
	if err := <-received; !errors.Is(err, io.EOF) {
		return u, err
	}
	return u, nil
}

// recordFFmpeg is what people run today.
func recordFFmpeg(ctx context.Context, folder, address string, length time.Duration) (usage, error) {
	command := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", address,
		"-map", "0", "-c", "copy", "-f", "segment", "-segment_time", "6", filepath.Join(folder, fmt.Sprintf("segment-%d-%%05d.mp4", time.Now().UnixNano())),
		"-map", "0:a", "-ar", "16000", "-ac", "1", "-f", "s16le", "/dev/null")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return usage{}, err
	}
	u := watch(ctx, command.Process.Pid, length)
	_ = command.Process.Kill()
	_ = command.Wait() // killed
	return u, nil
}
