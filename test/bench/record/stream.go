package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// stream is an FLV recording that is served live, over and over.
type stream struct {
	head []byte // header, and the tags of codec parameters
	tags []tag
	loop uint32 // ms
}

type tag struct {
	at   uint32 // ms
	data []byte
}

const streamSeconds = 12

// makeStream encodes 1080p30 at 6 Mbit/s with AAC.
func makeStream(ctx context.Context, folder string) (*stream, error) {
	path := filepath.Join(folder, "room.flv")
	length := fmt.Sprint(streamSeconds)
	command := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y",
		"-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30,noise=alls=20:allf=t", "-f", "lavfi", "-i", "anoisesrc=a=0.1:r=48000,aformat=channel_layouts=stereo", "-t", length,
		"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "60", "-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", "6M",
		"-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k", path)
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make stream: %w: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(b)
}

func parse(b []byte) (*stream, error) {
	if len(b) < 13 || !bytes.HasPrefix(b, []byte("FLV")) {
		return nil, fmt.Errorf("not FLV")
	}
	s := &stream{head: bytes.Clone(b[:13]), loop: streamSeconds * 1000}
	for b = b[13:]; len(b) > 15; {
		size := 11 + int(binary.BigEndian.Uint32(append([]byte{0}, b[1:4]...))) + 4
		if size > len(b) {
			break
		}
		t := tag{at: binary.BigEndian.Uint32(append([]byte{b[7]}, b[4:7]...)), data: b[:size]}
		// Metadata and codec parameters go first, once.
		if b[0] == 18 || b[0] == 9 && b[12] == 0 || b[0] == 8 && b[12] == 0 {
			s.head = append(s.head, t.data...)
		} else {
			s.tags = append(s.tags, t)
		}
		b = b[size:]
	}
	return s, nil
}

// serve sends the stream at its own pace until ctx ends.
func (s *stream) serve(ctx context.Context, w http.ResponseWriter) {
	w.Header().Set("Content-Type", "video/x-flv")
	if _, err := w.Write(s.head); err != nil {
		return
	}
	flush := http.NewResponseController(w)
	began := time.Now()
	for round := uint32(0); ; round++ {
		for _, t := range s.tags {
			at := round*s.loop + t.at
			if ahead := time.Duration(at)*time.Millisecond - time.Since(began); ahead > 0 {
				if flush.Flush() != nil {
					return
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(ahead):
				}
			}
			data := bytes.Clone(t.data)
			data[4], data[5], data[6], data[7] = byte(at>>16), byte(at>>8), byte(at), byte(at>>24)
			if _, err := w.Write(data); err != nil {
				return
			}
		}
	}
}
