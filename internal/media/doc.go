// Package media is FFmpeg (through go-astiav) as liveclip uses it: probing, recording, finishing, rendering. Only
// liveclip-media links it, and only Go types leave it.
package media
