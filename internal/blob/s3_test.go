package blob_test

import (
	"crypto/rand"
	"io"
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
	"liveclip/internal/blob/blobtest"
	"liveclip/internal/domain"
)

// s3Server is an S3 in this process. It takes any signature; that it is there is checked in front of it.
func s3Server(t *testing.T) (storeURL string, requests *atomic.Int64) {
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

// LIVECLIP_TEST_S3 names a store, "s3://bucket/prefix?endpoint=…", that the suite may write to; its credentials are in the
// environment as always.
func TestS3KeepsTheStoresPromises(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		where := os.Getenv("LIVECLIP_TEST_S3")
		if where == "" {
			where, _ = s3Server(t)
		}
		path, query, _ := strings.Cut(where, "?")
		s, err := blob.Open(t.Context(), blob.Config{URL: path + "/" + rand.Text() + "?" + query})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestAnObjectLargerThanMemoryShouldHoldGoesToS3InOnePut(t *testing.T) {
	where, requests := s3Server(t)
	s, err := blob.Open(t.Context(), blob.Config{URL: where})
	if err != nil {
		t.Fatal(err)
	}
	before := requests.Load()
	content := strings.Repeat("0123456789abcdef", 2<<20/16) + "end"
	info, err := s.PutNew(t.Context(), "t/large", io.MultiReader(strings.NewReader(content))) // its length is not to be seen
	if err != nil || info.Size != int64(len(content)) || requests.Load() != before+1 {
		t.Fatalf("%+v, %v, %d requests", info, err, requests.Load()-before)
	}
	r, _, err := s.Get(t.Context(), "t/large", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func TestAWrongBucketOrParameterIsToldAtOnce(t *testing.T) {
	where, _ := s3Server(t)
	for _, wrong := range []string{strings.Replace(where, "clips", "nobodys", 1), where + "&colour=red", strings.Replace(where, "/prefix", "/..", 1)} {
		if _, err := blob.Open(t.Context(), blob.Config{URL: wrong}); !domain.IsPermanent(err) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestAServiceWithoutConditionsIsNeverOverwritten(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotImplemented)
			io.WriteString(w, `<Error><Code>NotImplemented</Code><Message>If-None-Match</Message></Error>`)
		}
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the secret of the test")
	s, err := blob.Open(t.Context(), blob.Config{URL: "s3://clips?region=us-east-1&endpoint=" + url.QueryEscape(server.URL)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutNew(t.Context(), "t/a", strings.NewReader("x")); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}
