package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateLooked is how often the certificate's file is looked at: it is renewed while the process runs.
const certificateLooked = time.Minute

// tls gives what the HTTP face shows; nil: it listens plainly.
func (l listenConfig) tls() *tls.Config {
	if l.Cert == "" {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: (&certificate{of: l}).get}
}

func (l listenConfig) scheme() string {
	if l.Cert == "" {
		return "http"
	}
	return "https"
}

// faults says what of TLS cannot work, a line each.
func (l listenConfig) faults() []string {
	if l.Cert == "" && l.Key == "" {
		return nil
	}
	if l.Cert == "" || l.Key == "" {
		return []string{"listen.cert and listen.key: one is set without the other"}
	}
	if _, err := tls.LoadX509KeyPair(l.Cert, l.Key); err != nil {
		return []string{fmt.Sprintf("listen.cert, listen.key: %s", err)}
	}
	return nil
}

// certificate is read anew when its file changed; one that cannot be read leaves the last one standing.
type certificate struct {
	of listenConfig

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	last    *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && time.Since(c.looked) < certificateLooked {
		return c.last, nil
	}
	c.looked = time.Now()
	info, err := os.Stat(c.of.Cert)
	if err == nil && c.last != nil && info.ModTime().Equal(c.changed) {
		return c.last, nil
	}
	if err == nil {
		var read tls.Certificate
		if read, err = tls.LoadX509KeyPair(c.of.Cert, c.of.Key); err == nil {
			c.last, c.changed = &read, info.ModTime()
		}
	}
	if c.last != nil {
		return c.last, nil
	}
	return nil, fmt.Errorf("read certificate %s: %w", c.of.Cert, err)
}
