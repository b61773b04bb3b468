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

	"liveclip/internal/domain"
)

const maxAnswer = 64 << 10 // bytes of a destination's answer that are read

// webhook tells a URL of clips.
type webhook struct {
	dest   Destination
	links  links
	now    func() time.Time
	client *http.Client
}

// newWebhook makes a client that calls once and only once: every call has a connection of its own, since net/http repeats a
// request by itself when a kept connection turns out to be dead, and redirects are not followed.
func newWebhook(dest Destination, l links, allowPrivate bool, now func() time.Time) webhook {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !allowPrivate {
		dialer.Control = publicOnly
	}
	return webhook{dest, l, now, &http.Client{
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

func (w webhook) repeatable() bool { return false }
func (w webhook) profile() string  { return w.dest.Profile }

// answerBody is what a destination may say beside its status; all of it is optional.
type answerBody struct {
	State  string `json:"state"`
	ID     string `json:"id"`
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

func (w webhook) push(ctx context.Context, p parcel) (outcome, error) {
	m := messageOf(eventPublished, p, "")
	w.links.fill(&m, p)
	status, said, err := w.call(ctx, m, p.String())
	if err != nil {
		return outcome{}, err
	}
	if status/100 != 2 {
		return outcome{state: domain.PublicationRejected, reason: refusal(status, said)}, nil
	}
	o := outcome{state: domain.PublicationAccepted, remoteID: cut(said.ID, 256), url: cut(said.URL, 2048), reason: cut(said.Detail, 500)}
	switch said.State {
	case string(domain.PublicationVisible):
		o.state = domain.PublicationVisible
	case string(domain.PublicationRejected):
		o.state = domain.PublicationRejected
	}
	return o, nil
}

func (w webhook) withdraw(ctx context.Context, p parcel, remoteID string) error {
	status, said, err := w.call(ctx, messageOf(eventWithdrawn, p, remoteID), p.String()+"/withdrawn")
	if err == nil && status/100 != 2 {
		err = domain.Permanent(errors.New(refusal(status, said)))
	}
	return err
}

func refusal(status int, said answerBody) string {
	reason := fmt.Sprintf("the destination answered %d", status)
	if status/100 == 3 {
		reason += ": redirects are not followed"
	}
	if said.Detail != "" {
		reason += ": " + cut(said.Detail, 500)
	}
	return reason
}

// call posts the message once. Its errors are a connector's; a status that asks for another try is one of them.
func (w webhook) call(ctx context.Context, m message, key string) (status int, said answerBody, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return 0, said, domain.Permanent(err)
	}
	var connected atomic.Bool // from then on the request may have been read
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.dest.URL, bytes.NewReader(body))
	if err != nil {
		return 0, said, domain.Permanent(err)
	}
	timestamp := strconv.FormatInt(w.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "liveclip")
	r.Header.Set("Idempotency-Key", key)
	r.Header.Set("X-Liveclip-Timestamp", timestamp)
	r.Header.Set("X-Liveclip-Signature", signature(w.dest.Secret, timestamp, body))
	answer, err := w.client.Do(r)
	switch {
	case errors.Is(err, errPrivate):
		return 0, said, domain.Permanent(fmt.Errorf("call %s: %w", w.dest.Name, errPrivate))
	case err != nil && connected.Load():
		return 0, said, fmt.Errorf("call %s: %w", w.dest.Name, errUnanswered)
	case err != nil:
		return 0, said, fmt.Errorf("call %s: %w", w.dest.Name, withoutURL(err))
	}
	defer answer.Body.Close()
	// The status has decided; what else it says is taken if it can be read.
	if data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err == nil {
		if json.Unmarshal(data, &said) != nil {
			said = answerBody{Detail: plain(data)}
		}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return 0, said, &patience{refusal(code, said), retryAfter(answer.Header.Get("Retry-After"), w.now())}
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

// retryAfter reads seconds or a date; 0: neither.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// withoutURL is the cause of a client's error; the URL may hold a secret.
func withoutURL(err error) error {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if _, ok := cause.(interface{ Timeout() bool }); !ok {
			return cause
		}
		err = cause
	}
	return err
}

// plain keeps what of a page of text can be shown in one line.
func plain(data []byte) string {
	return strings.Join(strings.Fields(cut(string(data), 500)), " ")
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "�")
}
