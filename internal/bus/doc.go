// Package bus carries events over Kafka. Delivery is at least once, in order per stream; a repeat is harmless to every
// consumer. Only this package imports kafka-go.
//
// Records are placed by the murmur2 hash of "tenant/stream", as the Java client places keys, and all topics have equally
// many partitions: a stream has one partition number on every topic, and one member of a group handles all of it.
//
// Reading goes by long polls over many partitions at once (feed.go), membership by the classic group protocol (group.go);
// Consume, Merge and Tail are built on the two. What could not be handled goes to the topic event.Dead names, with the
// original record in full and headers that say why and where from (dead.go).
//
// A batch that is damaged where it lies (batch.go) is tried as often as an event, holds up no other partition meanwhile, and
// is then skipped: the log says which offsets, liveclip_bus_unreadable_total counts it. An offset that a partition does not
// have, be it that retention passed it or that the topic was made anew, is told in the log, too, and reading goes on with the
// oldest record kept: what is handled twice is harmless, what is left out is not. A topic that was made anew and has grown
// beyond a kept offset can't be told from the old one.
package bus
