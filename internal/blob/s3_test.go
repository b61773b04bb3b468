package blob_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/blob"
	"liveclip/internal/blob/blobtest"
	"liveclip/internal/domain"
)

func TestS3KeepsTheStoresPromises(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return blobtest.S3(t) })
}

func TestAnObjectLargerThanMemoryShouldHoldGoesToS3InOnePut(t *testing.T) {
	where, requests := blobtest.InProcess(t)
	s, err := blob.Open(t.Context(), blob.Config{URL: where})
	if err != nil {
		t.Fatal(err)
	}
	before := requests.Load()
	info, err := s.PutNew(t.Context(), "t/large", io.MultiReader(strings.NewReader(strings.Repeat("x", 2<<20)))) // its length is not to be seen
	if err != nil || info.Size != 2<<20 || requests.Load() != before+1 {
		t.Fatalf("%+v, %v, %d requests", info, err, requests.Load()-before)
	}
}

func TestAListOfMoreThanAPageIsWhole(t *testing.T) {
	s := blobtest.S3(t)
	const keys = 1100 // S3 gives 1000 at once
	var all errgroup.Group
	all.SetLimit(8)
	want := make([]string, keys)
	for i := range keys {
		want[i] = fmt.Sprintf("t/list/%04d", i)
		all.Go(func() error { _, err := s.Put(t.Context(), want[i], strings.NewReader("x")); return err })
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for info, err := range s.List(t.Context(), "t/list/", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d keys of %d, or in another order", len(got), keys)
	}
}

func TestASecretThatIsWrongIsToldAtOnce(t *testing.T) {
	if !blobtest.IsReal() {
		t.Skip("the server in this process checks no signature")
	}
	where := blobtest.S3URL(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if _, err := blob.Open(t.Context(), blob.Config{URL: where}); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestAWrongBucketOrParameterIsToldAtOnce(t *testing.T) {
	where, _ := blobtest.InProcess(t)
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
