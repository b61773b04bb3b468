package download

import (
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed known.yaml
var known []byte

// Model is one that can be downloaded.
type Model struct {
	Name      string `yaml:"name"`
	URL       string `yaml:"url"` // of a .tar.bz2, a .tar.gz or one file
	Language  string `yaml:"language"`
	Megabytes int    `yaml:"megabytes"` // roughly
	SHA256    string `yaml:"sha256"`    // of the download; empty: not known
	About     string `yaml:"about"`
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	sumForm  = regexp.MustCompile(`^([0-9a-f]{64})?$`)
)

// Known gives the models of known.yaml, or of another list of the same form; empty: the built-in one.
func Known(list string) ([]Model, error) {
	data, from := known, "known.yaml"
	if list != "" {
		var err error
		if data, err = os.ReadFile(list); err != nil {
			return nil, fmt.Errorf("read list of models: %w", err)
		}
		from = list
	}
	var all []Model
	if err := yaml.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read list of models %s: %w", from, err)
	}
	for _, m := range all {
		if u, err := url.Parse(m.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !nameForm.MatchString(m.Name) || !sumForm.MatchString(m.SHA256) {
			return nil, fmt.Errorf("read list of models %s: %q: needs a name of small letters, an http(s) URL, and a SHA-256 or none", from, m.Name)
		}
	}
	return all, nil
}

// Folder is where models lie unless said otherwise: liveclip/models below XDG_DATA_HOME.
func Folder() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "liveclip", "models"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of models: %w", err)
	}
	return filepath.Join(home, ".local", "share", "liveclip", "models"), nil
}

// file is the name of what is downloaded.
func (m Model) file() string {
	u, err := url.Parse(m.URL)
	if err != nil {
		return m.Name
	}
	return path.Base(u.Path)
}

func (m Model) packed() bool {
	name := m.file()
	return strings.HasSuffix(name, ".tar.bz2") || strings.HasSuffix(name, ".tar.gz")
}
