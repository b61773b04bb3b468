// Package domain holds liveclip's terms as plain Go types: the words every service, event and record is made of.
//
// It depends on the standard library only. Media time (a time.Duration since the broadcast's first frame) is the clock of
// every type here; a wall-clock value says so in its name or its type (time.Time).
package domain
