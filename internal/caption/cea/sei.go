package cea

import "bytes"

// Codec is how a picture is coded.
type Codec int

// Codecs whose SEI messages are known.
const (
	H264 Codec = iota
	HEVC
)

// most bytes of an SEI message that are looked at: 31 constructs take 110.
const mostSEI = 64 << 10

// Find gives the cc_data constructs (three bytes each) of one coded picture, whose NAL units have lengths of so many bytes in
// front, as in MP4; nil: there are none.
func Find(codec Codec, lengthSize int, picture []byte) []byte {
	var found []byte
	for len(picture) > lengthSize {
		length := 0
		for _, b := range picture[:lengthSize] {
			length = length<<8 | int(b)
		}
		picture = picture[lengthSize:]
		if length <= 0 || length > len(picture) {
			break
		}
		nal := picture[:length]
		picture = picture[length:]
		if header := codec.sei(nal); header > 0 && len(nal) <= mostSEI {
			found = append(found, messages(unescaped(nal[header:]))...)
		}
	}
	return found
}

// sei is the length of the header of a NAL unit that holds SEI messages; 0: it holds none.
func (c Codec) sei(nal []byte) int {
	switch {
	case c == H264 && nal[0]&0x1f == 6:
		return 1
	case c == HEVC && len(nal) > 2 && (nal[0]>>1&0x3f == 39 || nal[0]>>1&0x3f == 40):
		return 2
	}
	return 0
}

// unescaped takes out what keeps start codes from appearing within a NAL unit.
func unescaped(nal []byte) []byte {
	if !bytes.Contains(nal, []byte{0, 0, 3}) {
		return nal
	}
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, b := range nal {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}

const registered = 4 // user_data_registered_itu_t_t35

// messages reads SEI messages one after another.
func messages(b []byte) []byte {
	var found []byte
	for len(b) > 2 {
		var kind, size int
		var ok bool
		if kind, b, ok = number(b); !ok {
			break
		}
		if size, b, ok = number(b); !ok || size > len(b) {
			break
		}
		if kind == registered {
			found = append(found, ccData(b[:size])...)
		}
		b = b[size:]
	}
	return found
}

// number reads a value that 255 continues.
func number(b []byte) (n int, rest []byte, ok bool) {
	for i, v := range b {
		if n += int(v); v != 255 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// ga94 begins ATSC A/53 cc_data: the United States, ATSC, its user data, of closed captions.
var ga94 = []byte("\xb5\x00\x31GA94\x03")

func ccData(b []byte) []byte {
	rest, ok := bytes.CutPrefix(b, ga94)
	if !ok || len(rest) < 2 || rest[0]&0x40 == 0 {
		return nil
	}
	count := min(int(rest[0]&0x1f), (len(rest)-2)/3)
	return rest[2 : 2+3*count]
}
