package engines

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"liveclip/internal/address"
	"liveclip/internal/note"
	"liveclip/internal/outcall"
)

const (
	maxAnswer   = 1 << 20          // of an API call
	callTimeout = 15 * time.Second // of an API call
	maxFailures = 5                // looks at an order that fail in a row, before the engine counts as away
	lastWord    = 5 * time.Second  // for telling an engine that an order is cancelled
)

// api is a JSON API behind a bearer token.
type api struct {
	base   string
	key    string
	client *http.Client
}

func newAPI(cfg Config, base string) *api {
	if cfg.Address != "" {
		base = cfg.Address
	}
	return &api{
		base: strings.TrimRight(base, "/"), key: cfg.Key,
		client: &http.Client{
			Transport: newTransport(true), // the address is the operator's own
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the token goes nowhere else
			},
		},
	}
}

func newTransport(private bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !private {
		dialer.Control = publicOnly
	}
	return &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: callTimeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}

// publicOnly refuses to connect to an address that is not the public internet's; it sees what names resolved to.
func publicOnly(network, to string, c syscall.RawConn) error {
	if address.Control(network, to, c) != nil {
		return fault(Wrong, "the video lies at %s, which is no public address", to)
	}
	return nil
}

func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("more than 3 redirects")
	}
	return nil
}

// request is one call; body is nil, or sent as of contentType.
type request struct {
	method, path string
	contentType  string
	body         []byte
	header       map[string]string
}

// call gives the answer's body when its status is 2xx; else a Fault sorted by sortStatus. said sorts errors the API words itself.
func (a *api) call(ctx context.Context, r request, said func(status int, body []byte) *Fault) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := a.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case response.StatusCode/100 != 2:
		return nil, refusal(response, body, said)
	case err != nil:
		return nil, fault(Away, "read the engine's answer: %w", err)
	case len(body) > maxAnswer:
		return nil, fault(Wrong, "the engine's answer has more than %d bytes", maxAnswer)
	}
	return body, nil
}

func (a *api) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, a.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, fault(Unfit, "ask the engine: %s %s: malformed", r.method, r.path)
	}
	req.Header.Set("Accept", "application/json")
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	response, err := a.client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	return response, nil
}

// unreachable strips the URL, which may carry a signature, from an error of net/http.
func unreachable(err error) error {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return fault(Away, note.EngineAway.English, note.Plain(outcall.WithoutURL(err)))
}

func refusal(response *http.Response, body []byte, said func(int, []byte) *Fault) *Fault {
	f := said(response.StatusCode, body)
	if f == nil {
		why, known := note.Status(response.StatusCode)
		if !known {
			why = note.NoReason
		}
		f = &Fault{Kind: sortStatus(response.StatusCode), Err: why.Errorf()}
	}
	f.Err = note.EngineAnswered.Errorf(response.StatusCode, f.Err)
	f.After = cmp.Or(f.After, outcall.RetryAfter(response, time.Now(), 10*time.Minute))
	return f
}

// sortStatus sorts an HTTP status where the answer says no more.
func sortStatus(status int) Kind {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return Busy
	case status == http.StatusUnavailableForLegalReasons:
		return Refused
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired,
		status == http.StatusRequestTimeout, status >= 500, status/100 == 3:
		return Away
	}
	return Unfit
}

// download writes a video to sink, and holds its length against what the answer says.
func download(response *http.Response, sink io.Writer, said func(int, []byte) *Fault) error {
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		return refusal(response, body, said)
	}
	n, err := io.Copy(sink, response.Body)
	var f *Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault(Wrong, "the video breaks off after %d bytes of %d", n, response.ContentLength)
	case err != nil:
		return fault(Away, "the video breaks off after %d bytes: %w", n, err)
	}
	return nil
}

// readJSON decodes an answer.
func readJSON(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fault(Wrong, "the engine's answer is not what its API promises: %.80q", body)
	}
	return nil
}

// watch asks look every poll, more slowly as time passes, until it says done. A few failures in a row are borne.
func watch(ctx context.Context, poll time.Duration, alive func(), look func() (done bool, err error)) error {
	failures := 0
	for wait := poll; ; wait = min(wait*5/4, 4*poll) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		done, err := look()
		kind := KindOf(err)
		switch {
		case err == nil && done:
			return nil
		case err == nil:
			failures = 0
			alive()
		case kind != Busy && kind != Away || ctx.Err() != nil:
			return err
		default:
			if failures++; failures >= maxFailures {
				return err
			}
		}
	}
}

// begin creates an order at the engine. One whose creation is under way when ctx ends is undone as soon as its ID is
// known: else the engine would work, and be paid, for nobody.
func begin(ctx context.Context, create func(context.Context) (id string, err error), undo func(id string)) (string, error) {
	type created struct {
		id  string
		err error
	}
	answer := make(chan created, 1)
	go func() {
		id, err := create(context.WithoutCancel(ctx)) // each call is bounded in itself
		answer <- created{id, err}
	}()
	select {
	case c := <-answer:
		return c.id, c.err
	case <-ctx.Done():
	}
	go func() {
		if c := <-answer; c.err == nil {
			undo(c.id)
		}
	}()
	return "", ctx.Err()
}

// tell has a last word with the engine about an order that is not wanted any more.
func (a *api) tell(r request) {
	ctx, cancel := context.WithTimeout(context.Background(), lastWord)
	defer cancel()
	_, _ = a.call(ctx, r, func(int, []byte) *Fault { return nil })
}
