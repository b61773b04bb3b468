package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
)

// listSources spells out folders; a name that is neither file, folder nor URL stays, and fails when its turn comes.
func listSources(given []string) ([]string, error) {
	var sources []string
	for _, source := range given {
		info, err := os.Stat(source)
		if err != nil || !info.IsDir() {
			sources = append(sources, source)
			continue
		}
		var found []string
		err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && isRecording(path) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read folder %s: %w", source, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("folder %s: holds no recording", source)
		}
		slices.Sort(found)
		sources = append(sources, found...)
	}
	return sources, nil
}

func isRecording(path string) bool {
	return slices.Contains([]string{".mp4", ".m4v", ".mov", ".flv", ".ts", ".mkv", ".webm", ".m4s", ".aac", ".adts", ".mp3", ".m4a", ".wav"}, strings.ToLower(filepath.Ext(path)))
}

// identify gives a source's URL and the stream ID it has in a batch: a hash of its content, or of a URL's text.
func identify(source string) (url string, id domain.StreamID, err error) {
	sum := sha256.New()
	if strings.Contains(source, "://") {
		sum.Write([]byte(source))
		url = source
	} else {
		file, err := os.Open(source)
		if err != nil {
			return "", "", err
		}
		defer file.Close()
		if _, err := io.Copy(sum, file); err != nil {
			return "", "", fmt.Errorf("read %s: %w", source, err)
		}
		path, err := filepath.Abs(source)
		if err != nil {
			return "", "", err
		}
		url = fileurl.Of(path)
	}
	return url, domain.StreamID("file-" + hex.EncodeToString(sum.Sum(nil)[:8])), nil
}
