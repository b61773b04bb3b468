// Package embedded is what `liveclip up` runs on: a Kafka-protocol broker with a data directory in this process, and a
// child redis-server with its append-only file on. Only this package imports the broker.
package embedded
