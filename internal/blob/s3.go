package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"liveclip/internal/domain"
)

const (
	maxObject    = 5 << 30 // bytes; S3's limit for a single PUT, which alone is atomic and conditional everywhere
	spoolBeyond  = 1 << 20 // bytes of a reader of unknown length that are held in memory; more go to a temporary file
	conflicts    = 5       // tries of a conditional PUT that met another one under way
	openDeadline = 15 * time.Second
)

// s3 is a Store in a bucket. Conditions are S3's own (If-None-Match, If-Match on PUT): a service without them says
// NotImplemented, which is a permanent error here, never a silent overwrite.
type s3 struct {
	core   minio.Core
	bucket string
	prefix string // empty, or ends with a slash
}

// openS3 takes s3://bucket/prefix?endpoint=[http[s]://]host[:port]&region=…; without an endpoint it is AWS. Credentials come
// from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), ~/.aws/credentials, or the machine's role.
func openS3(ctx context.Context, u *url.URL) (Store, error) {
	query := u.Query()
	for name := range query {
		if name != "endpoint" && name != "region" {
			return nil, domain.Permanent(fmt.Errorf("open store %q: unknown parameter %q", u.Redacted(), name))
		}
	}
	endpoint, secure := "s3.amazonaws.com", true
	if given := query.Get("endpoint"); given != "" {
		var plain bool
		endpoint, plain = strings.CutPrefix(given, "http://")
		endpoint, secure = strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), "/"), !plain
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return nil, fmt.Errorf("open store %q: %w", u.Redacted(), err)
		}
		prefix += "/"
	}
	core, err := minio.NewCore(endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}},
		}),
		Secure: secure,
		Region: query.Get("region"),
	})
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("open store %q: %w", u.Redacted(), err))
	}
	ctx, cancel := context.WithTimeout(ctx, openDeadline)
	defer cancel()
	exists, err := core.BucketExists(ctx, u.Host)
	if err == nil && !exists {
		err = domain.Permanent(errors.New("no such bucket"))
	}
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", u.Redacted(), sorted(err))
	}
	return &s3{*core, u.Host, prefix}, nil
}

func (s *s3) Put(ctx context.Context, key string, r io.Reader) (Info, error) {
	return s.put(ctx, "put", key, r, func(*minio.PutObjectOptions) {}, nil)
}

func (s *s3) PutNew(ctx context.Context, key string, r io.Reader) (Info, error) {
	return s.put(ctx, "put new", key, r, func(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") }, ErrExists)
}

func (s *s3) PutIf(ctx context.Context, key string, r io.Reader, etag string) (Info, error) {
	return s.put(ctx, "put if", key, r, func(o *minio.PutObjectOptions) { o.SetMatchETag(etag) }, ErrChanged)
}

// put sends the object in one PUT; refused is what a condition that does not hold means.
func (s *s3) put(ctx context.Context, action, key string, r io.Reader, condition func(*minio.PutObjectOptions), refused error) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	body, size, done, err := spool(UntilDone(ctx, r))
	if err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	defer done()
	if size > maxObject {
		return Info{}, domain.Permanent(fmt.Errorf("%s %s: has %d bytes, at most %d can be stored", action, key, size, int64(maxObject)))
	}
	options := minio.PutObjectOptions{
		DisableMultipart: true, ContentType: "application/octet-stream",
		DisableContentSha256: size == 0, // a signed stream of nothing would go out without a length
	}
	condition(&options)
	for try := 1; ; try++ {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
		}
		sent, err := s.core.Client.PutObject(ctx, s.bucket, s.prefix+key, body, size, options)
		if err == nil {
			return Info{Key: key, Size: size, ETag: strings.Trim(sent.ETag, `"`), Modified: sent.LastModified.UTC()}, nil
		}
		switch answer := minio.ToErrorResponse(err); {
		case answer.Code == "ConditionalRequestConflict" && try < conflicts:
			continue // the other one ends in between, and the condition says how
		case refused != nil && (answer.StatusCode == http.StatusPreconditionFailed || answer.Code == "PreconditionFailed"),
			errors.Is(refused, ErrChanged) && answer.Code == "NoSuchKey":
			return Info{}, fmt.Errorf("%s %s: %w", action, key, refused)
		}
		return Info{}, fmt.Errorf("%s %s: %w", action, key, sorted(err))
	}
}

