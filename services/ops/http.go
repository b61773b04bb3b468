package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	opsv1 "liveclip/proto/ops/v1"
)

// jsonForm is how messages look over HTTP: names as in the contract, every field there.
var jsonForm = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}

// idempotencyKey is the name of the header, and of the metadata it becomes.
const idempotencyKey = "idempotency-key"

func (s *Service) newHandler() (http.Handler, error) {
	api, err := s.newGateway()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", serveConsole)
	mux.HandleFunc("GET /console/{file}", serveConsole)
	mux.Handle("GET /v1/events", s.requireRole(viewer, true, http.HandlerFunc(s.serveEvents)))
	mux.Handle("GET /preview/{clip}/{file}", s.requireRole(operator, true, http.HandlerFunc(s.servePreview)))
	mux.Handle("POST /v1/hooks/{server}", s.requireRole(hook, true, s.limitBody(http.HandlerFunc(s.serveHook))))
	mux.Handle("GET /v1/hooks/{server}", s.requireRole(hook, true, s.limitBody(http.HandlerFunc(s.serveHook)))) // nginx-rtmp's notify_method get
	mux.Handle("POST /v1/receivers/{name}", s.limitBody(http.HandlerFunc(s.serveReceiver)))                     // the platform's signature is its token
	mux.Handle("POST /v1/streams/{stream}/audience/{form}", s.requireRole(operator, false, s.limitBody(http.HandlerFunc(s.serveFrame))))
	mux.Handle("POST /v1/playback", s.limitBody(s.jsonOnly(s.authenticatePlayback(api))))
	mux.Handle("/v1/", s.requireRole(viewer, false, s.limitBody(s.jsonOnly(api))))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, problem{http.StatusNotFound, "no such page: " + r.URL.Path})
	})
	return s.withGRPC(s.observe(securityHeaders(mux))), nil
}

// withGRPC answers gRPC calls on the same port, where the server speaks HTTP/2.
func (s *Service) withGRPC(next http.Handler) http.Handler {
	calls := grpc.NewServer(grpc.MaxRecvMsgSize(int(s.cfg.BodyLimit)))
	s.Register(calls)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			calls.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) newGateway() (http.Handler, error) {
	gateway := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{MarshalOptions: jsonForm}),
		runtime.WithIncomingHeaderMatcher(func(header string) (string, bool) {
			return idempotencyKey, strings.EqualFold(header, idempotencyKey)
		}),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, status int) {
			detail := "no such call: " + r.Method + " " + r.URL.Path
			if status == http.StatusMethodNotAllowed {
				detail = "this path does not take " + r.Method
			}
			writeProblem(w, r, problem{status, detail})
		}),
		runtime.WithForwardResponseOption(func(_ context.Context, w http.ResponseWriter, m proto.Message) error {
			w.Header().Set("Cache-Control", "no-store")
			switch m.(type) {
			case *opsv1.RequestClipReply, *opsv1.ReportPlaybackReply:
				w.WriteHeader(http.StatusAccepted) // the work goes on after this response
			}
			return nil
		}),
	)
	return gateway, opsv1.RegisterOpsHandlerServer(context.Background(), gateway, s)
}

// requireRole lets in a caller whose token has the role or a greater one; query: the token may be in the URL's query.
func (s *Service) requireRole(least role, query bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.auth.authenticate(requestToken(r, query))
		if err == nil {
			ctx := withCaller(r.Context(), c)
			if _, err = s.authorize(ctx, least); err == nil {
				next.ServeHTTP(w, r.WithContext(ctx))
				return
			}
		}
		writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
	})
}

const bodyTime = 30 * time.Second // to send a whole body

// limitBody reads the whole body before it is handled: 413 when it is too large.
func (s *Service) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := http.NewResponseController(w)
		_ = in.SetReadDeadline(time.Now().Add(bodyTime)) // else a sender that goes silent is waited for without end
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.BodyLimit))
		_ = in.SetReadDeadline(time.Time{})
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			writeProblem(w, r, problem{http.StatusRequestEntityTooLarge,
				"the body is larger than " + strconv.FormatInt(s.cfg.BodyLimit, 10) + " bytes (ops.body_limit)"})
			return
		case err != nil:
			writeProblem(w, r, problem{http.StatusBadRequest, "the body could not be read to its end"})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// jsonOnly refuses a body that is not one whole JSON value: the gateway would read the first and ignore what follows.
func (s *Service) jsonOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(bytes.TrimSpace(body)) > 0 {
			var value json.RawMessage
			if err := json.Unmarshal(body, &value); err != nil {
				writeProblem(w, r, problem{http.StatusBadRequest, "the body is not JSON: " + err.Error()})
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// securityHeaders sets the headers that every response carries.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func (s *Service) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/events" {
			next.ServeHTTP(w, r) // open as long as its client stays
			return
		}
		began := s.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		method := r.Method
		switch method {
		case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodHead:
		default:
			method = "other"
		}
		s.metrics.calls.WithLabelValues(method, strconv.Itoa(seen.status/100)+"xx").Observe(s.Now().Sub(began).Seconds())
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
