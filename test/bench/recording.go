package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
)

// recording takes the figures of test/bench/record, which holds a recorder against the ffmpeg command that does the same.
func (b *bench) recording(ctx context.Context) error {
	out := filepath.Join(b.folder, "record.json")
	command := exec.CommandContext(ctx, "go", "run", "./test/bench/record", "--bin", b.bin, "--length", "10s", "--rounds", "2", "--json", out)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	var r struct {
		FFmpeg float64 `json:"ffmpeg_cpu_s_per_room_minute"`
		Ours   float64 `json:"liveclip_cpu_s_per_room_minute"`
		Ratio  float64 `json:"ratio"`
		PSS    float64 `json:"liveclip_pss_mb"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	b.add("record 1080p30 6 Mbit/s + decode sound: CPU, against the ffmpeg command", r.Ratio, "×", "≤ 1.05 ×")
	b.add("record: CPU a room-minute", r.Ours, "core-s", "")
	b.add("the ffmpeg command: CPU a room-minute", r.FFmpeg, "core-s", "")
	b.add("record: memory a room", r.PSS, "MB PSS", "≤ 30 MB")
	return nil
}
