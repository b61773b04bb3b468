package fetch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Rest makes a request one for what follows the first bytes of a file, if it still is the one that a tag tells of. Without a tag
// it stays one for the whole.
func Rest(r *http.Request, have int64, tag string) {
	if have > 0 && tag != "" {
		r.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
		r.Header.Set("If-Range", tag)
	}
}

// Tag is what an answer's file is known by; empty: it has none. A weak tag promises nothing of bytes.
func Tag(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return header.Get("Last-Modified")
}

// ContentRange reads the header of an answer that goes to the file's end: "bytes 5-9/10".
func ContentRange(value string) (from, of int64, ok bool) {
	var to int64
	n, err := fmt.Sscanf(value, "bytes %d-%d/%d", &from, &to, &of)
	return from, of, n == 3 && err == nil && from >= 0 && to >= from && of == to+1
}
