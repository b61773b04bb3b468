package speech

import (
	"os"
	"path/filepath"
	"testing"

	"liveclip/internal/native"
)

// libraries is the folder of the shared libraries, as make build leaves them.
func libraries(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("LIVECLIP_TEST_LIBRARIES")
	if folder == "" {
		folder = filepath.Join("..", "..", "bin")
	}
	if _, err := native.Library(native.Sherpa, folder); err != nil {
		if os.Getenv("LIVECLIP_TEST_LIBRARIES") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v", err)
	}
	return folder
}
