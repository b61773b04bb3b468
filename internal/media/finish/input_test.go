package finish

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

func box(kind, body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))) + kind + body
}

// readRuns gives what each run of a source is read as, fed with n bytes at a time.
func readRuns(source string, n int) (all []string, err error) {
	r := &runs{next: func() ([]byte, string, error) {
		if source == "" {
			return nil, "over", io.EOF
		}
		n := min(max(1, n), len(source))
		data := []byte(source[:n])
		source = source[n:]
		return data, "", nil
	}}
	for r.nextRun() {
		run, err := io.ReadAll(r)
		if err != nil {
			return all, err
		}
		all = append(all, string(run))
	}
	return all, nil
}

func TestASourceIsARowOfRuns(t *testing.T) {
	first := box("ftyp", "isom") + box("moov", "m1") + box("moof", "a") + box("mdat", "ftyp is only a word in here")
	second := box("ftyp", "isom") + box("moov", "m2")
	huge := box("ftyp", "") + "\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x12xx" + box("moof", "")
	for name, c := range map[string]struct {
		source string
		want   []string
	}{
		"one":                           {first, []string{first}},
		"two":                           {first + second, []string{first, second}},
		"the parts before an init":      {box("moof", "x") + box("mdat", "x") + first, []string{first}},
		"an init after another":         {second + first, []string{second, first}},
		"a long box":                    {huge + second, []string{huge, second}},
		"broken off inside of a box":    {first + second[:20], []string{first, second[:20]}},
		"broken off inside of a header": {first + "\x00\x00", []string{first}},
		"nothing":                       {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 3, 7, 1000} {
				if got, err := readRuns(c.source, n); err != nil || !reflect.DeepEqual(got, c.want) {
					t.Errorf("%d bytes at a time: %q, %v", n, got, err)
				}
			}
		})
	}
}

func FuzzRunsDoNotDependOnHowBytesCome(f *testing.F) {
	f.Add([]byte(box("ftyp", "isom")+box("moov", "m")+box("moof", "a")+box("ftyp", "")+"\x00\x00\x00\x00mdat"), 3)
	f.Fuzz(func(t *testing.T, source []byte, n int) {
		whole, err1 := readRuns(string(source), 1<<20)
		pieces, err2 := readRuns(string(source), n)
		if !reflect.DeepEqual(whole, pieces) || (err1 == nil) != (err2 == nil) {
			t.Errorf("whole %q %v, in pieces %q %v", whole, err1, pieces, err2)
		}
	})
}

func TestAFullFeedHoldsItsSenderUp(t *testing.T) {
	f, ctx := NewFeed(), context.Background()
	big := make([]byte, maxWaiting)
	if err := f.Add(0, big); err != nil {
		t.Fatal(err)
	}
	added := make(chan error, 1)
	go func() { added <- f.Add(0, []byte("more")) }()
	if data, _, err := f.next(ctx, 0); err != nil || len(data) != maxWaiting {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if err := <-added; err != nil {
		t.Fatal(err)
	}
	if data, _, err := f.next(ctx, 0); err != nil || string(data) != "more" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestASourceOutOfTurnMayNotFillTheFeed(t *testing.T) {
	f := NewFeed()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := f.Add(1, make([]byte, maxWaiting)); err != nil {
		t.Fatal(err)
	}
	added := make(chan error, 1)
	go func() { added <- f.Add(1, []byte("more")) }()
	go func() { _, _, _ = f.next(ctx, 0) }()
	if err := <-added; err == nil || !domain.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

func TestADroppedSourceTakesAnything(t *testing.T) {
	f := NewFeed()
	for range 3 {
		if err := f.Add(0, make([]byte, maxWaiting/2)); err != nil {
			t.Fatal(err)
		}
		f.drop(0)
	}
}

func TestAnEndGivesItsReason(t *testing.T) {
	f := NewFeed()
	f.End(0, "owner lost")
	f.Close(errors.New("closed"))
	if _, reason, err := f.next(context.Background(), 0); !errors.Is(err, io.EOF) || reason != "owner lost" {
		t.Errorf("%q, %v", reason, err)
	}
	if _, _, err := f.next(context.Background(), 1); err == nil || err.Error() != "closed" {
		t.Errorf("error %v", err)
	}
}

// FuzzRecordingsAreReadWithoutFear feeds bytes that pretend to be a recording.
func FuzzRecordingsAreReadWithoutFear(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.mp4")
	if err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1",
		"-c:v", "libx264", "-c:a", "aac", "-movflags", "empty_moov+frag_keyframe+default_base_moof", path).Run(); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(append(bytes.Clone(seed), seed...))
	f.Add([]byte(box("ftyp", "isom") + box("moov", "")))
	astiav.SetLogLevel(astiav.LogLevelQuiet)
	f.Fuzz(func(t *testing.T, data []byte) {
		feed := NewFeed()
		_ = feed.Add(0, data)
		feed.End(0, "over")
		p := &part{end: time.Second, feed: feed}
		defer p.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		_, _, err := p.run(ctx, shape{width: 64, height: 64, rate: astiav.NewRational(25, 1), matrix: "bt709"}, func(m media) error {
			m.free()
			return nil
		})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		if ctx.Err() != nil {
			t.Error("does not end")
		}
	})
}

// Damage of every kind, the same in every run: FFmpeg's readers are C, and a fuzzer that is stopped by a crash learns little.
func TestDamagedRecordingsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.mp4")
	if err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1",
		"-c:v", "libx264", "-c:a", "aac", "-movflags", "empty_moov+frag_keyframe+default_base_moof", path).Run(); err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	astiav.SetLogLevel(astiav.LogLevelQuiet)
	r := rand.New(rand.NewPCG(3, 4))
	for n := range damaged {
		data := damage(r, n, seed)
		feed := NewFeed()
		_ = feed.Add(0, data)
		feed.End(0, "over")
		p := &part{end: time.Second, feed: feed}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		_, _, _ = p.run(ctx, shape{width: 64, height: 64, rate: astiav.NewRational(25, 1), matrix: "bt709"}, func(m media) error {
			m.free()
			return nil
		})
		if ctx.Err() != nil {
			t.Fatalf("damage %d: does not end", n)
		}
		cancel()
	}
}

const damaged = 80

func damage(r *rand.Rand, n int, seed []byte) []byte {
	data, reach := bytes.Clone(seed), len(seed)
	if n%2 == 0 {
		reach = 3000 // the headers
	}
	for range 1 + r.IntN(8) {
		data[r.IntN(reach)] = [4]byte{0, 127, 255, byte(r.UintN(256))}[r.IntN(4)]
	}
	if n%5 == 0 {
		data = data[:r.IntN(len(data))]
	}
	if n%7 == 0 {
		data = append(data, seed...)
	}
	return data
}
