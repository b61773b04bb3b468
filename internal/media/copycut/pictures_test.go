package copycut

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// stream writes pictures in order of decoding: "I0 P4 b2 b1 b3 | …", each with when it is shown. I is a keyframe that can be
// spliced to, K one that can't, C one that needs an end of sequence before it; * before it: a session begins.
func stream(text string) (pictures []picture) {
	for i, word := range strings.Fields(text) {
		x := picture{length: 10}
		if word[0] == '*' {
			x.beginsSession, word = true, word[1:]
		}
		var n int64
		if _, err := fmt.Sscan(word[1:], &n); err != nil {
			panic(err)
		}
		x.pts, x.dts = 10*n, 10*int64(i)-20
		x.key = strings.ContainsRune("IKC", rune(word[0]))
		x.splices, x.afterEnd = word[0] == 'I' || word[0] == 'C', word[0] == 'C'
		pictures = append(pictures, x)
	}
	return pictures
}

// decided is what becomes of a stream: "5 6 e | 7 …": pictures encoded (e), with an end of sequence (!), or copied.
func decided(text string, start, end int64) (string, int64, error) {
	var said []string
	p := &pictureCopier{start: 10 * start, end: 10 * end, slack: 5}
	p.encode = func(s span) error {
		var shown []int64
		for at := s.from; at < s.to; at++ {
			for _, x := range s.decode {
				if x.pts == at {
					shown = append(shown, at/10)
				}
			}
		}
		note := ""
		if s.held {
			note += " held"
		}
		if s.ends {
			note += " ends"
		}
		said = append(said, fmt.Sprintf("encode%v%s", shown, note))
		return nil
	}
	var copied []int64
	p.copy = func(x picture) error {
		if len(copied) == 0 || !strings.HasPrefix(said[len(said)-1], "copy") {
			said, copied = append(said, ""), nil
		}
		copied = append(copied, x.pts/10)
		said[len(said)-1] = fmt.Sprintf("copy%v", copied)
		return nil
	}
	for _, x := range stream(text) {
		if err := p.add(x); err != nil {
			return "", 0, err
		}
	}
	if err := p.finish(); err != nil {
		return "", 0, err
	}
	return strings.Join(said, " "), p.until() / 10, nil
}

func TestWhatIsCopiedAndWhatIsEncoded(t *testing.T) {
	const (
		plain = "I0 P1 P2 P3 I4 P5 P6 P7 I8 P9 P10 P11"
		mixed = "I0 P3 b1 b2 I4 P7 b5 b6 I8 P11 b9 b10"
		open  = "I0 P3 b1 b2 K6 b4 b5 P9 b7 b8 I12 P15 b13 b14"
		cra   = "I0 P3 b1 b2 C6 b4 b5 P9 b7 b8 C12 b10 b11 P15 b13 b14"
		gap   = "I0 P1 P2 *I9 P10 P11 I12 P13"
	)
	for _, c := range []struct {
		name, stream string
		start, end   int64
		want         string
		until        int64
	}{
		{"on keyframes", plain, 4, 8, "copy[4 5 6 7]", 8},
		{"between", plain, 2, 10, "encode[2 3] copy[4 5 6 7 8 9]", 10},
		{"within a group", plain, 5, 7, "encode[5 6]", 7},
		{"from the first keyframe", plain, 0, 12, "copy[0 1 2 3 4 5 6 7 8 9 10 11]", 12},
		{"beyond the end", plain, 8, 20, "copy[8 9 10 11]", 12},
		{"out of order", mixed, 4, 8, "copy[4 7 5 6]", 8},
		{"a tail that needs a later picture", mixed, 2, 10, "encode[2 3] copy[4 7 5 6 8] encode[9]", 10},
		{"up to all that is needed", mixed, 4, 12, "copy[4 7 5 6 8 11 9 10]", 12},
		{"no keyframe to begin at", open, 2, 8, "encode[2 3 4 5 6 7]", 8},
		{"the next that can be begun at", open, 5, 14, "encode[5 6 7 8 9] copy[12] encode[13]", 14},
		{"leading pictures in the head", cra, 4, 10, "encode[4 5] ends copy[6 9 7 8]", 10},
		{"leading pictures in the tail", cra, 6, 11, "copy[6 9 7 8] encode[10]", 11},
		{"leading pictures between what is copied", cra, 6, 13, "copy[6 9 7 8 12 10 11]", 13},
		{"what stood before it began", gap, 5, 11, "encode[] held copy[9 10]", 11},
		{"over a gap", gap, 1, 13, "encode[1 2] copy[9 10 11 12]", 13},
		{"within a gap", gap, 4, 7, "encode[] held", 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, until, err := decided(c.stream, c.start, c.end)
			if err != nil || got != c.want || until != c.until {
				t.Errorf("%s until %d, %v; want %s until %d", got, until, err, c.want, c.until)
			}
		})
	}
}

