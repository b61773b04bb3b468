package t2v

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"liveclip/internal/note"
)

// Who may say a template's line.
const (
	voiceNone   = "none"
	voiceAuto   = "auto" // whichever is installed and speaks the language
	voiceEspeak = "espeak-ng"
	voiceFlite  = "flite"
)

var voices = []string{voiceNone, voiceAuto, voiceEspeak, voiceFlite}

func knownVoice(v string) bool { return slices.Contains(voices, v) }

const (
	voiceTime = 5 * time.Second // for one line
	voiceLead = 350 * time.Millisecond
	// A shot grows for a line that is longer, by steps, so that its base is found again.
	lengthStep = 500 * time.Millisecond
	maxGrowth  = 3 * time.Second
)

// voice gives the file of what is said in a shot, empty for nothing, and the shot's length.
func (d *Drawer) voice(ctx context.Context, t Template, w Drawing, fields map[string]string, file string, out *Drawn) (string, time.Duration, error) {
	length := w.Length
	if length <= 0 {
		length = t.Length
	}
	if given := firstOf(w.Voice, d.cfg.Draw.VoiceFiles[t.Name]); given != "" {
		return given, length, nil
	}
	line := t.Voice.In(w.Fields["language"])
	if own := cleanText(w.Fields["voice"]); own != "" {
		line = own
	} else {
		line = tidyLine(expand(line, fields))
	}
	if d.cfg.Draw.Voice == voiceNone || line == "" {
		return "", length, nil
	}
	program, err := speechProgram(d.cfg.Draw.Voice, w.Fields["language"])
	if err != nil {
		out.Notes = append(out.Notes, note.NoVoice.Say(err))
		return "", length, nil //nolint:nilerr // an opening without its voice is an opening
	}
	said, err := synthesise(ctx, program, line, w.Fields["language"], file)
	switch {
	case ctx.Err() != nil:
		return "", 0, ctx.Err()
	case err != nil:
		out.Notes = append(out.Notes, note.NoVoice.Say(err))
		return "", length, nil //nolint:nilerr // an opening without its voice is an opening
	}
	out.Synthesised = true
	if need := voiceLead + said + 150*time.Millisecond; need > length {
		length = min(length+maxGrowth, (need+lengthStep-1)/lengthStep*lengthStep)
	}
	return file, length, nil
}

// tidyLine takes away what is left of a line around a field that was empty.
func tidyLine(line string) string {
	for _, pair := range []string{"，，", "，！", "，。", ", ,", ", !", "：。", ": ."} {
		last := []rune(pair)
		line = strings.ReplaceAll(line, pair, string(last[len(last)-1]))
	}
	return strings.Trim(line, " ,，:：")
}

// speechProgram is the program that says a line in a language.
func speechProgram(wanted, language string) (string, error) {
	able := []string{voiceEspeak, voiceFlite}
	if language != "en" {
		able = able[:1] // flite speaks English only
	}
	if language == "en" && wanted == voiceAuto {
		able = []string{voiceFlite, voiceEspeak} // flite's English is the better one
	}
	for _, name := range able {
		if wanted != voiceAuto && wanted != name {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if wanted == voiceFlite && language != "en" {
		return "", errors.New("flite does not speak Chinese")
	}
	return "", fmt.Errorf("%s is not installed", strings.Join(able, " or "))
}

// synthesise writes a line as a WAV file and tells its length. The line goes in as a file or on standard input, never as an argument.
func synthesise(ctx context.Context, program, line, language, file string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, voiceTime)
	defer cancel()
	var command *exec.Cmd
	if strings.HasSuffix(program, voiceFlite) {
		text := file + ".txt"
		if err := os.WriteFile(text, []byte(line), 0o600); err != nil {
			return 0, err
		}
		defer os.Remove(text)
		command = exec.CommandContext(ctx, program, "-voice", "slt", "-f", text, "-o", file)
	} else {
		tongue, pace := "cmn", "250"
		if language == "en" {
			tongue, pace = "en-us", "165"
		}
		command = exec.CommandContext(ctx, program, "-v", tongue, "-s", pace, "-w", file, "--stdin")
		command.Stdin = strings.NewReader(line)
	}
	if out, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %.200s", voiceName(program), err, out)
	}
	return wavLength(file)
}

func voiceName(program string) string {
	if strings.HasSuffix(program, voiceFlite) {
		return voiceFlite
	}
	return voiceEspeak
}

// wavLength reads how long a WAV file of 16-bit mono sound is.
func wavLength(file string) (time.Duration, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, 44)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:4]) != "RIFF" || string(head[8:12]) != "WAVE" {
		return 0, errors.New("the voice gave no WAV file")
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	perSecond := int64(binary.LittleEndian.Uint32(head[28:]))
	if perSecond < 8000 || perSecond > 1<<20 {
		return 0, errors.New("the voice gave no WAV file")
	}
	return time.Duration(info.Size()-44) * time.Second / time.Duration(perSecond), nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
