package bus

import (
	"fmt"
	"time"

	"liveclip/internal/trust"
)

// Config is the part "kafka" of the configuration.
type Config struct {
	Brokers           []string `koanf:"brokers"`
	Prefix            string   `koanf:"prefix"`     // before every topic and group name; empty: none
	Partitions        int      `koanf:"partitions"` // of every topic, equal, so that a stream has one number on all
	ReplicationFactor int      `koanf:"replication_factor"`

	TLS  trust.TLS `koanf:"tls"`
	SASL SASL      `koanf:"sasl"`

	// Retention is how long records of topics that are not compacted are kept; dead letters are kept four times as long.
	Retention time.Duration `koanf:"retention"`
	// Tries of one event before it goes to the dead letters. With the default backoff six take about 25 seconds.
	Tries int `koanf:"tries"`
	// Backoff before the second try; it triples from try to try, up to 30 seconds, and is jittered.
	Backoff time.Duration `koanf:"backoff"`
	// Concurrency is how many events one Consume handles at once, each of another stream.
	Concurrency int `koanf:"concurrency"`
}

// Defaults has no brokers.
func Defaults() Config {
	return Config{
		Partitions: 4, ReplicationFactor: 1, Retention: 7 * 24 * time.Hour,
		Tries: 6, Backoff: 200 * time.Millisecond, Concurrency: 64,
	}
}

// Faults lists everything wrong with the configuration.
func (c Config) Faults() []string {
	var faults []string
	atLeastOne := func(key string, value int) {
		if value < 1 {
			faults = append(faults, fmt.Sprintf("kafka.%s: must be at least 1, is %d", key, value))
		}
	}
	atLeastOne("partitions", c.Partitions)
	atLeastOne("replication_factor", c.ReplicationFactor)
	atLeastOne("tries", c.Tries)
	atLeastOne("concurrency", c.Concurrency)
	if c.Retention < time.Minute {
		faults = append(faults, fmt.Sprintf("kafka.retention: must be at least 1m, is %s", c.Retention))
	}
	if c.Backoff <= 0 {
		faults = append(faults, fmt.Sprintf("kafka.backoff: must be more than 0, is %s", c.Backoff))
	}
	for _, fault := range []string{c.TLS.Fault(), c.SASL.fault()} {
		if fault != "" {
			faults = append(faults, "kafka."+fault)
		}
	}
	return faults
}

// filled has the defaults where c leaves a value at zero.
func (c Config) filled() Config {
	d := Defaults()
	if c.Partitions == 0 {
		c.Partitions = d.Partitions
	}
	if c.ReplicationFactor == 0 {
		c.ReplicationFactor = d.ReplicationFactor
	}
	if c.Retention == 0 {
		c.Retention = d.Retention
	}
	if c.Tries == 0 {
		c.Tries = d.Tries
	}
	if c.Backoff == 0 {
		c.Backoff = d.Backoff
	}
	if c.Concurrency == 0 {
		c.Concurrency = d.Concurrency
	}
	return c
}
