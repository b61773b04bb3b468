package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/trust"
)

// secureBroker speaks only TLS, to those who prove with a password who they are. It gives its address and the file of its
// certificate.
func secureBroker(t *testing.T, mechanism string) (address, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(mechanism, "liveclip", "s3cret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}),
		kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0], ca
}

func TestABusSpeaksTLSAndProvesWhoItIs(t *testing.T) {
	for mechanism, theirs := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			address, ca := secureBroker(t, theirs)
			b := bus.New(bus.Config{
				Brokers: []string{address}, Partitions: 1, ReplicationFactor: 1,
				TLS: trust.TLS{Enabled: true, CA: ca}, SASL: bus.SASL{Mechanism: mechanism, Username: "liveclip", Password: "s3cret"},
			}, embeddedtest.Log(t), prometheus.NewRegistry())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			defer b.Close(context.Background())
			if err := b.Ensure(ctx); err != nil {
				t.Fatal(err)
			}
			sent := event.Event{
				Envelope: event.Envelope{ID: "e", Tenant: domain.DefaultTenant, Stream: "room1", Lane: domain.LaneLive}, Payload: domain.TranscriptLine{ID: "l", Text: "半价"},
			}
			if err := b.Publish(ctx, sent); err != nil {
				t.Fatal(err)
			}
			within, done := context.WithCancel(ctx)
			var got domain.TranscriptLine
			if err := b.Consume(within, "g", []event.Topic{event.TranscriptLine}, func(_ context.Context, e event.Event) error {
				got = e.Payload.(domain.TranscriptLine)
				done()
				return nil
			}); err != nil || got.Text != "半价" {
				t.Errorf("read %+v, %v", got, err)
			}
		})
	}
}

func TestABusThatIsNotTrustedSaysSo(t *testing.T) {
	address, ca := secureBroker(t, "PLAIN")
	for what, c := range map[string]bus.Config{
		"without TLS":           {SASL: bus.SASL{Mechanism: "plain", Username: "liveclip", Password: "s3cret"}},
		"another's certificate": {TLS: trust.TLS{Enabled: true}, SASL: bus.SASL{Mechanism: "plain", Username: "liveclip", Password: "s3cret"}},
		"a wrong password":      {TLS: trust.TLS{Enabled: true, CA: ca}, SASL: bus.SASL{Mechanism: "plain", Username: "liveclip", Password: "guess"}},
		"no such file":          {TLS: trust.TLS{Enabled: true, CA: "/nowhere/ca.pem"}},
	} {
		c.Brokers = []string{address}
		b := bus.New(c, embeddedtest.Log(t), prometheus.NewRegistry())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := b.Ready(ctx); err == nil {
			t.Errorf("%s: ready", what)
		}
		cancel()
		_ = b.Close(context.Background())
	}
}

func TestFaultsOfTrustAreToldWithTheRest(t *testing.T) {
	c := bus.Defaults()
	c.TLS = trust.TLS{CA: "ca.pem"}
	c.SASL = bus.SASL{Mechanism: "kerberos"}
	c.Tries = 0
	got := strings.Join(c.Faults(), "\n")
	for _, want := range []string{"kafka.tries: must be", "kafka.tls.enabled: must be true", `kafka.sasl.mechanism: must be plain, scram-sha-256 or scram-sha-512, is "kerberos"`} {
		if !strings.Contains(got, want) {
			t.Errorf("faults do not say %q:\n%s", want, got)
		}
	}
}
