package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"liveclip/internal/domain"
)

// film makes seven seconds of picture and sound with B-frames, a keyframe every two seconds.
func film(t testing.TB, flags string, options ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("needs ffmpeg: make setup installs it")
	}
	path := filepath.Join(t.TempDir(), "film.mp4")
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine", "-t", "7",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-sc_threshold", "0", "-c:a", "aac"}, options...)
	if out, err := exec.Command("ffmpeg", append(args, "-movflags", flags, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

const asFinished = "frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer"

func indexOf(t testing.TB, path string) Index {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	x, err := Of(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// packet as ffprobe shows it.
type packet struct {
	kind                string
	start, length       float64
	offset, size, after int64
}

func probed(t testing.TB, path string) []packet {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_packets", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Packets []struct {
			Kind   string `json:"codec_type"`
			PTS    string `json:"pts_time"`
			Length string `json:"duration_time"`
			Size   string `json:"size"`
			Pos    string `json:"pos"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out, &shown); err != nil {
		t.Fatal(err)
	}
	var packets []packet
	for _, p := range shown.Packets {
		var q packet
		var faults [4]error
		q.kind = p.Kind
		q.start, faults[0] = strconv.ParseFloat(p.PTS, 64)
		if p.Length != "" { // a packet of the encoder's delay has none
			q.length, faults[1] = strconv.ParseFloat(p.Length, 64)
		}
		q.size, faults[2] = strconv.ParseInt(p.Size, 10, 64)
		q.offset, faults[3] = strconv.ParseInt(p.Pos, 10, 64)
		if err := errors.Join(faults[:]...); err != nil {
			t.Fatal(err)
		}
		q.after = q.offset + q.size
		packets = append(packets, q)
	}
	return packets
}

// wanted builds the parts of the index that follow from the packets, with the boxes' places as the index has them.
func wanted(x Index, packets []packet) Index {
	head := func(before map[string]float64) int64 {
		end := x.Header
		for _, p := range packets {
			if p.start < before[p.kind] {
				end = max(end, p.after)
			}
		}
		return end
	}
	both := func(s float64) map[string]float64 { return map[string]float64{"video": s, "audio": s} }
	frame := packet{start: math.MaxFloat64}
	for _, p := range packets {
		if p.kind == "video" && p.start < frame.start {
			frame = p
		}
	}
	w := x
	w.Heads = Heads{head(map[string]float64{"video": frame.start + 0.001, "audio": frame.start + frame.length}), head(both(1)), head(both(2)), head(both(4))}
	w.Tracks = nil
	for _, track := range x.Tracks {
		given := track.Runs
		track.Samples, track.Runs = 0, []Run{}
		for i, f := range x.Fragments {
			r := Run{Offset: math.MaxInt64, StartS: math.MaxFloat64}
			end, last := int64(0), 0.0
			for _, p := range packets {
				if p.kind != track.Kind || p.offset < f.Offset || p.offset >= f.Offset+f.Size {
					continue
				}
				r.Offset, end, r.Samples = min(r.Offset, p.offset), max(end, p.after), r.Samples+1
				r.StartS, last = min(r.StartS, p.start), max(last, p.start+p.length)
			}
			if r.Samples > 0 {
				r.Size, r.LengthS = end-r.Offset, micro(last-r.StartS)
				if track.Kind == "audio" && i == len(x.Fragments)-1 {
					r.LengthS = given[i].LengthS // ffprobe shows the last sample's length uncut
				}
				track.Runs = append(track.Runs, r)
				track.Samples += r.Samples
			}
		}
		w.Tracks = append(w.Tracks, track)
	}
	return w
}

// near makes times comparable: ffprobe rounds them to the microsecond, too, but from another number.
func near(x Index) Index {
	round := func(s float64) float64 { return math.Round(s*1e4) / 1e4 }
	tracks := x.Tracks
	x.Tracks = nil
	for _, t := range tracks {
		runs := t.Runs
		t.Runs = nil
		for _, r := range runs {
			r.StartS, r.LengthS = round(r.StartS), round(r.LengthS)
			t.Runs = append(t.Runs, r)
		}
		x.Tracks = append(x.Tracks, t)
	}
	return x
}

func TestAnIndexSaysWhatFFprobeSees(t *testing.T) {
	for name, flags := range map[string]string{
		"as finished":         asFinished,
		"without sidx":        "frag_keyframe+empty_moov+default_base_moof",
		"data offsets of old": "frag_keyframe+empty_moov",
		"keyframes not only":  "frag_keyframe+frag_every_frame+empty_moov+default_base_moof",
	} {
		t.Run(name, func(t *testing.T) {
			path := film(t, flags)
			x := indexOf(t, path)
			if x.Codecs == "" || x.Tracks[0].Samples != 175 || x.LengthS < 6.99 || x.LengthS > 7.2 {
				t.Errorf("%+v", x)
			}
			packets := probed(t, path)
			if len(packets) != x.Tracks[0].Samples+x.Tracks[1].Samples {
				t.Errorf("%d packets, %d and %d samples", len(packets), x.Tracks[0].Samples, x.Tracks[1].Samples)
			}
			if got, want := near(x), near(wanted(x, packets)); name != "keyframes not only" && !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			} else if got.Heads != want.Heads {
				t.Errorf("got heads %+v, want %+v", got.Heads, want.Heads)
			}
			if name != "keyframes not only" && (len(x.Fragments) != 4 || !x.Independent()) {
				t.Errorf("fragments %+v", x.Fragments)
			}
		})
	}
}

func TestTheHeaderAndAHeadAreEnoughToDecodeTheFirstFrame(t *testing.T) {
	path := film(t, asFinished)
	x := indexOf(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decode := exec.Command("ffmpeg", "-v", "quiet", "-i", "pipe:0", "-map", "0:v", "-frames:v", "1", "-f", "framemd5", "-")
	decode.Stdin = bytes.NewReader(data[:x.Heads.Frame])
	out, err := decode.Output()
	whole, wholeErr := exec.Command("ffmpeg", "-v", "quiet", "-i", path, "-map", "0:v", "-frames:v", "1", "-f", "framemd5", "-").Output()
	if err != nil || wholeErr != nil || !bytes.Equal(out, whole) || !strings.Contains(string(out), "\n0,") {
		t.Errorf("%v, %v: %s\nof the whole file: %s", err, wholeErr, out, whole)
	}
	if x.Heads.Frame >= x.Heads.S4 || x.Heads.S4 >= x.Bytes {
		t.Errorf("heads %+v of %d bytes", x.Heads, x.Bytes)
	}
}

func TestCodecsAreNamedAsPlayersKnowThem(t *testing.T) {
	hevc := film(t, asFinished, "-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1")
	silent := film(t, asFinished, "-an", "-profile:v", "baseline")
	for path, want := range map[string]string{hevc: "hvc1.1.6.L30.90,mp4a.40.2", silent: "avc1.42C00B"} {
		if got := indexOf(t, path).Codecs; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAnIndexIsTheSameReadBack(t *testing.T) {
	x := indexOf(t, film(t, asFinished))
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(data))
	if err != nil || !reflect.DeepEqual(back, x) {
		t.Errorf("%v: %+v", err, back)
	}
}

func TestAnIndexThatLeadsOutsideItsFileIsRefused(t *testing.T) {
	for name, form := range map[string]string{
		"nothing":               ``,
		"another version":       `{"version":2}`,
		"no fragments":          `{"version":1,"bytes":10,"header_bytes":5}`,
		"a fragment beyond":     `{"version":1,"bytes":10,"header_bytes":5,"fragments":[{"offset":5,"size":6}]}`,
		"a size that overflows": `{"version":1,"bytes":10,"header_bytes":5,"fragments":[{"offset":5,"size":9223372036854775807}]}`,
		"a head beyond":         `{"version":1,"bytes":10,"header_bytes":5,"fragments":[{"offset":5,"size":5}],"heads":{"frame":11,"1s":5,"2s":5,"4s":5}}`,
	} {
		if x, err := Read(strings.NewReader(form)); err == nil {
			t.Errorf("%s: %+v", name, x)
		}
	}
}

func TestWhatIsNoFragmentedFileIsAPermanentFault(t *testing.T) {
	whole, err := os.ReadFile(film(t, "faststart"))
	if err != nil {
		t.Fatal(err)
	}
	fragmented, err := os.ReadFile(film(t, asFinished))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("hello, this is no film"), "no fragments": whole, "cut off": fragmented[:len(fragmented)*2/3],
	} {
		if x, err := Of(bytes.NewReader(data), int64(len(data))); !domain.IsPermanent(err) {
			t.Errorf("%s: %v, %+v", name, err, x)
		}
	}
}

func FuzzAnIndexNeverLeadsOutsideItsFile(f *testing.F) {
	for _, name := range []string{"sidx.mp4", "moof.mp4"} { // a second of film, by ffmpeg
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Of(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, track := range x.Tracks {
			for _, r := range track.Runs {
				if r.Offset < x.Header || r.Size < 0 || r.Offset+r.Size > int64(len(data)) {
					t.Fatalf("%+v of %d bytes", r, len(data))
				}
			}
		}
		form, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(bytes.NewReader(form)); err != nil {
			t.Fatal(err)
		}
	})
}
