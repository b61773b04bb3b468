package t2v

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"liveclip/internal/trust"
	"liveclip/services/t2v/engines"
)

// certificate writes one that vouches for itself, as a server at 127.0.0.1 and as a client, and its key.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	told, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", told)
}

func TestTheOwnEngineIsMetOverTLSByThoseItTrusts(t *testing.T) {
	server, serverKey := certificate(t, "engine")
	client, clientKey := certificate(t, "worker")
	stranger, strangerKey := certificate(t, "stranger")
	cfg := ownEngine(t, "--tls-cert", server, "--tls-key", serverKey, "--tls-clients", client)

	for name, c := range map[string]struct {
		tls trust.TLS
		met bool
	}{
		"trusted both ways":     {trust.TLS{Enabled: true, CA: server, Cert: client, Key: clientKey}, true},
		"without TLS":           {trust.TLS{}, false},
		"without a certificate": {trust.TLS{Enabled: true, CA: server}, false},
		"a stranger":            {trust.TLS{Enabled: true, CA: server, Cert: stranger, Key: strangerKey}, false},
		"another's authority":   {trust.TLS{Enabled: true, CA: stranger, Cert: client, Key: clientKey}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.TLS = c.tls
			e, err := engines.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			if _, err := e.Health(t.Context()); (err == nil) != c.met || err != nil && engines.KindOf(err) != engines.Away {
				t.Errorf("health: %v, met: %v", err, c.met)
			}
		})
	}
	if _, err := engines.New(engines.Config{Kind: engines.KindOwn, Address: cfg.Address, TLS: trust.TLS{Enabled: true, CA: "nowhere.pem"}}); err == nil {
		t.Error("an authority's file that is not there is no fault")
	}

	cfg.TLS = trust.TLS{Enabled: true, CA: server, Cert: client, Key: clientKey}
	e, err := engines.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	ready(t, e)
	order := engines.Order{ID: "tls", Prompt: "a red circle moving left", Width: 64, Height: 64, Length: time.Second / 2, Tenant: "default"}
	if made, err := e.Generate(t.Context(), order, io.Discard); err != nil || made.Frames != 8 {
		t.Errorf("made %+v, %v", made, err)
	}
}
