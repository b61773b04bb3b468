package t2v

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
)

// keptBases is how many bases the cache holds: nine templates in three shapes, several lengths and brands.
const keptBases = 400

// prune removes the oldest bases beyond so many. One that is just being read stays readable.
func prune(folder string, most int) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.mp4"))
	if err != nil || len(paths) <= most {
		return err
	}
	made := map[string]int64{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			made[path] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(made[a], made[b]) })
	for _, path := range paths[:len(paths)-most] {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
