package models

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"liveclip/internal/domain"
)

var (
	// ErrMissing is a file that the model needs and the folder lacks.
	ErrMissing = errors.New("file is missing")
	// ErrHash is a file that is not the one the manifest recorded.
	ErrHash = errors.New("file is another than recorded")
	// ErrKind is a sound file of another kind of model.
	ErrKind = errors.New("model is of another kind")
	// ErrTooNew is a model made for a newer runtime than the one here.
	ErrTooNew = errors.New("model is too new for the runtime")
	// ErrTokens is a list of tokens that does not fit.
	ErrTokens = errors.New("tokens are at fault")
)

// What ONNX Runtime 1.17 loads.
const (
	newestIR    = 9
	newestOpset = 20
)

// Verified is a model that may be loaded.
type Verified struct {
	Manifest
	Tokens  []string          // by number; nil: the kind has none
	Headers map[string]Header // by role
}

// Verify looks at everything that would end the process of whoever loads the model. Errors are permanent and name the folder,
// the file and what is wrong with it.
func (m Manifest) Verify() (Verified, error) {
	v := Verified{Manifest: m, Headers: map[string]Header{}}
	if err := v.verify(); err != nil {
		return Verified{}, domain.Permanent(fmt.Errorf("verify model %s: %w", m.Folder, err))
	}
	return v, nil
}

func (v *Verified) verify() error {
	for _, name := range v.names() {
		if err := v.checkFile(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, n := range needs[v.Kind] {
		path := v.Path(n.role)
		if path == "" {
			return fmt.Errorf("%s*.onnx: %w", n.role, ErrMissing)
		}
		h, err := readHeader(path)
		if err == nil {
			err = n.check(v.Folder, h)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		v.Headers[n.role] = h
	}
	if v.Kind == Silero {
		return nil
	}
	path := v.Path(tokens)
	if path == "" {
		return fmt.Errorf("tokens.txt: %w", ErrMissing)
	}
	if err := v.readTokens(path); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

func (v *Verified) checkFile(name string) error {
	path := filepath.Join(v.Folder, name)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no file", ErrMissing)
	}
	want := v.Files[name]
	if want == "" {
		return nil
	}
	got, err := Sum(path)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: SHA-256 is %s, recorded is %s", ErrHash, got, want)
	}
	return nil
}

// Sum is a file's SHA-256, hexadecimal.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func readHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Header{}, err
	}
	return ReadHeader(f, info.Size())
}

func (n need) check(folder string, h Header) error {
	if h.IR > newestIR || h.Opset > newestOpset {
		return fmt.Errorf("%w: format %d and operators %d, known up to %d and %d", ErrTooNew, h.IR, h.Opset, newestIR, newestOpset)
	}
	for _, name := range h.External {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%w: weights in %q, outside the folder", ErrMissing, name)
		}
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("%w: weights: %w", ErrMissing, err)
		}
	}
	if len(h.Inputs) < n.inputs || len(h.Outputs) == 0 {
		return fmt.Errorf("%w: %d inputs and %d outputs", ErrKind, len(h.Inputs), len(h.Outputs))
	}
	wanted := n.metadata
	if n.types != nil {
		more, ok := n.types[h.Metadata["model_type"]]
		if !ok {
			return fmt.Errorf("%w: its model_type is %q", ErrKind, h.Metadata["model_type"])
		}
		wanted = more
	}
	for _, key := range wanted {
		if _, ok := h.Metadata[key]; !ok {
			return fmt.Errorf("%w: its metadata lack %s", ErrKind, key)
		}
	}
	return nil
}

const mostTokens = 500_000

// readTokens reads "token number" lines. A number that the model gives and no line has would end the process.
func (v *Verified) readTokens(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	defer f.Close()
	list, err := ParseTokens(f)
	if err != nil {
		return err
	}
	for _, h := range v.Headers {
		size, err := strconv.Atoi(h.Metadata["vocab_size"])
		if err == nil && size > len(list) {
			return fmt.Errorf("%w: %d of them, the model gives %d", ErrTokens, len(list), size)
		}
	}
	v.Tokens = list
	return nil
}

// ParseTokens reads a list of tokens, by number from 0 without a gap.
func ParseTokens(r io.Reader) ([]string, error) {
	byNumber := map[int]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) > 2 {
			return nil, fmt.Errorf("%w: line %.60q", ErrTokens, line)
		}
		number, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil || number < 0 || number >= mostTokens {
			return nil, fmt.Errorf("%w: line %.60q", ErrTokens, line)
		}
		token := " " // a line with nothing but its number
		if len(fields) == 2 {
			token = fields[0]
		}
		byNumber[number] = token
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokens, err)
	}
	if len(byNumber) == 0 {
		return nil, fmt.Errorf("%w: none", ErrTokens)
	}
	list := make([]string, len(byNumber))
	for i := range list {
		token, ok := byNumber[i]
		if !ok {
			return nil, fmt.Errorf("%w: none has the number %d", ErrTokens, i)
		}
		list[i] = token
	}
	if !slices.ContainsFunc(list, func(t string) bool { return t == "<blk>" || t == "<eps>" || t == "<blank>" }) {
		return nil, fmt.Errorf("%w: none of them is <blk>, <eps> or <blank>", ErrTokens)
	}
	return list, nil
}
