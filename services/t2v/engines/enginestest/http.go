package enginestest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// jobs are the orders of a server that has to be asked.
type jobs struct {
	*StandIn
	mu     sync.Mutex
	last   int
	status map[string]*job
}

type job struct {
	begun    time.Time
	canceled bool
}

func (j *jobs) add(o Order) string {
	j.Orders <- o
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	id := fmt.Sprintf("job-%d", j.last)
	j.status[id] = &job{begun: time.Now()}
	return id
}

func (j *jobs) find(id string) (known, done bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now, known := j.status[id]
	return known && !now.canceled, known && time.Since(now.begun) >= j.Took && j.failure != Endless && j.failure != Silent
}

// cancel tells whether the order was still under way.
func (j *jobs) cancel(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if now := j.status[id]; now != nil && !now.canceled {
		now.canceled = true
		j.Canceled <- time.Now()
	}
}

func serveHTTP(film *Film, failure Failure, routes func(*jobs, *http.ServeMux)) *StandIn {
	s := newStandIn(film, failure)
	mux := http.NewServeMux()
	routes(&jobs{StandIn: s, status: map[string]*job{}}, mux)
	server := httptest.NewServer(mux)
	s.Address = server.URL
	s.close = func() { server.CloseClientConnections(); server.Close() }
	if failure == NotThere {
		server.Close()
		s.close = func() {}
	}
	return s
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// silent keeps a caller waiting until it goes, or the server closes.
func silent(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// file sends the film as the failure has it.
func (s *StandIn) file(w http.ResponseWriter, r *http.Request) {
	whole := s.shown().Whole()
	w.Header().Set("Content-Type", "video/mp4")
	switch s.failure {
	case HangsUp, NoRanges, Swaps:
		s.breaking(w, r, whole)
		return
	case Truncated: // a file that is whole for HTTP
		whole = s.film.Chunks[0]
	case Lies:
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		whole = whole[:len(whole)/2]
	case Flood:
		_, _ = w.Write(whole)
		for range 64 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
		return
	case Rubbish:
		whole = html
	case Empty:
		whole = nil
	}
	_, _ = w.Write(whole)
}

// breaking hangs up in the middle of a file the first time it is asked for.
func (s *StandIn) breaking(w http.ResponseWriter, r *http.Request, whole []byte) {
	tag, first := `"1"`, false
	s.failed.Do(func() { first = true })
	switch {
	case first:
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		_, _ = w.Write(whole[:len(whole)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case s.failure == NoRanges:
		r.Header.Del("Range")
	case s.failure == Swaps: // of the same length
		tag, whole = `"2"`, slices.Clone(whole)
		whole[len(whole)/4]++
	}
	s.Fetched <- r.Header.Get("Range")
	w.Header().Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(whole))
}

// Videos starts a stand-in for a server with the OpenAI-style API, as vLLM-Omni has it.
func Videos(film *Film, failure Failure) (*StandIn, error) {
	return serveHTTP(film, failure, func(j *jobs, mux *http.ServeMux) {
		said := func(w http.ResponseWriter, status int, code, message string) {
			answer(w, status, map[string]any{"error": map[string]any{"code": code, "type": "error", "message": message}})
		}
		video := func(id, status string) map[string]any {
			return map[string]any{"id": id, "object": "video", "status": status, "model": "Wan2.1-T2V-1.3B", "created_at": 1700000000}
		}
		mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("POST /v1/videos", func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseMultipartForm(1 << 20); err != nil {
				said(w, http.StatusBadRequest, "", err.Error())
				return
			}
			number := func(name string) int { n, _ := strconv.Atoi(r.FormValue(name)); return n }
			seconds, _ := strconv.ParseFloat(r.FormValue("seconds"), 64)
			seed, _ := strconv.ParseUint(r.FormValue("seed"), 10, 64)
			id := j.add(Order{
				Prompt: r.FormValue("prompt"), Negative: r.FormValue("negative_prompt"), Width: number("width"), Height: number("height"),
				Length: time.Duration(seconds * float64(time.Second)), Steps: number("num_inference_steps"), Seed: seed,
				Model: r.FormValue("model"), Tenant: r.FormValue("user"),
			})
			switch {
			case j.failure == TooMany:
				w.Header().Set("Retry-After", "1")
				said(w, http.StatusTooManyRequests, "rate_limit_exceeded", "the queue is full")
			case j.broken():
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = w.Write(html)
			case j.failure == Refuses:
				said(w, http.StatusBadRequest, "moderation_blocked", "your request was rejected by the safety system")
			case j.failure == BadOrder:
				answer(w, http.StatusUnprocessableEntity, map[string]any{"detail": "size 17x17 is not supported"})
			case j.failure == BadKey, r.Header.Get("Authorization") != "Bearer "+Key:
				said(w, http.StatusUnauthorized, "invalid_api_key", "incorrect API key provided")
			case j.failure == Gibberish:
				_, _ = w.Write(html)
			default:
				answer(w, http.StatusOK, video(id, "queued"))
			}
		})
		mux.HandleFunc("GET /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) {
			id := r.PathValue("id")
			switch known, done := j.find(id); {
			case j.failure == Silent:
				silent(r)
			case !known || j.failure == Forgets:
				said(w, http.StatusNotFound, "", "video not found")
			case j.failure == NoMemory:
				v := video(id, "failed")
				v["error"] = map[string]any{"code": "internal_error", "message": "CUDA out of memory. Tried to allocate 2.00 GiB"}
				answer(w, http.StatusOK, v)
			case done:
				answer(w, http.StatusOK, video(id, "completed"))
			default:
				answer(w, http.StatusOK, video(id, "in_progress"))
			}
		})
		mux.HandleFunc("GET /v1/videos/{id}/content", func(w http.ResponseWriter, r *http.Request) { j.file(w, r) })
		mux.HandleFunc("DELETE /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) {
			j.cancel(r.PathValue("id"))
			answer(w, http.StatusOK, map[string]any{"id": r.PathValue("id"), "deleted": true})
		})
	}), nil
}

