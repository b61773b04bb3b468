package media

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestAnAccessUnitKeepsItsNALUnitsWithLengthsForStartCodes(t *testing.T) {
	sps, pps, idr := []byte{0x67, 1, 2}, []byte{0x68, 3}, []byte{0x65, 4, 0, 0, 3, 5}
	in := append(append(append(append([]byte{0, 0, 0, 1}, sps...), append([]byte{0, 0, 1}, pps...)...), 0, 0, 0, 1), idr...)
	unit, sets := h264.lengthPrefixed(in)
	want := bytes.Join([][]byte{{0, 0, 0, 3}, sps, {0, 0, 0, 2}, pps, {0, 0, 0, 6}, idr}, nil)
	if !bytes.Equal(unit, want) {
		t.Errorf("unit %x, want %x", unit, want)
	}
	if len(sets) != 2 || !bytes.Equal(sets[0], sps) || !bytes.Equal(sets[1], pps) {
		t.Errorf("parameter sets %x", sets)
	}
}

func TestAnADTSHeaderBecomesAConfiguration(t *testing.T) {
	// AAC-LC, 44.1 kHz, stereo, no checksum, 7+2 bytes.
	packet := []byte{0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0xaa, 0xbb}
	frame, config, err := fromADTS(packet)
	if err != nil || !bytes.Equal(frame, []byte{0xaa, 0xbb}) || !bytes.Equal(config, []byte{0x12, 0x10}) {
		t.Errorf("frame %x, configuration %x, error %v", frame, config, err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0x67, 66, 0, 30, 0, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65, 9})
	f.Add([]byte{0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0xaa, 0xbb})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, codec := range []videoCodec{h264, h265} {
			unit, sets := codec.lengthPrefixed(b)
			for rest := unit; len(rest) > 0; {
				if len(rest) < 4 || int(binary.BigEndian.Uint32(rest)) > len(rest)-4 {
					t.Fatalf("lengths do not add up: %x", unit)
				}
				rest = rest[4+binary.BigEndian.Uint32(rest):]
			}
			codec.size(sets)
			codec.avccSets(b)
		}
		if rate, layout, ok := aacSound(b); ok && (rate < 7350 || layout.NbChannels() < 1) {
			t.Fatalf("%d Hz, %d channels", rate, layout.NbChannels())
		}
		if frame, _, err := fromADTS(b); err == nil && len(frame) >= len(b) {
			t.Fatal("a frame as long as its packet")
		}
	})
}
