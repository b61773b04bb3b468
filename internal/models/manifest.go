package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"liveclip/internal/domain"
)

// ManifestName is the manifest's file within a model's folder.
const ManifestName = "model.yaml"

// Kinds of models.
const (
	Transducer    = "transducer"     // streaming: conformer, LSTM, zipformer, zipformer2, NeMo
	Paraformer    = "paraformer"     // streaming
	Zipformer2CTC = "zipformer2-ctc" // streaming
	NemoCTC       = "nemo-ctc"       // streaming
	ToneCTC       = "t-one-ctc"      // streaming, 8 kHz inside
	Silero        = "silero-vad"     // voice activity
)

// Manifest says what a model is. It is model.yaml in its folder.
type Manifest struct {
	Name       string            `yaml:"name"`
	Kind       string            `yaml:"kind"`
	Language   string            `yaml:"language"`    // BCP 47, several with commas; empty: unknown
	SampleRate int               `yaml:"sample_rate"` // of the sound that it is given, Hz: 16000, or 0 for the same
	Files      map[string]string `yaml:"files"`       // name within the folder → SHA-256, hexadecimal; empty: not recorded
	Unit       string            `yaml:"unit"`        // of its tokens: cjkchar, bpe, cjkchar+bpe; empty: unknown, so hot words are not taken
	About      string            `yaml:"about"`
	Licence    string            `yaml:"licence"`

	Folder string `yaml:"-"` // that it was loaded from
}

var (
	// ErrNoModel is a folder with no model in it.
	ErrNoModel = errors.New("no model")
	// ErrManifest is a manifest that can't be read.
	ErrManifest = errors.New("manifest is at fault")
)

const (
	manifestMost = 1 << 20 // bytes
	sampleRate   = 16000   // Hz, of all sound that is heard
)

// Load reads a folder's manifest; without one, it tells what the folder holds by the names of its files, as published models
// have them. Nothing is verified yet. Errors are permanent.
func Load(folder string) (Manifest, error) {
	f, err := os.Open(filepath.Join(folder, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return guess(folder)
	}
	if err != nil {
		return Manifest{}, domain.Permanent(fmt.Errorf("load model %s: %w", folder, err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, manifestMost+1))
	if err != nil {
		return Manifest{}, domain.Permanent(fmt.Errorf("load model %s: %w", folder, err))
	}
	m, err := Parse(data)
	if err != nil {
		return Manifest{}, domain.Permanent(fmt.Errorf("load model %s: %w", folder, err))
	}
	m.Folder = folder
	return m, nil
}

// Parse reads a manifest. Names of files must stay within the folder.
func Parse(data []byte) (Manifest, error) {
	if len(data) > manifestMost {
		return Manifest{}, fmt.Errorf("%w: %s is longer than %d bytes", ErrManifest, ManifestName, manifestMost)
	}
	var m Manifest
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if _, ok := needs[m.Kind]; !ok {
		return Manifest{}, fmt.Errorf("%w: kind %q is unknown; known: %s", ErrManifest, m.Kind, strings.Join(Kinds(), ", "))
	}
	if m.SampleRate != 0 && m.SampleRate != sampleRate {
		return Manifest{}, fmt.Errorf("%w: sample_rate is %d; sound is given at %d Hz only", ErrManifest, m.SampleRate, sampleRate)
	}
	if len(m.Files) == 0 {
		return Manifest{}, fmt.Errorf("%w: it names no files", ErrManifest)
	}
	for name, sum := range m.Files {
		if !filepath.IsLocal(name) {
			return Manifest{}, fmt.Errorf("%w: file %q is outside the folder", ErrManifest, name)
		}
		if sum != "" && !isSum(sum) {
			return Manifest{}, fmt.Errorf("%w: %q of file %s is no SHA-256", ErrManifest, sum, name)
		}
	}
	return m, nil
}

func isSum(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Kinds that are known.
func Kinds() []string {
	var names []string
	for name := range needs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Path of the file with a role ("encoder", "model", "tokens"); empty: the model has none.
func (m Manifest) Path(role string) string {
	if name := pick(role, m.names()); name != "" {
		return filepath.Join(m.Folder, name)
	}
	return ""
}

func (m Manifest) names() []string {
	names := make([]string, 0, len(m.Files))
	for name := range m.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pick finds the file with a role by its name: "encoder-epoch-99-avg-1.int8.onnx" is the encoder. Of two, the one with
// 8-bit weights, which is smaller and faster.
func pick(role string, names []string) string {
	if role == tokens {
		if i := slices.IndexFunc(names, func(n string) bool { return filepath.Base(n) == "tokens.txt" }); i >= 0 {
			return names[i]
		}
		return ""
	}
	if role == vocabulary {
		if i := slices.IndexFunc(names, func(n string) bool { return filepath.Base(n) == "bpe.vocab" }); i >= 0 {
			return names[i]
		}
		return ""
	}
	found := ""
	for _, name := range names {
		base := strings.ToLower(filepath.Base(name))
		if !strings.HasSuffix(base, ".onnx") || role != only && !strings.HasPrefix(base, role) {
			continue
		}
		if found == "" || strings.Contains(base, "int8") && !strings.Contains(strings.ToLower(found), "int8") {
			found = name
		}
	}
	return found
}

// guess tells what a folder without a manifest holds.
func guess(folder string) (Manifest, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Manifest{}, domain.Permanent(fmt.Errorf("load model %s: %w: %w", folder, ErrNoModel, err))
	}
	m := Manifest{Name: filepath.Base(folder), Files: map[string]string{}, Folder: folder}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0 {
			names = append(names, e.Name())
		}
	}
	has := func(role string) bool { return pick(role, names) != "" }
	roles := []string{only, tokens}
	switch name := strings.ToLower(m.Name); {
	case has("encoder") && has("decoder") && has("joiner"):
		m.Kind, roles = Transducer, []string{"encoder", "decoder", "joiner", tokens}
	case has("encoder") && has("decoder"):
		m.Kind, roles = Paraformer, []string{"encoder", "decoder", tokens}
	case has(only) && !has(tokens) && strings.Contains(strings.ToLower(pick(only, names)), "silero"):
		m.Kind, roles = Silero, []string{only}
	case has(only) && strings.Contains(name, "nemo"):
		m.Kind = NemoCTC
	case has(only) && strings.Contains(name, "t-one"):
		m.Kind = ToneCTC
	case has(only) && strings.Contains(name, "ctc"):
		m.Kind = Zipformer2CTC
	default:
		return Manifest{}, domain.Permanent(fmt.Errorf("load model %s: %w: neither %s nor files that are known by their names", folder, ErrNoModel, ManifestName))
	}
	for _, role := range append(roles, vocabulary) {
		if file := pick(role, names); file != "" {
			m.Files[file] = ""
		}
	}
	switch name := strings.ToLower(m.Name); {
	case strings.Contains(name, "zh-en") || strings.Contains(name, "bilingual"):
		m.Language = "zh,en"
	case strings.Contains(name, "-zh"):
		m.Language = "zh"
	case strings.Contains(name, "-en"):
		m.Language = "en"
	}
	return m, nil
}
