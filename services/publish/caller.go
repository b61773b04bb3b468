package publish

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"liveclip/internal/address"
	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/outcall"
)

const maxAnswer = 64 << 10 // bytes of a destination's answer that are read

// caller posts signed JSON to a destination's URL.
type caller struct {
	dest   Destination
	now    func() time.Time
	client *http.Client
}

// newCaller makes a client that calls once and only once: every call has a connection of its own, since net/http repeats a
// request by itself when a kept connection turns out to be dead, and redirects are not followed.
func newCaller(dest Destination, allowPrivate bool, now func() time.Time) caller {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !allowPrivate {
		dialer.Control = address.Control
	}
	return caller{dest, now, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would dial past the check of addresses
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: maxAnswer,
			TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/2 repeats requests, too
		},
	}}
}

// answerBody is what a destination may say beside its status; all of it is optional.
type answerBody struct {
	State  string `json:"state"`
	ID     string `json:"id"`
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

func refusal(status int, said answerBody) string {
	reason := note.Answered.Say(status)
	if status/100 == 3 {
		reason += ": " + note.NoRedirects.Say()
	}
	if why, known := note.Status(status); known {
		reason += ": " + why.Say()
	}
	if said.Detail != "" {
		reason += ": " + truncate(said.Detail, 500)
	}
	return reason
}

// call posts the JSON once. Its errors are a connector's; a status that asks for another try is one of them.
func (c caller) call(ctx context.Context, m any, key string) (status int, said answerBody, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return 0, said, domain.Permanent(err)
	}
	var connected atomic.Bool // from then on the request may have been read
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.dest.URL, bytes.NewReader(body))
	if err != nil {
		return 0, said, domain.Permanent(err)
	}
	timestamp := strconv.FormatInt(c.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "liveclip")
	r.Header.Set("Idempotency-Key", key)
	r.Header.Set("X-Liveclip-Timestamp", timestamp)
	r.Header.Set("X-Liveclip-Signature", signature(c.dest.Secret, timestamp, body))
	answer, err := c.client.Do(r)
	switch {
	case errors.Is(err, address.ErrPrivate):
		return 0, said, domain.Permanent(fmt.Errorf("call %s: %w; publish.allow_private would allow it", c.dest.Name, address.ErrPrivate))
	case err != nil && connected.Load():
		return 0, said, fmt.Errorf("call %s: %w", c.dest.Name, errUnanswered)
	case err != nil:
		return 0, said, fmt.Errorf("call %s: %w", c.dest.Name, note.Plain(withoutURL(err)))
	}
	defer answer.Body.Close()
	// The status has decided; what else it says is taken if it can be read.
	if data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err == nil {
		if json.Unmarshal(data, &said) != nil {
			said = answerBody{Detail: plainText(data)}
		}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return 0, said, &retryError{refusal(code, said), outcall.RetryAfter(answer, c.now(), askedPause)}
	}
	return answer.StatusCode, said, nil
}

// signature is the hex HMAC-SHA256 of the timestamp, a dot and the body.
func signature(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// withoutURL is the cause of an HTTP client's error, without the URL, which may hold a secret, and the address it resolved to.
func withoutURL(err error) error {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if _, ok := cause.(interface{ Timeout() bool }); !ok {
			return cause
		}
		err = cause
	}
	return err
}

// plainText keeps what of a page of text can be shown in one line.
func plainText(data []byte) string {
	return strings.Join(strings.Fields(truncate(string(data), 500)), " ")
}

func truncate(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "�")
}
