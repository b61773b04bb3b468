package asr

import "encoding/binary"

// FLV tag types, as RTMP numbers its messages.
const (
	flvAudio  = 8
	flvVideo  = 9
	flvScript = 18
)

// flvHeader begins a stream that may hold picture and sound.
func flvHeader() []byte { return []byte{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0} }

// flvTag frames an RTMP message's body; at is in ms.
func flvTag(kind byte, at uint32, body []byte) []byte {
	tag := make([]byte, 11+len(body)+4)
	size := uint32(len(body))
	tag[0] = kind
	tag[1], tag[2], tag[3] = byte(size>>16), byte(size>>8), byte(size)
	tag[4], tag[5], tag[6], tag[7] = byte(at>>16), byte(at>>8), byte(at), byte(at>>24)
	copy(tag[11:], body)
	binary.BigEndian.PutUint32(tag[11+len(body):], 11+size)
	return tag
}
