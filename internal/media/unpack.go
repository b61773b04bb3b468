package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/hevc"
	"github.com/asticode/go-astiav"
)

// videoCodec tells parameter sets from other NAL units.
type videoCodec int

const (
	h264 videoCodec = iota
	h265
)

func (c videoCodec) isParameterSet(nal []byte) bool {
	if len(nal) == 0 {
		return false
	}
	if c == h264 {
		kind := nal[0] & 0x1f
		return kind == 7 || kind == 8
	}
	kind := nal[0] >> 1 & 0x3f
	return kind >= 32 && kind <= 34
}

// size of the picture that a sequence parameter set describes; false when there is none in the sets or it is damaged.
func (c videoCodec) size(sets [][]byte) (width, height int, ok bool) {
	defer func() {
		if recover() != nil { // mp4ff panics on some damaged sets
			width, height, ok = 0, 0, false
		}
	}()
	for _, nal := range sets {
		if c == h264 && nal[0]&0x1f == 7 {
			sps, err := avc.ParseSPSNALUnit(nal, false)
			return sizeOf(err, func() (uint, uint) { return sps.Width, sps.Height })
		}
		if c == h265 && nal[0]>>1&0x3f == 33 {
			sps, err := hevc.ParseSPSNALUnit(nal)
			return sizeOf(err, func() (uint, uint) { w, h := sps.ImageSize(); return uint(w), uint(h) })
		}
	}
	return 0, 0, false
}

func sizeOf(err error, size func() (uint, uint)) (width, height int, ok bool) {
	if err != nil {
		return 0, 0, false
	}
	w, h := size()
	return int(w), int(h), w > 0 && h > 0
}

var startCode = []byte{0, 0, 1}

// splitAnnexB gives the NAL units between start codes.
func splitAnnexB(b []byte) [][]byte {
	var nals [][]byte
	at := bytes.Index(b, startCode)
	for at >= 0 {
		b = b[at+3:]
		at = bytes.Index(b, startCode)
		nal := b
		if at >= 0 {
			nal = b[:at]
		}
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			nals = append(nals, nal)
		}
	}
	return nals
}

// joinAnnexB puts start codes before NAL units: extradata as FFmpeg takes it.
func joinAnnexB(nals [][]byte) []byte {
	var b []byte
	for _, nal := range nals {
		b = append(append(b, 0, 0, 0, 1), nal...)
	}
	return b
}

// lengthPrefixed turns an access unit with start codes into one with 4-byte lengths, as MP4 has it, and gives the
// parameter sets within.
func (c videoCodec) lengthPrefixed(b []byte) (unit []byte, sets [][]byte) {
	nals := splitAnnexB(b)
	unit = make([]byte, 0, len(b)+4*len(nals))
	for _, nal := range nals {
		unit = append(binary.BigEndian.AppendUint32(unit, uint32(len(nal))), nal...)
		if c.isParameterSet(nal) {
			sets = append(sets, bytes.Clone(nal))
		}
	}
	return unit, sets
}

// parameterSets of extradata with start codes.
func (c videoCodec) parameterSets(extra []byte) [][]byte {
	var sets [][]byte
	for _, nal := range splitAnnexB(extra) {
		if c.isParameterSet(nal) {
			sets = append(sets, bytes.Clone(nal))
		}
	}
	return sets
}

// brings reports whether a parameter set came that is not among those in force.
func brings(inForce, came [][]byte) bool {
	for _, nal := range came {
		if !slices.ContainsFunc(inForce, func(s []byte) bool { return bytes.Equal(s, nal) }) {
			return true
		}
	}
	return false
}

var errADTS = errors.New("damaged ADTS header")

// isADTS reports whether a packet of AAC carries its own header.
func isADTS(b []byte) bool { return len(b) >= 7 && b[0] == 0xff && b[1]&0xf6 == 0xf0 }

// fromADTS gives the raw AAC frame and the AudioSpecificConfig that its header amounts to.
func fromADTS(b []byte) (frame, config []byte, err error) {
	if !isADTS(b) {
		return nil, nil, errADTS
	}
	header := 7
	if b[1]&1 == 0 {
		header = 9
	}
	length := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	if length <= header || length > len(b) {
		return nil, nil, errADTS
	}
	objectType := b[2]>>6 + 1
	rate := b[2] >> 2 & 0xf
	channels := b[2]&1<<2 | b[3]>>6
	return b[header:length], []byte{objectType<<3 | rate>>1, rate&1<<7 | channels<<3}, nil
}

var aacRates = []int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// aacSound reads the rate and the channels of a plain AudioSpecificConfig (ISO/IEC 14496-3). HE-AAC, whose decoder gives another
// rate than it says, and layouts described in the stream are not read.
func aacSound(config []byte) (rate int, layout astiav.ChannelLayout, ok bool) {
	if len(config) < 2 || config[0]>>3 != 2 {
		return 0, layout, false
	}
	layouts := []astiav.ChannelLayout{1: astiav.ChannelLayoutMono, 2: astiav.ChannelLayoutStereo, 3: astiav.ChannelLayoutSurround,
		4: astiav.ChannelLayout4Point0, 5: astiav.ChannelLayout5Point0Back, 6: astiav.ChannelLayout5Point1Back, 7: astiav.ChannelLayout7Point1}
	frequency, channels := int(config[0]&7<<1|config[1]>>7), int(config[1]>>3&15)
	if frequency >= len(aacRates) || channels < 1 || channels >= len(layouts) {
		return 0, layout, false
	}
	return aacRates[frequency], layouts[channels], true
}

// avccSets gives the parameter sets of an AVC or HEVC decoder configuration record.
func (c videoCodec) avccSets(extra []byte) (sets [][]byte) {
	defer func() {
		if recover() != nil { // mp4ff panics on some damaged records
			sets = nil
		}
	}()
	if c == h264 {
		record, err := avc.DecodeAVCDecConfRec(extra)
		if err != nil {
			return nil
		}
		return record.SPSnalus
	}
	record, err := hevc.DecodeHEVCDecConfRec(extra)
	if err != nil {
		return nil
	}
	for _, array := range record.NaluArrays {
		sets = append(sets, array.Nalus...)
	}
	return sets
}
