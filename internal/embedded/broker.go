package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker speaks the Kafka protocol on a loopback port of its own choice. One node, no replication: it is no substitute for
// Kafka beyond one machine.
type Broker struct {
	cluster *kfake.Cluster
	address string
	lock    *os.File
}

// StartBroker keeps its data in folder; topics are created by bus.Ensure. What was acknowledged survives the end of this
// process however it comes; a machine that loses power may lose the last seconds.
func StartBroker(folder string, log *slog.Logger) (*Broker, error) {
	// The process before may just be ending.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	lock, err := lockFolder(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.DataDir(folder),
		kfake.ClusterID("liveclip"),
		kfake.WithLogger(brokerLog{log}),
		// A member that was killed leaves its partitions to the others after its own session timeout, at least this.
		kfake.GroupMinSessionTimeout(time.Second),
	)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("start broker in %s: %w", folder, err)
	}
	return &Broker{cluster: cluster, address: cluster.ListenAddrs()[0], lock: lock}, nil
}

// Address is host:port.
func (b *Broker) Address() string { return b.address }

// Close writes everything down and ends the broker. Calling it again does nothing.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.lock.Close()
}

type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker", "message", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker", "message", fmt.Sprintf(format, args...))
	}
}
