package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// problem is an error that the caller may see: what and why.
type problem struct {
	status int // HTTP
	detail string
}

func (p problem) Error() string { return p.detail }

// GRPCStatus carries the problem over gRPC.
func (p problem) GRPCStatus() *status.Status {
	s := status.New(grpcCode(p.status), p.detail)
	if detailed, err := s.WithDetails(p.document("")); err == nil {
		return detailed
	}
	return s
}

func (p problem) document(instance string) *opsv1.Problem {
	return &opsv1.Problem{
		Type: "about:blank", Title: http.StatusText(p.status), Status: int32(p.status), Detail: p.detail, Instance: instance,
		Chinese: problemWords.Chinese(p.detail),
	}
}

func problemf(status int, format string, args ...any) error {
	return problem{status, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return problemf(http.StatusBadRequest, format, args...)
}
func notFound(format string, args ...any) error {
	return problemf(http.StatusNotFound, format, args...)
}
func conflict(format string, args ...any) error {
	return problemf(http.StatusConflict, format, args...)
}
func unprocessable(format string, args ...any) error {
	return problemf(http.StatusUnprocessableEntity, format, args...)
}
func unavailable(format string, args ...any) error {
	return problemf(http.StatusServiceUnavailable, format, args...)
}

// lookupProblem turns an error of the views into a problem; what names the thing looked up.
func lookupProblem(err error, what string, args ...any) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, view.ErrNotFound):
		return notFound(what+" is not known", args...)
	case errors.Is(err, view.ErrRebuilding):
		return unavailable("%s: ask again in a few seconds", err)
	case domain.IsPermanent(err):
		return badRequest("%s", err)
	}
	return err
}

func grpcCode(status int) codes.Code {
	switch status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.AlreadyExists
	case http.StatusUnprocessableEntity:
		return codes.FailedPrecondition
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusInternalServerError:
		return codes.Internal
	}
	return codes.InvalidArgument
}

// problemOf gives what the caller may see of err. An error that is none of the caller's business is logged and called internal.
func problemOf(log *slog.Logger, path string, err error) problem {
	var p problem
	if errors.As(err, &p) {
		return p
	}
	s, known := status.FromError(err)
	switch {
	case errors.Is(err, context.Canceled) || s.Code() == codes.Canceled:
		return problem{499, "the caller went away"}
	case known && s.Code() == codes.InvalidArgument: // the gateway could not read the request
		return problem{http.StatusBadRequest, "the request could not be read: " + cleanDecodeError(s.Message())}
	case known && (s.Code() == codes.NotFound || s.Code() == codes.Unimplemented):
		return problem{runtime.HTTPStatusFromCode(s.Code()), s.Message()}
	}
	log.Error("call", "path", path, "error", err)
	return problem{http.StatusInternalServerError, "the call could not be done; the server's log says why"}
}

// cleanDecodeError takes the library's name and its varying spaces out of a decoding error.
func cleanDecodeError(message string) string {
	message = strings.ReplaceAll(message, "\u00a0", " ")
	return strings.TrimPrefix(strings.TrimPrefix(message, "proto: "), "proto:")
}

func writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	said := map[string]any{
		"type": "about:blank", "title": http.StatusText(p.status), "status": p.status, "detail": p.detail, "instance": r.URL.Path,
	}
	if chinese := problemWords.Chinese(p.detail); chinese != "" {
		said["chinese"] = chinese
	}
	body, _ := json.Marshal(said)
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	switch p.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="liveclip"`)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "2")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(append(body, '\n'))
}

func isProblem(err error) bool {
	var p problem
	return errors.As(err, &p)
}
