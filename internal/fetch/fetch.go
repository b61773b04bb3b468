// Package fetch takes files from addresses that outsiders name: product pictures. It dials public addresses only, also after
// look-ups and redirects, and takes no more than it was told to.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"liveclip/internal/address"
	"liveclip/internal/domain"
	"liveclip/internal/outcall"
)

const maxRedirects = 5

// Getter fetches. Safe for concurrent use.
type Getter struct {
	client   *http.Client
	maxBytes int64
}

// New makes a getter of files up to maxBytes, each within a time.
func New(maxBytes int64, timeout time.Duration, allowPrivate bool) *Getter {
	dialer := &net.Dialer{Timeout: timeout}
	if !allowPrivate {
		dialer.Control = address.Control
	}
	return &Getter{maxBytes: maxBytes, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would dial past the check of addresses
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // a small answer stays small
			MaxIdleConns:           8,
			IdleConnTimeout:        10 * time.Second,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("redirected too often")
			}
			return allowed(r.URL)
		},
	}}
}

func allowed(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %.20q: must be http or https", u.Scheme)
	case u.Host == "":
		return errors.New("names no host")
	case u.User != nil:
		return errors.New("must not carry a user")
	}
	return nil
}

// File writes what lies at an address to a path. Its errors do not repeat the address, which may hold a secret; one that no
// repeat can mend is permanent.
func (g *Getter) File(ctx context.Context, from, path string) error {
	u, err := url.Parse(from)
	if err != nil || len(from) > 4096 {
		return domain.Permanent(errors.New("no URL"))
	}
	if err := allowed(u); err != nil {
		return domain.Permanent(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return domain.Permanent(errors.New("no URL"))
	}
	r.Header.Set("User-Agent", "liveclip")
	answer, err := g.client.Do(r)
	switch {
	case errors.Is(err, address.ErrPrivate):
		return domain.Permanent(address.ErrPrivate)
	case err != nil:
		return plain(err)
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("the server answered %d", code)
	case code != http.StatusOK:
		return domain.Permanent(fmt.Errorf("the server answered %d", code))
	case answer.ContentLength > g.maxBytes:
		return domain.Permanent(tooLarge(answer.ContentLength, g.maxBytes))
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(answer.Body, g.maxBytes+1))
	if err = errors.Join(plain(err), out.Close()); err != nil {
		return err
	}
	if n > g.maxBytes {
		_ = os.Remove(path)
		return domain.Permanent(fmt.Errorf("more than %d MB", g.maxBytes>>20))
	}
	return nil
}

func tooLarge(size, most int64) error {
	return fmt.Errorf("%d MB, more than %d", (size+(1<<20)-1)>>20, most>>20)
}

// plain is the cause of a client's error, without the address.
func plain(err error) error {
	if timeout := (*url.Error)(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	return outcall.WithoutURL(err)
}
