// Package whispertest is a transcription server for tests: it checks what it is asked as a real one does, hears what it is told
// to, and fails in every way such servers fail.
package whispertest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Word is what the server hears, in seconds.
type Word struct {
	Word       string  `json:"word"`
	Start, End float64 `json:"-"`
}

// Asked is a request that was taken.
type Asked struct {
	Model, Language, Prompt, Format string
	Length                          time.Duration // of the sound
}

// Server answers with Words unless a failure is due.
type Server struct {
	URL      string // to /v1
	Key      string // asked for; empty: none
	Words    []Word
	NoWords  bool // knows segments only
	NoTimes  bool // knows no verbose_json, as small servers
	Failures []func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	asked []Asked
	most  int // at once
	now   int
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1"
	return s
}

// Asked gives the requests that were answered, and how many there were at once at most.
func (s *Server) Asked() (all []Asked, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Asked(nil), s.asked...), s.most
}

// Fail has the next requests fail so, one after another.
func (s *Server) Fail(failures ...func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Failures = append(s.Failures, failures...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	var fail func(http.ResponseWriter, *http.Request)
	if len(s.Failures) > 0 {
		fail, s.Failures = s.Failures[0], s.Failures[1:]
	}
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if fail != nil {
		fail(w, r)
		return
	}
	refuse := func(status int, why string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error": {"message": %q, "type": "invalid_request_error"}}`, why)
	}
	if r.URL.Path != "/v1/audio/transcriptions" || r.Method != http.MethodPost {
		refuse(http.StatusNotFound, "Not Found")
		return
	}
	if s.Key != "" && r.Header.Get("Authorization") != "Bearer "+s.Key {
		refuse(http.StatusUnauthorized, "Incorrect API key provided")
		return
	}
	sound, header, err := r.FormFile("file")
	if err != nil || header.Size < 44 {
		refuse(http.StatusUnprocessableEntity, "file: field required")
		return
	}
	defer sound.Close()
	data, _ := io.ReadAll(sound)
	if string(data[:4]) != "RIFF" || binary.LittleEndian.Uint32(data[24:]) != 16000 || int(binary.LittleEndian.Uint32(data[40:])) != len(data)-44 {
		refuse(http.StatusBadRequest, "Invalid file format")
		return
	}
	format := r.FormValue("response_format")
	if s.NoTimes && format == "verbose_json" {
		refuse(http.StatusBadRequest, "response_format 'verbose_json' is not supported")
		return
	}
	length := time.Duration(len(data)-44) / 2 * time.Second / 16000
	s.mu.Lock()
	s.asked = append(s.asked, Asked{r.FormValue("model"), r.FormValue("language"), r.FormValue("prompt"), format, length})
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.answer(format, length))
}

func (s *Server) answer(format string, length time.Duration) map[string]any {
	text := ""
	words := []map[string]any{}
	for _, heard := range s.Words {
		text += " " + heard.Word
		words = append(words, map[string]any{"word": " " + heard.Word, "start": heard.Start, "end": heard.End, "probability": 0.9})
	}
	answer := map[string]any{"text": text}
	if format == "json" {
		return answer
	}
	answer["task"], answer["language"], answer["duration"] = "transcribe", "english", length.Seconds()
	segment := map[string]any{"id": 0, "start": 0, "end": length.Seconds(), "text": text, "avg_logprob": -0.2, "no_speech_prob": 0.01}
	if text != "" {
		answer["segments"] = []any{segment}
	}
	if !s.NoWords {
		answer["words"] = words
	}
	return answer
}

// Status answers so; after is Retry-After in seconds, 0: none.
func Status(status, after int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// HangUp closes the connection within an answer.
func HangUp(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"text": "half a`)
	panic(http.ErrAbortHandler)
}

// Stall says nothing until the client leaves.
func Stall(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
