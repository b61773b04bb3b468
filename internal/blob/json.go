package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"liveclip/internal/domain"
)

// maxRecord bounds a record read into memory. A plan or a manifest has a few kilobytes.
const maxRecord = 16 << 20

// ReadJSON reads a record into v, which should be a zero value; ErrNotFound.
func ReadJSON(ctx context.Context, s Store, key string, v any) (etag string, err error) {
	r, info, err := s.Get(ctx, key, 0, maxRecord)
	if err != nil {
		return "", fmt.Errorf("read record: %w", err)
	}
	defer r.Close()
	if info.Size > maxRecord {
		return "", domain.Permanent(fmt.Errorf("read record %s: has %d bytes, at most %d are read", key, info.Size, maxRecord))
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("read record %s: %w", key, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return "", domain.Permanent(fmt.Errorf("read record %s: %w", key, err))
	}
	return info.ETag, nil
}

// WriteNewJSON writes v unless the record exists; then it reads the one that won into v, which must be a pointer, and
// reports first = false. What v held before is gone then: fields that the winner left out are zero.
func WriteNewJSON[T any](ctx context.Context, s Store, key string, v *T) (first bool, err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return false, domain.Permanent(fmt.Errorf("write record %s: %w", key, err))
	}
	_, err = s.PutNew(ctx, key, bytes.NewReader(data))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, ErrExists) {
		return false, fmt.Errorf("write record: %w", err)
	}
	var winner T
	if _, err := ReadJSON(ctx, s, key, &winner); err != nil {
		return false, err
	}
	*v = winner
	return false, nil
}

// ReplaceJSON writes v over the record whose ETag is still the one given; ErrChanged.
func ReplaceJSON(ctx context.Context, s Store, key string, v any, etag string) (next string, err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", domain.Permanent(fmt.Errorf("replace record %s: %w", key, err))
	}
	info, err := s.PutIf(ctx, key, bytes.NewReader(data), etag)
	if err != nil {
		return "", fmt.Errorf("replace record: %w", err)
	}
	return info.ETag, nil
}
