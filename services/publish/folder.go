package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/note"
)

// folder writes clips into a directory: {tenant}/{stream}/{clip}.r{revision}.mp4 with .jpg, .vtt and .json. Each file
// appears whole, the .json last: where it lies, the others do.
type folder struct {
	store blob.Store
	dest  Destination
}

func (f folder) repeatable() bool { return true }
func (f folder) profile() string  { return f.dest.Profile }

func (f folder) open() (*os.Root, error) {
	if err := os.MkdirAll(f.dest.Path, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(f.dest.Path)
}

// fileStem is the files' common name. Tenants, streams and clip IDs hold no slash and no dot.
func fileStem(p publication) string {
	return path.Join(string(p.Tenant), string(p.manifest.Stream), fmt.Sprintf("%s.r%d", p.Clip, p.Revision))
}

func (f folder) push(ctx context.Context, p publication) (outcome, error) {
	root, err := f.open()
	if err != nil {
		return outcome{}, fmt.Errorf("write to folder %s: %w", f.dest.Name, note.Plain(err))
	}
	defer root.Close()
	name, rendered := fileStem(p), p.manifest.Rendered
	m := messageOf(eventPublished, p, "")
	m.Video = videoOf(p.rendition, path.Base(name)+".mp4")
	err = f.copy(ctx, root, name+".mp4", p.rendition.Key, p.rendition.SHA256)
	if err == nil && rendered.Cover != "" {
		m.Cover = path.Base(name) + ".jpg"
		err = f.copy(ctx, root, name+".jpg", rendered.Cover, "")
	}
	if err == nil && rendered.Subtitles != "" {
		m.Subtitles = path.Base(name) + ".vtt"
		err = f.copy(ctx, root, name+".vtt", rendered.Subtitles, "")
	}
	if err == nil {
		err = writeJSON(root, name+".json", m)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("write to folder %s: %w", f.dest.Name, note.Plain(err))
	}
	return outcome{state: domain.PublicationVisible, remoteID: name + ".mp4"}, nil
}

// withdraw removes the .json first: it says that the others lie there.
func (f folder) withdraw(_ context.Context, p publication, _ string) error {
	root, err := f.open()
	if err != nil {
		return fmt.Errorf("remove from folder %s: %w", f.dest.Name, note.Plain(err))
	}
	defer root.Close()
	for _, extension := range []string{".json", ".mp4", ".jpg", ".vtt"} {
		if err := root.Remove(fileStem(p) + extension); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove from folder %s: %w", f.dest.Name, note.Plain(err))
		}
	}
	return nil
}

// copy brings an object into the folder and, where its hash is known, checks that it is whole.
func (f folder) copy(ctx context.Context, root *os.Root, name, key, content string) error {
	body, _, err := f.store.Get(ctx, key, 0, -1)
	if err != nil {
		return permanentIfMissing(err)
	}
	defer body.Close()
	return writeAtomically(root, name, blob.UntilDone(ctx, body), func(h hash.Hash) error {
		if got := hex.EncodeToString(h.Sum(nil)); content != "" && got != content {
			return domain.Permanent(fmt.Errorf("object %s has the hash %s, not %s", key, got, content))
		}
		return nil
	})
}

func writeJSON(root *os.Root, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return domain.Permanent(err)
	}
	return writeAtomically(root, name, bytes.NewReader(append(data, '\n')), func(hash.Hash) error { return nil })
}

// writeAtomically makes the file appear whole or not at all.
func writeAtomically(root *os.Root, name string, r io.Reader, check func(hash.Hash) error) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), "."+path.Base(name)+"."+rand.Text())
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(temp) }() // after the rename there is nothing to remove
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, sum), r); err != nil {
		return err
	}
	if err := check(sum); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return root.Rename(temp, name)
}
