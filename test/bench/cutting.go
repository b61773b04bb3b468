package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"liveclip/internal/child"
	mediav1 "liveclip/proto/media/v1"
)

// cutting measures lossless cuts of ten seconds out of an hour of 720p against `ffmpeg -ss -t -c copy`, in turns: one whose
// ends fall on keyframes, and one in the middle of two groups, which ffmpeg's does not cut exactly.
func (b *bench) cutting(ctx context.Context) error {
	const rounds, group = 7, 2 * time.Second
	hour, err := b.hour(ctx, group)
	if err != nil {
		return err
	}
	starter, err := b.media()
	if err != nil {
		return err
	}
	encode := filepath.Join(b.folder, "group.mp4")
	walls := map[string][]float64{}
	for range rounds {
		for _, c := range []struct {
			name string
			do   func() error
		}{
			{"aligned", func() error { return b.cutOurs(ctx, starter, hour, 1800*time.Second) }},
			{"ffmpeg aligned", func() error { return b.cutTheirs(ctx, hour, 1800*time.Second) }},
			{"between", func() error { return b.cutOurs(ctx, starter, hour, 1801*time.Second+100*time.Millisecond) }},
			{"ffmpeg between", func() error { return b.cutTheirs(ctx, hour, 1801*time.Second+100*time.Millisecond) }},
			{"group", func() error {
				return ffmpeg(ctx, "-ss", "1800", "-t", fmt.Sprint(group.Seconds()), "-i", hour, "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "17", encode)
			}},
		} {
			wall, _, err := cost(c.do)
			if err != nil {
				return err
			}
			walls[c.name] = append(walls[c.name], wall.Seconds())
		}
	}
	median := func(name string) float64 { return quantile(walls[name], 0.5) }
	b.add("lossless cut on keyframes: wall time, against ffmpeg -c copy", median("aligned")/median("ffmpeg aligned"), "×", "≤ 3 ×")
	b.add("lossless cut on keyframes: wall time", median("aligned"), "s", "")
	b.add("lossless cut between keyframes: wall time", median("between"), "s", fmt.Sprintf("≤ %.3g s", 3*median("ffmpeg between")+2*median("group")))
	b.add("encoding one group with ffmpeg: wall time", median("group"), "s", "")
	return nil
}

// hour makes an hour of 720p with a keyframe a group, at whole multiples of it: the sound is no longer than the picture, or
// every minute would begin later.
func (b *bench) hour(ctx context.Context, group time.Duration) (string, error) {
	minute, hour := filepath.Join(b.folder, "minute.mp4"), filepath.Join(b.folder, "hour.mp4")
	err := ffmpeg(ctx, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30,noise=alls=4:allf=t", "-f", "lavfi", "-i", "sine=r=48000:d=59.9", "-t", "60", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "3M", "-bf", "2", "-g", fmt.Sprint(int(30*group.Seconds())), "-c:a", "aac", minute)
	if err == nil {
		err = ffmpeg(ctx, "-stream_loop", "59", "-i", minute, "-c", "copy", "-movflags", "faststart", hour)
	}
	return hour, err
}

func (b *bench) cutOurs(ctx context.Context, starter *child.Starter, source string, at time.Duration) error {
	folder, err := os.MkdirTemp(b.folder, "cut-")
	if err != nil {
		return err
	}
	return order(ctx, starter, child.Copy, &mediav1.ToChild{Message: &mediav1.ToChild_Copy{Copy: &mediav1.CopyOrder{
		Folder: folder, Part: &mediav1.FinishPart{File: source, Start: int64(at), End: int64(at + 10*time.Second)},
	}}})
}

func (b *bench) cutTheirs(ctx context.Context, source string, at time.Duration) error {
	return ffmpeg(ctx, "-ss", fmt.Sprint(at.Seconds()), "-t", "10", "-i", source, "-c", "copy", filepath.Join(b.folder, "copied.mp4"))
}
