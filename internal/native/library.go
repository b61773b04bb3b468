// Package native finds the shared libraries that liveclip-media opens when they are asked for: nothing links them, so that a
// machine without them still records.
package native

import (
	"fmt"
	"os"
	"path/filepath"

	"liveclip/internal/domain"
)

// The libraries, as `make build` leaves them.
const (
	ONNXRuntime = "libonnxruntime.so"
	Sherpa      = "libsherpa-onnx-c-api.so"
)

// Library finds a shared library: in the folder named, or beside this program, where `make build` puts it. Errors are
// permanent.
func Library(name, folder string) (string, error) {
	folders := []string{folder}
	if folder == "" {
		folders = []string{"/usr/local/lib/liveclip", "/usr/lib/liveclip"}
		if self, err := os.Executable(); err == nil {
			folders = append([]string{filepath.Dir(self)}, folders...)
		}
	}
	for _, f := range folders {
		path := filepath.Join(f, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", domain.Permanent(fmt.Errorf("open %s: it is not in %v (make build puts it beside liveclip-media)", name, folders))
}
