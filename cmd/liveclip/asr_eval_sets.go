package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"liveclip/internal/domain"
)

// items are all recordings to measure on.
func (c asrEvalCommand) items(ctx context.Context) ([]recordingItem, error) {
	var all []recordingItem
	for _, dir := range c.Dirs {
		of, err := folderItems(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if c.Corpus != "" {
		of, err := indexItems(c.Corpus)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if c.Synthetic {
		of, err := spokenItems(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if len(all) == 0 && !c.Keywords {
		return nil, errors.New("nothing to measure on: name a folder, or --synthetic")
	}
	return all, nil
}

// mostText bounds a reference, in bytes.
const mostText = 1 << 20

// folderItems are the recordings of a folder that have a text beside them.
func folderItems(dir string) ([]recordingItem, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []recordingItem
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if e.IsDir() || slices.Contains([]string{".txt", ".json", ".md", ".yaml"}, filepath.Ext(e.Name())) {
			continue
		}
		said, err := readBounded(filepath.Join(dir, name+".txt"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		words, err := wordTimes(filepath.Join(dir, name+".words.json"))
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, e.Name())
		all = append(all, recordingItem{Set: filepath.Base(filepath.Clean(dir)), Name: e.Name(), Said: strings.TrimSpace(string(said)), words: words,
			language: languageOf(string(said)), sound: func(ctx context.Context) ([]byte, error) { return soundOf(ctx, "-i", path) }})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no recording with a text beside it (NAME.wav, NAME.txt)", dir)
	}
	return all, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostText {
		return nil, fmt.Errorf("%s: is longer than %d bytes", path, mostText)
	}
	return os.ReadFile(path)
}

// wordTimes reads [{"text", "start_s", "end_s"}]; a time that is left out is not known.
func wordTimes(path string) ([]domain.Word, error) {
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var read []struct {
		Text  string   `json:"text"`
		Start *float64 `json:"start_s"`
		End   *float64 `json:"end_s"`
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at := func(s *float64) time.Duration {
		if s == nil {
			return -1
		}
		return time.Duration(*s * float64(time.Second))
	}
	words := make([]domain.Word, len(read))
	for i, w := range read {
		words[i] = domain.Word{Text: w.Text, Start: at(w.Start), End: at(w.End)}
	}
	return words, nil
}

func languageOf(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return "zh"
	}
	return "en"
}

// indexItems reads the rows "| path | what | text |" of a folder's INDEX.md whose paths are recordings. A path may leave something
// out ("speech/TEST_…wav"); a row of which there is no recording, or several, is an error: its text would be measured
// against another, or against none.
func indexItems(dir string) ([]recordingItem, error) {
	path := filepath.Join(dir, "INDEX.md")
	index, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	var all []recordingItem
	var faults []error
	for line := range strings.Lines(string(index)) {
		name, said, ok := indexRow(line)
		if !ok {
			continue
		}
		found, err := elided(dir, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			continue
		}
		all = append(all, recordingItem{Set: "corpus " + languageOf(said), Name: filepath.Base(found), Said: said, language: languageOf(said),
			sound: func(ctx context.Context) ([]byte, error) { return soundOf(ctx, "-i", found) }})
	}
	if len(all) == 0 && faults == nil {
		return nil, fmt.Errorf("%s: names no recording with a text", path)
	}
	return all, errors.Join(faults...)
}

// recordings are the endings of files with sound alone, as an index names them.
var recordings = []string{"wav", "flac", "mp3", "m4a", "ogg", "opus"}

// indexRow is a row that gives a recording's text.
func indexRow(line string) (name, said string, ok bool) {
	cells := strings.Split(line, "|")
	if len(cells) < 4 {
		return "", "", false
	}
	name, said = strings.Trim(strings.TrimSpace(cells[1]), "`"), strings.TrimSpace(cells[3])
	ok = said != "" && slices.ContainsFunc(recordings, func(ending string) bool {
		rest, cut := strings.CutSuffix(strings.ToLower(name), ending)
		return cut && (strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "…"))
	})
	return name, said, ok
}

// elided is the one file within a folder whose name is the given one, in which "…" or "..." stands for anything.
func elided(dir, name string) (string, error) {
	if name = filepath.FromSlash(strings.ReplaceAll(name, "...", "…")); !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q lies outside the folder", name)
	}
	parts := strings.Split(filepath.Base(name), "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	pattern, err := regexp.Compile("^" + strings.Join(parts, ".*") + "$")
	if err != nil {
		return "", fmt.Errorf("%q is no name: %w", name, err)
	}
	folder := filepath.Join(dir, filepath.Dir(name))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		if !e.IsDir() && pattern.MatchString(e.Name()) {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%q is the name of %d files there", name, len(found))
	}
	return found[0], nil
}

// soundOf has ffmpeg give an input's sound as recognisers hear it: 16 kHz, mono, 16 bits.
func soundOf(ctx context.Context, input ...string) ([]byte, error) {
	var said bytes.Buffer
	command := exec.CommandContext(ctx, "ffmpeg", append(append([]string{"-v", "error", "-nostdin"}, input...), "-ar", "16000", "-ac", "1", "-f", "s16le", "-")...)
	command.Stderr = &said
	sound, err := command.Output()
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("read sound: %w: %.200s", err, first)
	}
	if len(sound) == 0 {
		return nil, errors.New("read sound: there is none")
	}
	return sound, nil
}
