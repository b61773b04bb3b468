package truth

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"liveclip/internal/browsertest"
)

// Played is what a browser made of a clip.
type Played struct {
	Error   string  // of the <video> element
	MSE     string  // what Media Source Extensions made of it: "ok", or what went wrong
	Ended   bool    // it was played to its end
	Length  float64 // seconds
	Numbers []int   // of the pictures seen when it was played, each once, in order; -1: not to be read
	Sought  []int   // … and at the times asked for
}

//go:embed browser.html
var page []byte

// Browse plays a clip in Chromium, and looks at the pictures at some times of it. Without Chromium the test is skipped.
func Browse(t testing.TB, path, codecs string, at []time.Duration) Played {
	t.Helper()
	browser := browsertest.Open(t)
	said := make(chan Played, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write(page) })
	mux.HandleFunc("/clip.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	mux.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) {
		seconds := make([]float64, len(at))
		for i := range at {
			seconds[i] = at[i].Seconds()
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"at": seconds, "columns": columns, "rows": rows, "codecs": codecs})
	})
	mux.HandleFunc("/said", func(w http.ResponseWriter, r *http.Request) {
		var raw struct {
			Played
			Numbers, Sought [][]bool
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&raw); err != nil {
			raw.Error = "test page: " + err.Error()
		}
		for _, bits := range raw.Numbers {
			if n := numberOf(bits); len(raw.Played.Numbers) == 0 || raw.Played.Numbers[len(raw.Played.Numbers)-1] != n {
				raw.Played.Numbers = append(raw.Played.Numbers, n)
			}
		}
		for _, bits := range raw.Sought {
			raw.Played.Sought = append(raw.Played.Sought, numberOf(bits))
		}
		select {
		case said <- raw.Played:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	browser.Visit(server.URL + "/")
	select {
	case played := <-said:
		return played
	case <-time.After(2 * time.Minute):
		t.Fatal("chromium says nothing")
	}
	return Played{}
}

func numberOf(bits []bool) int {
	if len(bits) != columns*rows {
		return -1
	}
	n, ok := number([columns * rows]bool(bits))
	if !ok {
		return -1
	}
	return n
}
