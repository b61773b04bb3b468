package whisper

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"liveclip/internal/await"
	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/outcall"
)

const sampleRate = 16000

const (
	// Budget is the longest that an utterance takes, all tries together.
	Budget    = 25 * time.Second
	tries     = 4
	waitLeast = 250 * time.Millisecond // before the second try, doubled for each further one
	prompt    = 800                    // bytes of words to expect: Whisper reads about 200 tokens of it
)

// Config is where and how to ask.
type Config struct {
	URL      string        // of the server's API, to /v1 or to the whole path
	Key      string        // sent as a bearer token; empty: none
	Model    string        // as the server names it
	Language string        // BCP 47; empty: the server tells
	Timeout  time.Duration // of one try
}

// Faults lists what is wrong with c.
func (c Config) Faults() []string {
	var faults []string
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		faults = append(faults, "url: must be http(s)://host/v1 of a transcription server")
	} else if u.User != nil {
		faults = append(faults, "url: must hold no password; give key")
	}
	if c.Timeout < 100*time.Millisecond || c.Timeout > Budget {
		faults = append(faults, fmt.Sprintf("timeout: must be from 100ms to %v, is %v", Budget, c.Timeout))
	}
	if strings.ContainsAny(c.Key, "\r\n") {
		faults = append(faults, "key: must be one line")
	}
	return faults
}

// Client is safe for concurrent use.
type Client struct {
	cfg    Config
	url    string
	http   *http.Client
	wait   func(ctx context.Context, d time.Duration) error
	simple atomic.Bool // the server knows no verbose_json
}

// New takes the wait between tries; nil: by the clock.
func New(cfg Config, wait func(ctx context.Context, d time.Duration) error) *Client {
	path := strings.TrimSuffix(cfg.URL, "/")
	if !strings.HasSuffix(path, "/audio/transcriptions") {
		path += "/audio/transcriptions"
	}
	if wait == nil {
		wait = await.For
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	return &Client{cfg: cfg, url: path, wait: wait, http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // a key goes to one place only
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// refusal is an answer that is no transcript.
type refusal struct {
	status int
	said   string
	after  time.Duration // when to come back; 0: not said
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %s", r.status, r.said) }

// ErrUtterance marks an utterance that the server will never take; others it may.
var ErrUtterance = errors.New("utterance refused")

// Transcribe gives the words of an utterance (16 kHz mono s16le), with times from its beginning. Its error is permanent when
// the server refuses us, not the utterance; temporary ones were tried again.
func (c *Client) Transcribe(ctx context.Context, samples []byte, expect []string) ([]domain.Word, error) {
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	wait := waitLeast
	for try := 1; ; try++ {
		words, err := c.once(ctx, samples, expect)
		if err == nil || domain.IsPermanent(err) || errors.Is(err, ErrUtterance) {
			return words, err
		}
		pause := wait
		if r := (*refusal)(nil); errors.As(err, &r) && r.after > pause {
			pause = r.after
		}
		deadline, _ := ctx.Deadline()
		if try == tries || ctx.Err() != nil || time.Until(deadline) < pause {
			return nil, fmt.Errorf("transcribe by %s: after %d tries: %w", c.host(), try, err)
		}
		if c.wait(ctx, pause) != nil {
			return nil, fmt.Errorf("transcribe by %s: after %d tries: %w", c.host(), try, err)
		}
		wait *= 2
	}
}

func (c *Client) host() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return "server"
	}
	return u.Host
}

func (c *Client) once(ctx context.Context, samples []byte, expect []string) ([]domain.Word, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	simple := c.simple.Load()
	body, kind := c.form(samples, expect, simple)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, domain.Permanent(err)
	}
	request.Header.Set("Content-Type", kind)
	if c.cfg.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, note.Plain(outcall.WithoutURL(err))
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("answer broke off: %w", outcall.WithoutURL(err))
	case len(said) > mostAnswer:
		return nil, fmt.Errorf("answer is longer than %d bytes", mostAnswer)
	case response.StatusCode != http.StatusOK:
		return c.refused(ctx, response, said, simple, samples, expect)
	}
	words, err := parse(said, time.Duration(len(samples)/2)*time.Second/sampleRate)
	if err != nil {
		return nil, fmt.Errorf("answer %w", err)
	}
	return words, nil
}

// refused sorts what a server answers instead.
func (c *Client) refused(ctx context.Context, response *http.Response, said []byte, simple bool, samples []byte, expect []string) ([]domain.Word, error) {
	r := &refusal{response.StatusCode, excerpt(said), outcall.RetryAfter(response, time.Now(), time.Hour)}
	err := fmt.Errorf("transcribe by %s: %w", c.host(), r)
	switch s := r.status; {
	case (s == http.StatusBadRequest || s == http.StatusUnprocessableEntity) && !simple && bytes.Contains(said, []byte("verbose_json")):
		c.simple.Store(true) // times of words are lost, words are not
		return c.once(ctx, samples, expect)
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return nil, r
	case s == http.StatusBadRequest || s == http.StatusRequestEntityTooLarge || s == http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %w", ErrUtterance, err)
	}
	return nil, domain.Permanent(err) // the key, the path, a redirection
}

func (c *Client) form(samples []byte, expect []string, simple bool) (body []byte, kind string) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, _ := form.CreatePart(textproto.MIMEHeader{ // a buffer's writes do not fail
		"Content-Disposition": {`form-data; name="file"; filename="utterance.wav"`}, "Content-Type": {"audio/wav"}})
	_, _ = part.Write(wave(samples))
	field := func(name, value string) {
		if value != "" {
			_ = form.WriteField(name, value)
		}
	}
	field("model", cmp.Or(c.cfg.Model, "whisper-1"))
	language, _, _ := strings.Cut(c.cfg.Language, "-")
	field("language", language)
	field("temperature", "0")
	field("prompt", expected(expect))
	if simple {
		field("response_format", "json")
	} else {
		field("response_format", "verbose_json")
		field("timestamp_granularities[]", "word")
		field("timestamp_granularities[]", "segment")
	}
	_ = form.Close()
	return b.Bytes(), form.FormDataContentType()
}

// expected puts as many words as a server reads into a prompt.
func expected(words []string) string {
	var b strings.Builder
	for _, w := range words {
		if b.Len()+len(w)+2 > prompt {
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(w)
	}
	return b.String()
}