func TestASessionThatBeginsInTheMiddleOfAStreamIsNotCopied(t *testing.T) {
	if _, _, err := decided("I0 P1 P2 *K9 P10", 0, 11); !errors.Is(err, errSession) {
		t.Errorf("error %v", err)
	}
}

func TestAddingSetsKeepsTheOthers(t *testing.T) {
	sps, pps, own := []byte{0x67, 100, 0, 31, 0xac}, []byte{0x68, 0xee}, []byte{0x67, 100, 0, 31, 0x08, 0x20}
	avcc := append([]byte{1, 100, 0, 31, 0xff, 0xe1, 0, 5}, sps...)
	avcc = append(append(append(avcc, 1, 0, 2), pps...), 0xfd, 0xf8, 0xf8, 0)
	r, err := parse(h264, avcc)
	if err != nil {
		t.Fatal(err)
	}
	with, err := r.with([][]byte{own})
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(h264, with)
	if err != nil || !reflect.DeepEqual(again.sets, [][]byte{sps, own, pps}) || again.form != 4 || string(again.tail) != string(r.tail) {
		t.Errorf("%+v, %v", again, err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(false, []byte{1, 100, 0, 31, 0xff, 0xe1, 0, 5, 0x67, 100, 0, 31, 0xac, 1, 0, 2, 0x68, 0xee})
	f.Add(false, []byte{0, 0, 1, 0x67, 100, 0, 31, 0xac, 0, 0, 0, 1, 0x68, 0xee})
	f.Add(true, append(make([]byte, 21), 0xff, 1, 33, 0, 1, 0, 4, 66, 1, 1, 1))
	f.Fuzz(func(t *testing.T, hevc bool, extra []byte) {
		c := h264
		if hevc {
			c = h265
		}
		r, err := parse(c, extra)
		if err != nil {
			return
		}
		_ = c.free(r.sets)
		_ = references(r)
		with, err := r.with(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(c, with)
		if err != nil || !reflect.DeepEqual(again.sets, r.sets) {
			t.Errorf("%x became %x: %v", extra, with, err)
		}
	})
}

func FuzzPackets(f *testing.F) {
	f.Add(uint8(4), []byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41})
	f.Add(uint8(0), []byte{0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x41})
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		form := form(n % 5)
		var again []byte
		err := form.each(data, func(nal []byte) (err error) {
			_ = h264.kind(nal)
			_ = h265.kind(nal)
			again, err = form.put(again, nal)
			return err
		})
		if err == nil && form == 4 && len(again) > len(data) {
			t.Errorf("%x became %x", data, again)
		}
	})
}

func FuzzRenumber(f *testing.F) {
	f.Add([]byte{0x42, 0x01, 0x01, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5d, 0xa0})
	f.Add([]byte{0x44, 0x01, 0xc1, 0x73})
	f.Add([]byte{0x26, 0x01, 0xaf, 0x0a})
	f.Fuzz(func(t *testing.T, nal []byte) {
		out, err := renumber(nal)
		if err != nil || len(nal) < 3 {
			return
		}
		for i := 0; i+2 < len(out); i++ {
			if kind := h265.kind(nal); out[i] == 0 && out[i+1] == 0 && out[i+2] < 3 && (kind < 10 || kind >= 16 && kind <= 23 || kind >= 32 && kind <= 34) {
				t.Fatalf("%x became %x, in which a start code is", nal, out)
			}
		}
		if kind := h265.kind(nal); kind == 32 || kind == 33 || kind == 34 {
			if id, ok := hevcSetID(out); ok && id != 15 && kind != 33 || kind == 32 && id != 15 {
				t.Errorf("%x became %x, with ID %d", nal, out, id)
			}
		}
	})
}
