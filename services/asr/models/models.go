// Package models holds the speech models that come with liveclip, so that a fresh machine without a network hears more than
// English. They are trained in this repository (services/asr/train); each folder's README.md says what its model can and
// cannot hear.
package models

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"liveclip/internal/domain"
	"liveclip/internal/models"
)

// Mandarin is a small streaming recogniser of Mandarin live selling, as espeak-ng's voices say it.
const Mandarin = "mandarin-commerce"

//go:embed mandarin-commerce/model.yaml mandarin-commerce/model.onnx mandarin-commerce/tokens.txt mandarin-commerce/homophones.txt
var files embed.FS

// Unpack puts a model's folder below root, unless it is there and whole, and gives the folder. Its name changes with the model,
// so that two versions of liveclip can share a root. Safe for several processes at once.
func Unpack(root, name string) (string, error) {
	manifest, err := files.ReadFile(path.Join(name, models.ManifestName))
	if err != nil {
		return "", domain.Permanent(fmt.Errorf("unpack model %s: liveclip has none of that name", name))
	}
	sum := sha256.Sum256(manifest)
	folder := filepath.Join(root, name+"-"+hex.EncodeToString(sum[:6]))
	if whole(folder, manifest) == nil {
		return folder, nil
	}
	if err := unpack(root, name, folder, manifest); err != nil {
		return "", fmt.Errorf("unpack model %s: %w", name, err)
	}
	return folder, nil
}

// whole tells whether a folder is what was unpacked, whoever wrote it: the manifest is liveclip's own, and nothing that it names is
// missing, cut short or changed.
func whole(folder string, manifest []byte) error {
	m, err := models.Load(folder)
	if err != nil {
		return err
	}
	if found, err := os.ReadFile(filepath.Join(folder, models.ManifestName)); err != nil || !bytes.Equal(found, manifest) {
		return errors.New(models.ManifestName + " is not the model's own")
	}
	_, err = m.Verify()
	return err
}

// unpack writes beside the folder and renames: others see it whole or not at all.
func unpack(root, name, folder string, manifest []byte) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(root, ".unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil {
		return err
	}
	model, err := fs.Sub(files, name)
	if err != nil {
		return err
	}
	if err := os.CopyFS(part, model); err != nil {
		return err
	}
	if err := whole(part, manifest); err != nil {
		return err
	}
	err = os.Rename(part, folder)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	if whole(folder, manifest) == nil {
		return nil // another process was faster
	}
	// A damaged one is in the way. It goes aside in one step, so that nobody loads half of it.
	aside := part + ".old"
	if err := os.Rename(folder, aside); err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	return os.Rename(part, folder)
}
