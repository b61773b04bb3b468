// Package font finds a font file with Chinese in it: without one, Chinese text is drawn as boxes.
package font

import (
	"errors"
	"os"
	"path/filepath"
)

// places are where Debian, other Linux systems and macOS keep fonts that know Chinese, best first.
var places = []string{
	"/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
	"/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
	"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
	"/usr/share/fonts/*/noto*/NotoSansCJK*.tt[cf]",
	"/usr/share/fonts/*/*/wqy*.tt[cf]",
	"/System/Library/Fonts/PingFang.ttc",
}

// ErrNone says how to mend it.
var ErrNone = errors.New("no font with Chinese found: install fonts-wqy-microhei")

// Find gives the path of a font file.
func Find() (string, error) {
	for _, place := range places {
		found, err := filepath.Glob(place)
		if err != nil {
			return "", err
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path, nil
			}
		}
	}
	return "", ErrNone
}
