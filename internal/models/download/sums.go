package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sumsName is a file of hashes as sha256sum writes them: those of downloads that nobody knew before.
const sumsName = "downloads.sha256"

func readSums(folder string) (map[string]string, error) {
	sums := map[string]string{}
	data, err := os.ReadFile(filepath.Join(folder, sumsName))
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read recorded hashes: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || len(sum) != 64 || !sumForm.MatchString(sum) {
			return nil, fmt.Errorf("read recorded hashes: %s has a line %.80q", filepath.Join(folder, sumsName), line)
		}
		sums[name] = sum
	}
	return sums, nil
}

func writeSums(folder string, sums map[string]string) error {
	var lines []string
	for name, sum := range sums {
		lines = append(lines, sum+"  "+name+"\n")
	}
	slices.Sort(lines)
	path := filepath.Join(folder, sumsName)
	if err := os.WriteFile(path+".new", []byte(strings.Join(lines, "")), 0o644); err != nil {
		return fmt.Errorf("record a hash: %w", err)
	}
	return os.Rename(path+".new", path)
}
