package blob

import (
	"fmt"
	"strings"

	"liveclip/internal/domain"
)

const (
	maxKey  = 700 // bytes; S3 takes 1024, the configured prefix included
	maxPart = 200 // bytes; a file name may have 255
)

// checkKey refuses, for good, a key that could mean something else to a file system or an object store.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return domain.Permanent(fmt.Errorf("object key %.80q: must have 1 to %d bytes, has %d", key, maxKey, len(key)))
	}
	for part := range strings.SplitSeq(key, "/") {
		switch {
		case part == "":
			return domain.Permanent(fmt.Errorf("object key %q: has an empty part", key))
		case part[0] == '.' || strings.Contains(part, ".."):
			return domain.Permanent(fmt.Errorf("object key %q: a part begins with a dot or holds two in a row", key))
		case len(part) > maxPart:
			return domain.Permanent(fmt.Errorf("object key %q: a part is longer than %d bytes", key, maxPart))
		}
	}
	return checkBytes(key)
}

func checkBytes(key string) error {
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("._/=-", c) >= 0:
		default:
			return domain.Permanent(fmt.Errorf("object key %q: byte %d is outside [A-Za-z0-9._/=-]", key, i))
		}
	}
	return nil
}
