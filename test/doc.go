// Package test holds the whole pipeline to its promises, from a room pushed by RTMP to clips on the VOD path: all in one
// process on embedded parts, and each service in a process of its own on a real Kafka and a real Redis, with kills.
package test
