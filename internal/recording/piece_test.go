package recording

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func segmentOf(parts ...Part) []byte {
	var b []byte
	for _, p := range parts {
		b = append(append(b, indexBox(p)...), p.Data...)
	}
	return b
}

func TestADamagedByteIsSeen(t *testing.T) {
	p := Part{Run: 3, Window: domain.Window{Start: time.Second, End: 2 * time.Second}, Keyframe: true, Data: []byte("moof and mdat")}
	whole := segmentOf(p)
	got, err := readPart(bytes.NewReader(whole))
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Fatalf("read %+v, error %v", got, err)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		if _, err := readPart(bytes.NewReader(damaged)); !errors.Is(err, errTorn) {
			t.Errorf("damage at byte %d: error %v", i, err)
		}
	}
}

func TestAnInitialisationSegmentKeepsItsParameters(t *testing.T) {
	i := Init{Run: 2, Data: []byte("ftyp and moov"), Parameters: domain.MediaParameters{VideoCodec: "hevc", Width: 720, Height: 1280, FrameRate: 29.97}}
	b, err := initFile(i)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseInitFile(b, 2)
	if err != nil || !reflect.DeepEqual(got, i) {
		t.Errorf("read %+v, error %v", got, err)
	}
	for cut := range b {
		if _, err := parseInitFile(b[:cut], 2); !errors.Is(err, errTorn) {
			t.Errorf("cut at %d: error %v", cut, err)
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(segmentOf(Part{Window: domain.Window{End: 5}, Data: []byte("a")}, Part{Run: 1, Window: domain.Window{Start: 5, End: 9}, Keyframe: true, Data: []byte("bc")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		var parts []Part
		for {
			p, err := readPart(in)
			if err != nil {
				if !errors.Is(err, errTorn) && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			parts = append(parts, p)
		}
		if again := segmentOf(parts...); !bytes.HasPrefix(b, again) {
			t.Fatal("what was read is not what was written")
		}
	})
}

func FuzzInit(f *testing.F) {
	b, _ := initFile(Init{Data: []byte("ftyp"), Parameters: domain.MediaParameters{VideoCodec: "h264"}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := parseInitFile(b, 0); err == nil && len(i.Data) > len(b) {
			t.Fatal("more data than bytes")
		}
	})
}

func FuzzLines(f *testing.F) {
	line, _ := entry{Line: &domain.TranscriptLine{ID: "a", Text: "half off"}}.encode()
	heard, _ := entry{Heard: time.Second}.encode()
	f.Add(append(line, heard...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var written []byte
		for _, e := range readLines(bytes.NewReader(b)) {
			encoded, err := e.encode()
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, encoded...)
		}
		if got := readLines(bytes.NewReader(written)); len(got) != len(readLines(bytes.NewReader(b))) {
			t.Fatal("entries do not survive being written again")
		}
	})
}
