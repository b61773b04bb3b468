package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// certify writes a certificate of that name and its key.
func certify(t *testing.T, l listenConfig, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{l.Cert: {Type: "CERTIFICATE", Bytes: cert}, l.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARenewedCertificateIsShownAndABrokenOneIsNot(t *testing.T) {
	folder := t.TempDir()
	l := listenConfig{Cert: filepath.Join(folder, "cert"), Key: filepath.Join(folder, "key")}
	certify(t, l, "first")
	shown := &certificate{of: l}
	show := func() string {
		shown.looked = time.Time{} // a minute is over
		got, err := shown.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	later := func(n int) {
		at := time.Now().Add(time.Duration(n) * time.Hour)
		if err := os.Chtimes(l.Cert, at, at); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{show()}
	certify(t, l, "second")
	later(1)
	got = append(got, show())
	if err := os.WriteFile(l.Cert, []byte("half a certifi"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(2)
	got = append(got, show())
	if want := []string{"first", "second", "second"}; !reflect.DeepEqual(got, want) {
		t.Errorf("shown: %q, want %q", got, want)
	}
}

func TestTLSIsToldToBeSetUpWhole(t *testing.T) {
	folder := t.TempDir()
	good := listenConfig{Cert: filepath.Join(folder, "cert"), Key: filepath.Join(folder, "key")}
	certify(t, good, "name")
	for name, c := range map[string]struct {
		of     listenConfig
		faults int
	}{"plain": {listenConfig{}, 0}, "whole": {good, 0}, "no key": {listenConfig{Cert: good.Cert}, 1}, "not there": {listenConfig{Cert: "/none", Key: "/none"}, 1}} {
		if got := c.of.faults(); len(got) != c.faults || (c.of.tls() != nil) != (c.of.Cert != "") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
