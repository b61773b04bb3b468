// Package opsclient talks to the ops API over HTTP.
package opsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client is safe for concurrent use.
type Client struct {
	Server string // http://host:port
	Token  string
	http   *http.Client
}

// New does not dial.
func New(server, token string) *Client {
	return &Client{Server: strings.TrimRight(server, "/"), Token: token, http: &http.Client{Timeout: 30 * time.Second}}
}

// Problem is an RFC 9457 problem document: what the server answered instead.
type Problem struct {
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Status  int    `json:"status"`
	Chinese string `json:"chinese"` // the detail in Chinese; empty: there is none
}

func (p Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%s (%d)", p.Title, p.Status)
	}
	return fmt.Sprintf("%s (%d)", p.Detail, p.Status)
}

// Call sends body as JSON, if not nil, and reads the answer into answer, if not nil. headers are names and values in turn.
func (c *Client) Call(ctx context.Context, method, path string, body, answer any, headers ...string) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		content = bytes.NewReader(text)
	}
	if body != nil {
		headers = append([]string{"Content-Type", "application/json"}, headers...)
	}
	text, err := c.do(ctx, method, path, content, headers)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// Post sends bytes as they are, and gives the answer's.
func (c *Client) Post(ctx context.Context, path string, body []byte) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, bytes.NewReader(body), []string{"Content-Type", "application/octet-stream"})
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader, headers []string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.Server+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w (is liveclip up?)", c.Server, reason(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= 300 {
		p := Problem{Title: http.StatusText(response.StatusCode)}
		_ = json.Unmarshal(text, &p) // an answer that is no problem document still has its status
		p.Status = response.StatusCode
		return nil, fmt.Errorf("%s %s: %w", method, path, p)
	}
	return text, nil
}

// reason takes the URL, which the caller has named, off a transport error.
func reason(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
