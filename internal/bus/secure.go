package bus

import (
	"crypto/tls"
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// SASL is how this client proves who it is.
type SASL struct {
	Mechanism string `koanf:"mechanism"` // plain, scram-sha-256, scram-sha-512; empty: none
	Username  string `koanf:"username"`
	Password  string `koanf:"password"`
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("sasl.mechanism: must be plain, scram-sha-256 or scram-sha-512, is %q", s.Mechanism)
}

func (s SASL) fault() string {
	if _, err := s.mechanism(); err != nil {
		return err.Error()
	}
	if s.Mechanism == "" && s != (SASL{}) {
		return "sasl.mechanism: must be given with sasl.username and sasl.password"
	}
	if s.Mechanism != "" && (s.Username == "" || s.Password == "") {
		return "sasl.username: must be given with sasl.mechanism, and sasl.password too"
	}
	return ""
}

// security is what every connection to the brokers begins with.
type security struct {
	tls       *tls.Config
	mechanism sasl.Mechanism
}

func (c Config) security() (s security, err error) {
	if s.tls, err = c.TLS.Config(); err != nil {
		return s, fmt.Errorf("kafka.%w", err)
	}
	if s.mechanism, err = c.SASL.mechanism(); err != nil {
		return s, fmt.Errorf("kafka.%w", err)
	}
	return s, nil
}
