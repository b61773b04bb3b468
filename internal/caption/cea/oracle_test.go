package cea_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/caption/cea"
	"liveclip/internal/caption/cea/ceatest"
)

// ffmpeg runs in a folder.
func ffmpeg(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// captioned makes a transport stream that carries captions, of pictures that x264 reorders.
func captioned(t *testing.T, c *ceatest.Captions, seconds int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	ffmpeg(t, folder, "-f", "lavfi", "-i", fmt.Sprintf("color=gray:size=128x96:rate=%d:duration=%d", ceatest.FrameRate, seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "30", "-x264-params", "aud=1", "plain.h264")
	stream, err := os.ReadFile(filepath.Join(folder, "plain.h264"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "captions.h264"), c.Inject(false, stream), 0o600); err != nil {
		t.Fatal(err)
	}
	ffmpeg(t, folder, "-framerate", fmt.Sprint(ceatest.FrameRate), "-i", "captions.h264", "-c", "copy", "straight.ts")
	ffmpeg(t, folder, "-i", "straight.ts", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-x264-params", "b-adapt=0:b-pyramid=normal", "-g", "60", "-a53cc", "1", "-muxdelay", "0", "reordered.ts")
	return folder
}

// packets are a file's pictures in the order of decoding.
type packets struct {
	decode, show []time.Duration
	data         [][]byte
}

var packetLine = regexp.MustCompile(`^packet,([0-9.-]+),([0-9.-]+)`)

func packetsOf(t *testing.T, folder, file string) (p packets) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,dts_time", "-of", "csv", file)
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		m := packetLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var pts, dts float64
		_, _ = fmt.Sscan(m[1], &pts)
		_, _ = fmt.Sscan(m[2], &dts)
		p.show = append(p.show, time.Duration(pts*1e9))
		p.decode = append(p.decode, time.Duration(dts*1e9))
	}
	ffmpeg(t, folder, "-i", file, "-c", "copy", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "units.h264")
	stream, err := os.ReadFile(filepath.Join(folder, "units.h264"))
	if err != nil {
		t.Fatal(err)
	}
	for _, nal := range bytes.Split(stream, []byte{0, 0, 1}) {
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) == 0 {
			continue
		}
		if nal[0]&0x1f == 9 {
			p.data = append(p.data, nil)
		}
		last := len(p.data) - 1
		p.data[last] = append(binary.BigEndian.AppendUint32(p.data[last], uint32(len(nal))), nal...)
	}
	if len(p.data) != len(p.show) {
		t.Fatalf("%d pictures, %d packets", len(p.data), len(p.show))
	}
	return p
}

// readPackets decodes what pictures carry, their times from the first one shown on.
func readPackets(p packets, channel string) (lines []cea.Line) {
	d, order := cea.NewDecoder(channel), new(cea.Order)
	first := slices.Min(p.show)
	give := func(at time.Duration, data []byte) { lines = append(lines, d.Add(at-first, data)...) }
	for i, data := range p.data {
		order.Add(p.decode[i], p.show[i], cea.Find(cea.H264, 4, data), give)
	}
	order.End(give)
	return append(lines, d.End(slices.Max(p.show)-first)...)
}

var tags = strings.NewReplacer(`{\an7}`, "", `\h`, " ")

// read by FFmpeg: what it gives of CEA-608 in a stream.
func readByFFmpeg(t *testing.T, folder string) (lines []cea.Line) {
	t.Helper()
	ffmpeg(t, folder, "-f", "lavfi", "-i", "movie=reordered.ts[out0+subcc]", "-map", "0:1", "truth.srt")
	file, err := os.Open(filepath.Join(folder, "truth.srt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	truth, _, err := caption.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, cue := range truth {
		lines = append(lines, cea.Line{Start: cue.Start, End: cue.End, Text: strings.Join(strings.Fields(tags.Replace(cue.Text)), " "), Channel: "cc1"})
	}
	return lines
}

func TestWhatFFmpegReadsOfAStreamIsWhatIsReadHere(t *testing.T) {
	c := ceatest.New()
	c.Pop(0, 0, 1*second, 2*second+500*time.Millisecond, "LAST THREE MINUTES", "HALF PRICE")
	c.Put(0, ceatest.Frame(3*second), slices.Concat(ceatest.Control(0, 0x14, 0x2e), ceatest.Control(0, 0x14, 0x20), ceatest.Row(0, 14, 2),
		ceatest.Text("CAFe"), ceatest.Control(0, 0x12, 0x21), ceatest.Text(" *{|}~'"), // É stands in for e; basic characters that are not ASCII
		ceatest.Control(0, 0x11, 0x37), ceatest.Control(0, 0x11, 0x32), // ♪ ½
		ceatest.Text("Ua"), ceatest.Control(0, 0x13, 0x31), // ä
		ceatest.Text("sc"), ceatest.Control(0, 0x13, 0x34), // ß
		ceatest.Control(0, 0x14, 0x2f))...)
	c.Put(0, ceatest.Frame(6*second), ceatest.Control(0, 0x14, 0x2c)...)
	folder := captioned(t, c, 8)
	want := readByFFmpeg(t, folder)
	got := readPackets(packetsOf(t, folder, "reordered.ts"), cea.Any)
	same(t, got, want, 50*time.Millisecond)
	if len(got) != 2 || got[1].Text != "CAFÉ áç÷Ññ’♪½Uäsß" {
		t.Errorf("lines %+v", got)
	}
}

func TestRowsThatRollUpHoldWhatFFmpegReads(t *testing.T) {
	c := ceatest.New()
	c.Roll(0, 0, 3, second, "welcome back", "the last three", "minutes begin", "now, and only", "ten are left")
	folder := captioned(t, c, 8)
	got := readPackets(packetsOf(t, folder, "reordered.ts"), "cc1")
	all := ""
	for _, l := range readByFFmpeg(t, folder) {
		all += l.Text + "\n"
	}
	for _, l := range got[:max(0, len(got)-1)] { // FFmpeg leaves out what stands at the end
		if !strings.Contains(all, l.Text) {
			t.Errorf("FFmpeg has no %q in\n%s", l.Text, all)
		}
	}
	if len(got) != 5 {
		t.Errorf("rows %+v", got)
	}
}
