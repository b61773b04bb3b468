// Package event is the contract on Kafka: the topics and their table, the envelope of every event and its codec.
//
// Payloads are the types of package domain; on the wire they are the messages of proto/event/v1.
package event
