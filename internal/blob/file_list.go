package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
)

// List walks only the folders that can hold keys of the prefix after the given one.
func (f *Files) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		err := checkBytes(prefix)
		if err == nil {
			_, err = f.walk(ctx, "", prefix, after, func(i Info) bool { return yield(i, nil) })
		}
		if err != nil {
			yield(Info{}, fmt.Errorf("list %s: %w", prefix, err))
		}
	}
}

// walk gives the keys in folder ("" or "a/b/") in their order; more is false when the caller wants none further.
func (f *Files) walk(ctx context.Context, folder, prefix, after string, give func(Info) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := f.read(folder)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		key := folder + entry.name
		if inside, above := strings.HasPrefix(key, prefix), entry.folder && strings.HasPrefix(prefix, key); !inside && !above {
			continue
		}
		if entry.folder {
			if key <= after && !strings.HasPrefix(after, key) {
				continue // all its keys come before
			}
			if more, err := f.walk(ctx, key, prefix, after, give); err != nil || !more {
				return false, err
			}
			continue
		}
		if key <= after {
			continue
		}
		info, err := f.stat(key)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return false, err
		}
		if !give(info) {
			return false, nil
		}
	}
	return true, nil
}

type entry struct {
	name   string // a folder's ends with a slash: so its keys sort where they belong, "a-b" before "a/b" before "a0"
	folder bool
}

func (f *Files) read(folder string) ([]entry, error) {
	name := strings.TrimSuffix(folder, "/")
	if name == "" {
		name = "."
	}
	found, err := fs.ReadDir(f.root.FS(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(found))
	for _, e := range found {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			entries = append(entries, entry{e.Name() + "/", true})
		case e.Type().IsRegular():
			entries = append(entries, entry{e.Name(), false})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}
