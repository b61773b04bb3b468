package ops

import (
	"bytes"
	"embed"
	"net/http"
	"path"
	"time"
)

//go:embed console
var consoleFiles embed.FS

// consolePolicy lets the page load nothing but itself, this server's API, and clips wherever the VOD path is.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' https: http: data:; media-src 'self' blob: https: http:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// serveConsole serves the console's one page and its files, to everyone: all that it shows it asks the API for, with a token.
func serveConsole(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	body, err := consoleFiles.ReadFile("console/" + path.Base(name))
	if err != nil {
		writeProblem(w, r, problem{http.StatusNotFound, "no such page: " + r.URL.Path})
		return
	}
	w.Header().Set("Content-Security-Policy", consolePolicy)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}
