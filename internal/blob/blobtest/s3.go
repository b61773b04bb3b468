package blobtest

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"liveclip/internal/blob"
)

// realS3 names a store, "s3://bucket/prefix?endpoint=…", that tests may write to instead of one in this process; its
// credentials are in the environment as always.
const realS3 = "LIVECLIP_TEST_S3"

// IsReal reports whether S3URL names a server that is not in this process.
func IsReal() bool { return os.Getenv(realS3) != "" }

// S3URL is the address of an empty store in S3: of the server named by LIVECLIP_TEST_S3, else of one in this process.
func S3URL(t testing.TB) string {
	t.Helper()
	where := os.Getenv(realS3)
	if where == "" {
		where, _ = InProcess(t)
	}
	path, query, _ := strings.Cut(where, "?")
	return path + "/" + rand.Text() + "?" + query
}

// S3 is an empty store at S3URL.
func S3(t testing.TB) blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), blob.Config{URL: S3URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// InProcess is an S3 in this process, and the count of its requests. It takes any signature; that it is there is checked in
// front of it.
func InProcess(t testing.TB) (storeURL string, requests *atomic.Int64) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("clips"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=tester/") {
			t.Errorf("%s %s is not signed", r.Method, r.URL)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the secret of the test")
	return "s3://clips/a/prefix?region=us-east-1&endpoint=" + url.QueryEscape(server.URL), requests
}
