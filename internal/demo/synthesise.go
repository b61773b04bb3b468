package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	sampleRate    = 16000
	keyframeEvery = 2 * time.Second
)

// Synthesise speaks and draws the room into an FLV file (H.264 720p30, AAC) with the ffmpeg command, and settles the times
// of its script. font is a font file that knows Chinese.
func (r *Room) Synthesise(ctx context.Context, seed uint64, folder, font string) (string, error) {
	speech := make([][]byte, len(r.Script))
	for i, s := range r.Script {
		pcm, err := r.speak(ctx, s.Text)
		if err != nil {
			return "", err
		}
		speech[i] = pcm
		r.Script[i].Length = time.Duration(len(pcm)/2) * time.Second / sampleRate
	}
	r.place(rand.New(rand.NewPCG(seed, 1)))
	sound := filepath.Join(folder, "room.s16le")
	if err := os.WriteFile(sound, r.mix(speech), 0o600); err != nil {
		return "", fmt.Errorf("write the room's sound: %w", err)
	}
	defer os.Remove(sound)
	out := filepath.Join(folder, "room.flv")
	return out, r.draw(ctx, sound, font, out)
}

// speak gives a sentence's sound, 16-bit samples at sampleRate.
func (r *Room) speak(ctx context.Context, text string) ([]byte, error) {
	if r.Language == mandarin.language {
		return SpeakMandarin(ctx, r.Voice, 172, text)
	}
	return ffmpeg(ctx, nil, "-f", "lavfi", "-i", fmt.Sprintf("flite=text='%s':voice=%s", text, r.Voice),
		"-ar", fmt.Sprint(sampleRate), "-ac", "1", "-f", "s16le", "-")
}

// ErrNoVoice is a machine without espeak-ng.
var ErrNoVoice = errors.New("espeak-ng, which speaks Mandarin, is not installed (make setup installs it)")

// SpeakMandarin says Chinese characters with a variant of espeak-ng's voice, at so many words a minute; 16-bit samples, mono,
// 16 kHz. The voice is not espeak-ng's cmn: version 1.51 spells every syllable of that one in English letters.
func SpeakMandarin(ctx context.Context, variant string, speed int, text string) ([]byte, error) {
	command := exec.CommandContext(ctx, "espeak-ng", "-v", "cmn-latn-pinyin+"+variant, "-s", fmt.Sprint(speed), "--stdout", text)
	var wave, problems bytes.Buffer
	command.Stdout, command.Stderr = &wave, &problems
	err := command.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, ErrNoVoice
	case err != nil:
		return nil, fmt.Errorf("speak %q: %w: %s", text, err, bytes.TrimSpace(problems.Bytes()))
	}
	return ffmpeg(ctx, &wave, "-f", "wav", "-ignore_length", "1", "-i", "-", "-ar", fmt.Sprint(sampleRate), "-ac", "1", "-f", "s16le", "-")
}

// mix lays the sentences on their times, over a very low noise floor.
func (r *Room) mix(speech [][]byte) []byte {
	sound := make([]byte, int(r.Length.Seconds()*sampleRate)*2)
	floor := rand.New(rand.NewPCG(7, 7))
	for i := 0; i < len(sound); i += 2 {
		binary.LittleEndian.PutUint16(sound[i:], uint16(int16(floor.IntN(17)-8)))
	}
	for i, s := range r.Script {
		copy(sound[int(s.Start.Seconds()*sampleRate)*2:], speech[i])
	}
	return sound
}

func (r *Room) draw(ctx context.Context, sound, font, out string) error {
	text := func(content string, size int, x, y, more string) string {
		return fmt.Sprintf("drawtext=fontfile=%s:text='%s':fontsize=%d:fontcolor=white:x=%s:y=%s%s", font, content, size, x, y, more)
	}
	seconds, keyframes := fmt.Sprintf("%.3f", r.Length.Seconds()), fmt.Sprint(30*int(keyframeEvery/time.Second))
	shop := r.Shop()
	falls := shop[len(shop)-1].At.Seconds()
	// The still background is drawn once and repeated: drawing it for every frame would take longer than the encoder does.
	picture := "gradients=s=1280x720:r=30:d=0.04:n=2:c0=0x3b1c55:c1=0xc9404f:x0=0:y0=0:x1=1280:y1=720:seed=3,trim=end_frame=1,format=yuv420p," +
		"drawbox=x=800:y=120:w=400:h=440:color=white@0.16:t=fill," +
		"loop=loop=-1:size=1,setpts=N/30/TB[room];color=c=0xffd27a:s=280x220:r=30[goods];" +
		"[room][goods]overlay=x='860+50*sin(2*t)':y='180+40*cos(1.3*t)':shortest=1," +
		text(r.Product, 40, "820", "450", "") + "," +
		text(r.Price, 64, "820", "495", fmt.Sprintf(":fontcolor=0xffe08a:enable='lt(t,%.3f)'", falls)) + "," +
		text(r.Now, 64, "820", "495", fmt.Sprintf(":fontcolor=0xffe08a:enable='gte(t,%.3f)'", falls)) + "," +
		text("LIVE 直播间", 36, "48", "40", ":box=1:boxcolor=red@0.8:boxborderw=12") + "," +
		text("%{pts\\:hms}", 44, "48", "640", "") + "," +
		text(r.Host, 44, "48", "120", "")
	_, err := ffmpeg(ctx, nil, "-f", "lavfi", "-i", picture,
		"-f", "s16le", "-ar", fmt.Sprint(sampleRate), "-ac", "1", "-i", sound,
		"-t", seconds, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", keyframes, "-keyint_min", keyframes,
		"-b:v", "2500k", "-maxrate", "3000k", "-bufsize", "3000k",
		"-c:a", "aac", "-ar", "44100", "-b:a", "96k", "-f", "flv", "-y", out)
	return err
}

// ffmpeg runs the command on an input and gives its standard output.
func ffmpeg(ctx context.Context, in io.Reader, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)
	command.Stdin = in
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("run ffmpeg: %w: %s", err, bytes.TrimSpace(problems.Bytes()))
	}
	return out.Bytes(), nil
}
