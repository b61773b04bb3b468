package caption

import (
	"encoding/binary"
	"strings"
	"unicode"

	"liveclip/internal/wording"
)

// OfTrack is what a packet of a file's subtitle track says, without markup; empty: nothing. The codec is subrip, webvtt, mov_text,
// ass or text, as FFmpeg names it.
func OfTrack(codec string, packet []byte) string {
	switch codec {
	case "mov_text": // 3GPP timed text: a length, the text, boxes of styles
		if len(packet) < 2 {
			return ""
		}
		length := int(binary.BigEndian.Uint16(packet))
		packet = packet[2:]
		packet = packet[:min(length, len(packet))]
	case "ass": // Matroska's events: eight fields before the text
		fields := strings.SplitN(string(packet), ",", 9)
		packet = []byte(strings.NewReplacer(`\N`, "\n", `\n`, "\n", `\h`, " ").Replace(fields[len(fields)-1]))
	}
	text := ""
	for line := range strings.Lines(decoded(packet)) {
		if line = unmarked(line); line != "" {
			text = strings.TrimSpace(wording.JoinTexts(text, line))
		}
	}
	if len(text) > mostText || strings.ContainsFunc(text, unicode.IsControl) { // no text, but boxes of some kind
		return ""
	}
	return text
}
