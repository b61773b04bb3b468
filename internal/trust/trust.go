// Package trust says how a client meets a server over TLS.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS is the part "tls" of a server's configuration. Files are PEM.
type TLS struct {
	Enabled    bool   `koanf:"enabled"`
	CA         string `koanf:"ca"`          // file of the authorities that may vouch for the server; empty: the system's
	Cert       string `koanf:"cert"`        // file of our own certificate, where the server asks for one
	Key        string `koanf:"key"`         // file of its key
	ServerName string `koanf:"server_name"` // that the server must prove; empty: the one we dial
}

// Config reads the files; nil: without TLS.
func (t TLS) Config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls.ca: %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read tls.cert and tls.key: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// Fault tells what is wrong with the configuration, files included; empty: nothing.
func (t TLS) Fault() string {
	err := t.settingsFault()
	if err == nil {
		_, err = t.Config()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func (t TLS) settingsFault() error {
	if !t.Enabled && t != (TLS{}) {
		return errors.New("tls.enabled: must be true where other parts of tls are given")
	}
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("tls.cert: must be given with tls.key, both or neither")
	}
	return nil
}
