package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"liveclip/internal/child"
	mediav1 "liveclip/proto/media/v1"
)

// media is a starter of bin/liveclip-media under the shipped limits.
func (b *bench) media() (*child.Starter, error) {
	cfg := child.Defaults()
	cfg.Binary = filepath.Join(b.bin, "liveclip-media")
	return child.NewStarter(cfg, slog.New(slog.DiscardHandler))
}

// order gives a child its order and waits for its end.
func order(ctx context.Context, starter *child.Starter, mode child.Mode, o *mediav1.ToChild) error {
	process, err := starter.Start(ctx, mode, o)
	if err != nil {
		return err
	}
	defer process.Close()
	if err := process.CloseSend(); err != nil {
		return err
	}
	for {
		if _, err := process.Receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// cost is what do took, its children's processor time included.
func cost(do func() error) (wall, cpu time.Duration, err error) {
	used := func() time.Duration {
		var r syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	start, before := time.Now(), used()
	err = do()
	return time.Since(start), used() - before, err
}

// finishing measures a clip of 720p and 360p against one ffmpeg command with the same filters, rungs and encoder settings,
// in turns.
func (b *bench) finishing(ctx context.Context) error {
	const seconds, rounds = 20, 3
	source := filepath.Join(b.folder, "finish.mp4")
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30,noise=alls=8:allf=t", "-f", "lavfi", "-i", "sine=r=48000", "-t", fmt.Sprint(seconds),
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "superfast", "-b:v", "3M", "-g", "60", "-c:a", "aac", "-b:a", "128k", source); err != nil {
		return err
	}
	starter, err := b.media()
	if err != nil {
		return err
	}
	var ours, theirs, oursWall, theirsWall []float64
	for range rounds {
		wall, cpu, err := cost(func() error { return b.finishOurs(ctx, starter, source, seconds*time.Second) })
		if err != nil {
			return err
		}
		ours, oursWall = append(ours, cpu.Seconds()), append(oursWall, wall.Seconds())
		wall, cpu, err = cost(func() error { return b.finishTheirs(ctx, source) })
		if err != nil {
			return err
		}
		theirs, theirsWall = append(theirs, cpu.Seconds()), append(theirsWall, wall.Seconds())
	}
	a, t := quantile(ours, 0.5), quantile(theirs, 0.5)
	b.add("finishing 720p + 360p: CPU, against one ffmpeg command", a/t, "×", "≤ 1.1 ×")
	b.add("finishing 720p + 360p: CPU a second of clip", a/seconds, "core-s", "")
	b.add("the ffmpeg command: CPU a second of clip", t/seconds, "core-s", "")
	b.add("finishing 720p + 360p: wall time, against ffmpeg", quantile(oursWall, 0.5)/quantile(theirsWall, 0.5), "×", "")
	return nil
}

func (b *bench) finishOurs(ctx context.Context, starter *child.Starter, source string, length time.Duration) error {
	folder, err := os.MkdirTemp(b.folder, "clip-")
	if err != nil {
		return err
	}
	return order(ctx, starter, child.Finish, &mediav1.ToChild{Message: &mediav1.ToChild_Finish{Finish: &mediav1.FinishOrder{
		Folder: folder, FontFile: b.font, Watermark: "liveclip", Preset: "veryfast",
		Parts:    []*mediav1.FinishPart{{File: source, End: int64(length)}},
		Profiles: []*mediav1.FinishProfile{{Name: "720p", Width: 1280, Height: 720, Watermark: true}, {Name: "360p", Width: 640, Height: 360, Watermark: true}},
	}}})
}

// finishTheirs is the command: the watermark drawn on each rung, both encoded as finishing does.
func (b *bench) finishTheirs(ctx context.Context, source string) error {
	mark := func(size int) string {
		return fmt.Sprintf("drawtext=fontfile=%s:text=liveclip:fontsize=%d:fontcolor=white@0.6:borderw=1:bordercolor=black@0.6:x=w-tw-%d:y=%d", b.font, size, size, size)
	}
	encode := func(peak, name string) []string {
		return []string{"-map", "0:a", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "23", "-maxrate", peak, "-bufsize", peak, "-g", "60", "-forced-idr", "1",
			"-x264-params", "scenecut=0:open-gop=0:rc-lookahead=10:bframes=2", "-c:a", "aac", "-b:a", "128k",
			"-movflags", "frag_keyframe+delay_moov+default_base_moof+global_sidx", filepath.Join(b.folder, name)}
	}
	args := []string{"-i", source, "-filter_complex", "[0:v]split[a][b];[a]" + mark(32) + "[x];[b]scale=640:360," + mark(16) + "[y]", "-map", "[x]"}
	args = append(append(args, encode("2500k", "720p.mp4")...), "-map", "[y]")
	return ffmpeg(ctx, append(args, encode("880k", "360p.mp4")...)...)
}

func ffmpeg(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return nil
}
