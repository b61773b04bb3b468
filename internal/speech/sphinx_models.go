package speech

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"liveclip/internal/domain"
)

// Sphinx is PocketSphinx's name in orders.
const Sphinx = "pocketsphinx"

func newResult(words []domain.Word) Result {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	return Result{Text: strings.Join(texts, " "), Words: words}
}

// clean gives the word as written, lower-case: without the number of its pronunciation; empty for silence and noise.
func clean(word string) string {
	if strings.HasPrefix(word, "<") || strings.HasPrefix(word, "[") || strings.HasPrefix(word, "++") {
		return ""
	}
	if i := strings.IndexByte(word, '('); i >= 0 {
		word = word[:i]
	}
	return strings.ToLower(word)
}

// Models are the files a recogniser needs.
type Models struct {
	Acoustic   string // folder
	Language   string // file
	Dictionary string // file
}

// searched are the folders in which distributions put the English models.
var searched = []string{"/usr/share/pocketsphinx/model/en-us", "/usr/local/share/pocketsphinx/model/en-us"}

// FindModels takes the options "acoustic", "language" and "dictionary" (paths), or "models" (a folder laid out as the
// distribution's), or searches where distributions put them. Other options are an error.
func FindModels(options map[string]string) (Models, error) {
	folders := searched
	var m Models
	for name, value := range options {
		switch name {
		case "models":
			folders = []string{value}
		case "acoustic":
			m.Acoustic = value
		case "language":
			m.Language = value
		case "dictionary":
			m.Dictionary = value
		default:
			return Models{}, domain.Permanent(fmt.Errorf("find speech models: option %q is unknown", name))
		}
	}
	for _, folder := range folders {
		found := Models{filepath.Join(folder, "en-us"), filepath.Join(folder, "en-us.lm.bin"), filepath.Join(folder, "cmudict-en-us.dict")}
		found = Models{cmp.Or(m.Acoustic, found.Acoustic), cmp.Or(m.Language, found.Language), cmp.Or(m.Dictionary, found.Dictionary)}
		if found.check() == nil {
			return found, nil
		}
	}
	if m.Acoustic != "" && m.Language != "" && m.Dictionary != "" {
		return Models{}, m.check()
	}
	return Models{}, domain.Permanent(fmt.Errorf("find speech models: no English model in %s (Debian: apt-get install pocketsphinx-en-us)", strings.Join(folders, ", ")))
}

// check keeps the library from ending the process over a missing file.
func (m Models) check() error {
	for _, path := range []string{filepath.Join(m.Acoustic, "mdef"), filepath.Join(m.Acoustic, "means"), m.Language, m.Dictionary} {
		if _, err := os.Stat(path); err != nil {
			return domain.Permanent(fmt.Errorf("open recogniser: model file: %w", err))
		}
	}
	return nil
}

// arguments of the decoder. Where speech begins and ends is decided before it, so the decoder itself drops no silence:
// otherwise its word times would shift.
func (m Models) arguments() []string {
	return []string{"liveclip-media", "-hmm", m.Acoustic, "-lm", m.Language, "-dict", m.Dictionary, "-remove_silence", "no"}
}