// DashScope starts a stand-in for Alibaba Cloud Model Studio's asynchronous API.
func DashScope(film *Film, failure Failure) (*StandIn, error) {
	return serveHTTP(film, failure, func(j *jobs, mux *http.ServeMux) {
		said := func(w http.ResponseWriter, status int, code, message string) {
			answer(w, status, map[string]any{"code": code, "message": message, "request_id": "r-1"})
		}
		task := func(id, status string, more map[string]any) map[string]any {
			output := map[string]any{"task_id": id, "task_status": status}
			for name, value := range more {
				output[name] = value
			}
			return map[string]any{"output": output, "request_id": "r-1"}
		}
		mux.HandleFunc("POST /api/v1/services/aigc/video-generation/video-synthesis", func(w http.ResponseWriter, r *http.Request) {
			var order struct {
				Model string
				Input struct {
					Prompt   string `json:"prompt"`
					Negative string `json:"negative_prompt"`
				}
				Parameters struct {
					Size     string
					Duration int
					Seed     uint64
				}
			}
			if r.Header.Get("Authorization") != "Bearer "+Key || j.failure == BadKey {
				said(w, http.StatusUnauthorized, "InvalidApiKey", "Invalid API-key provided.")
				return
			}
			if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&order); err != nil || r.Header.Get("X-DashScope-Async") != "enable" {
				said(w, http.StatusBadRequest, "InvalidParameter", "current user api does not support synchronous calls")
				return
			}
			o := Order{Prompt: order.Input.Prompt, Negative: order.Input.Negative, Length: time.Duration(order.Parameters.Duration) * time.Second, Seed: order.Parameters.Seed, Model: order.Model}
			_, _ = fmt.Sscanf(order.Parameters.Size, "%d*%d", &o.Width, &o.Height)
			id := j.add(o)
			switch {
			case j.failure == TooMany:
				said(w, http.StatusTooManyRequests, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")
			case j.broken():
				said(w, http.StatusInternalServerError, "InternalError", "An internal error has occurred")
			case j.failure == BadOrder:
				said(w, http.StatusBadRequest, "InvalidParameter", "size is not in the list of those supported")
			case j.failure == Gibberish:
				_, _ = w.Write(html)
			default:
				answer(w, http.StatusOK, task(id, "PENDING", nil))
			}
		})
		mux.HandleFunc("GET /api/v1/tasks/{id}", func(w http.ResponseWriter, r *http.Request) {
			id := r.PathValue("id")
			switch known, done := j.find(id); {
			case r.Header.Get("Authorization") != "Bearer "+Key:
				said(w, http.StatusUnauthorized, "InvalidApiKey", "Invalid API-key provided.")
			case j.failure == Silent && known:
				silent(r)
			case !known || j.failure == Forgets:
				answer(w, http.StatusOK, task(id, "UNKNOWN", nil))
			case j.failure == Refuses:
				answer(w, http.StatusOK, task(id, "FAILED", map[string]any{"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}))
			case j.failure == NoMemory:
				answer(w, http.StatusOK, task(id, "FAILED", map[string]any{"code": "InternalError.Algo", "message": "out of memory"}))
			case done:
				answer(w, http.StatusOK, task(id, "SUCCEEDED", map[string]any{"video_url": j.Address + "/result/" + id + ".mp4?Expires=1&Signature=secret"}))
			default:
				answer(w, http.StatusOK, task(id, "RUNNING", nil))
			}
		})
		mux.HandleFunc("POST /api/v1/tasks/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
			j.cancel(r.PathValue("id"))
			answer(w, http.StatusOK, map[string]any{"request_id": "r-1"})
		})
		mux.HandleFunc("GET /result/{file}", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" { // the key is not for where the file lies
				w.WriteHeader(http.StatusForbidden)
				return
			}
			j.file(w, r)
		})
	}), nil
}