// spool makes a reader's length known and its bytes readable twice, as a repeated PUT needs.
func spool(r io.Reader) (body io.ReadSeeker, size int64, done func(), err error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, spoolBeyond+1)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(head.Bytes()), n, func() {}, nil
	}
	if err != nil {
		return nil, 0, nil, err
	}
	file, err := os.CreateTemp("", "liveclip-put-*")
	if err != nil {
		return nil, 0, nil, err
	}
	done = func() { file.Close() }
	if err := os.Remove(file.Name()); err == nil { // nothing is left behind, however this process ends
		size, err = io.Copy(file, io.MultiReader(&head, io.LimitReader(r, maxObject)))
		if err == nil {
			return file, size, done, nil
		}
		done()
		return nil, 0, nil, err
	}
	done()
	return nil, 0, nil, err
}

func (s *s3) Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, Info, error) {
	if err := checkKey(key); err != nil {
		return nil, Info{}, err
	}
	if offset < 0 {
		return nil, Info{}, domain.Permanent(fmt.Errorf("get %s: offset %d is negative", key, offset))
	}
	var options minio.GetObjectOptions
	var err error
	switch {
	case size == 0:
		return s.nothing(ctx, key)
	case size > 0:
		err = options.SetRange(offset, offset+size-1)
	case offset > 0:
		err = options.SetRange(offset, 0)
	}
	if err != nil {
		return nil, Info{}, domain.Permanent(fmt.Errorf("get %s: %w", key, err))
	}
	body, object, header, err := s.core.GetObject(ctx, s.bucket, s.prefix+key, options)
	if minio.ToErrorResponse(err).Code == "InvalidRange" {
		return s.nothing(ctx, key) // it begins at the end or after it
	}
	if err != nil {
		return nil, Info{}, fmt.Errorf("get %s: %w", key, sorted(err))
	}
	info := s.info(object)
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if info.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			body.Close()
			return nil, Info{}, fmt.Errorf("get %s: its Content-Range names no size: %w", key, err)
		}
	}
	return body, info, nil
}

// nothing is an empty part of an object that exists.
func (s *s3) nothing(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	return io.NopCloser(strings.NewReader("")), info, nil
}

func (s *s3) Stat(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	object, err := s.core.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, fmt.Errorf("stat %s: %w", key, sorted(err))
	}
	return s.info(object), nil
}

func (s *s3) info(o minio.ObjectInfo) Info {
	return Info{Key: strings.TrimPrefix(o.Key, s.prefix), Size: o.Size, ETag: strings.Trim(o.ETag, `"`), Modified: o.LastModified.UTC()}
}

func (s *s3) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.core.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("delete %s: %w", key, sorted(err))
	}
	return nil
}

func (s *s3) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := errors.Join(checkBytes(prefix), ctx.Err()); err != nil {
			yield(Info{}, fmt.Errorf("list %s: %w", prefix, err))
			return
		}
		listing, cancel := context.WithCancel(ctx)
		defer cancel() // ends the listing when the caller wants none further
		options := minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}
		if after != "" {
			options.StartAfter = s.prefix + after
		}
		for object := range s.core.Client.ListObjects(listing, s.bucket, options) {
			if object.Err != nil {
				yield(Info{}, fmt.Errorf("list %s: %w", prefix, sorted(object.Err)))
				return
			}
			if !yield(s.info(object), nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, fmt.Errorf("list %s: %w", prefix, err))
		}
	}
}

// sorted tells what no retry can mend apart.
func sorted(err error) error {
	switch minio.ToErrorResponse(err).Code {
	case "NoSuchKey":
		return ErrNotFound
	case "NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NotImplemented", "KeyTooLongError":
		return domain.Permanent(err)
	}
	return err
}
