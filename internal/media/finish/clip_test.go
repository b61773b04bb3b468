package finish_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// A counted room: frame n is as bright as n says (of 25 in a second), and every second begins with a click.
func counted(seconds int, size string) []string {
	return []string{
		"-f", "lavfi", "-i", fmt.Sprintf("nullsrc=s=%s:r=25:d=%d,format=yuv420p,geq=lum='32+mod(N,25)*8':cb=128:cr=128", size, seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='if(lt(mod(t,1),0.002),0.9,0)':s=48000:d=%d", seconds),
	}
}

// encoded is how a live encoder would send it.
func encoded(args []string, more ...string) []string {
	return append(append(args, "-c:v", "libx264", "-preset", "veryfast", "-qp", "8", "-g", "50", "-bf", "2", "-c:a", "aac", "-b:a", "192k"), more...)
}

// counts reads the number back from every picture of a file.
func counts(t testing.TB, path string) []int {
	t.Helper()
	var numbers []int
	for _, luma := range ffmpeg(t, "-i", path, "-vsync", "passthrough", "-vf", "scale=1:1:flags=area,format=yuv420p,extractplanes=y", "-f", "rawvideo", "-") {
		numbers = append(numbers, int(math.Round((float64(luma)-32)/8)))
	}
	return numbers
}

func numbers(from, n int) []int {
	want := make([]int, n)
	for i := range want {
		want[i] = (from + i) % 25
	}
	return want
}

// clicks are the times at which a file's sound begins to be loud.
func clicks(t testing.TB, path string) (at []time.Duration) {
	t.Helper()
	raw := ffmpeg(t, "-copyts", "-i", path, "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-")
	quiet := 48000
	for i := 0; i+1 < len(raw); i += 2 {
		quiet++
		if v := int16(binary.LittleEndian.Uint16(raw[i:])); v > 8000 || v < -8000 {
			if quiet > 4800 {
				at = append(at, time.Duration(i/2)*time.Second/48000)
			}
			quiet = 0
		}
	}
	return at
}

func small() []*mediav1.FinishProfile {
	return []*mediav1.FinishProfile{{Name: "small", Width: 320, Height: 180}}
}

func windowOf(t testing.TB, init []byte, parts [][]byte, start, end time.Duration) *mediav1.Finished {
	t.Helper()
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "")
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: int64(start), End: int64(end)}}, Profiles: small()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAWindowIsCutToTheFrameAndToTheSample(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	for _, c := range []struct {
		name       string
		start, end time.Duration
		first, n   int
		clicks     []time.Duration // wanted
	}{
		{"on a keyframe", 3 * time.Second, 6 * time.Second, 50, 75, []time.Duration{0, time.Second, 2 * time.Second}},
		{"between keyframes", 3680 * time.Millisecond, 5680 * time.Millisecond, 67, 50, []time.Duration{320 * time.Millisecond, 1320 * time.Millisecond}},
		{"between frames", 3690 * time.Millisecond, 5690 * time.Millisecond, 67, 50, []time.Duration{320 * time.Millisecond, 1320 * time.Millisecond}}, // the sound begins with its picture
		{"from the beginning", time.Second, 2500 * time.Millisecond, 0, 38, []time.Duration{time.Second}},                                              // a decoder's first sound fades in
		{"one frame", 5 * time.Second, 5040 * time.Millisecond, 100, 1, []time.Duration{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := windowOf(t, init, parts, c.start, c.end).Files[0].Path
			if got, want := counts(t, path), numbers(c.first, c.n); !slices.Equal(got, want) {
				t.Errorf("pictures %v, want %v", got, want)
			}
			got := clicks(t, path)
			if len(got) != len(c.clicks) {
				t.Fatalf("clicks at %v, want %v", got, c.clicks)
			}
			for i := range got { // AAC smears a click by some samples
				if off := got[i] - c.clicks[i]; max(off, -off) > time.Millisecond {
					t.Errorf("click at %s, want %s", got[i], c.clicks[i])
				}
			}
		})
	}
}

func TestAFilePartIsCutLikeARecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "room.mov")
	ffmpeg(t, append(counted(8, "320x180"), "-c:v", "libx264", "-qp", "8", "-g", "250", "-bf", "3", "-c:a", "pcm_s16le", path)...)
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{File: path, Start: 3200e6, End: 5200e6}}, Profiles: small()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := counts(t, got.Files[0].Path), numbers(80, 50); !slices.Equal(got, want) {
		t.Errorf("pictures %v, want %v", got, want)
	}
	if got := clicks(t, got.Files[0].Path); len(got) != 2 || got[0].Round(time.Millisecond) != 800*time.Millisecond {
		t.Errorf("clicks at %v", got)
	}
}

func TestFinishingFollowsARecordingThatIsStillWritten(t *testing.T) {
	init, parts := recording(t, encoded(counted(12, "320x180"))...)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts[:len(parts)*3/4]...)
	far := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		told := false
		_, err := finish.Clip(ctx, &mediav1.FinishOrder{Folder: t.TempDir(), FontFile: font, Preset: "ultrafast",
			Parts: []*mediav1.FinishPart{{Start: 2e9, End: 11e9}}, Profiles: small()}, feed, func(done, total time.Duration) {
			if done >= 5*time.Second && !told {
				told = true
				close(far)
			}
		})
		done <- err
	}()
	select {
	case <-far: // with a quarter of the recording still to come
	case err := <-done:
		t.Fatalf("ended before its input: %v", err)
	case <-ctx.Done():
		t.Fatal("waits for the end of its input")
	}
	send(t, feed, 0, nil, parts[len(parts)*3/4:]...)
	if err := <-done; err != nil { // without an InputEnd: the window is complete
		t.Fatal(err)
	}
}

func TestAnInputThatEndsEarlyGivesAShorterClip(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "broadcast closed: publisher left")
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 3e9, End: 11e9}}, Profiles: small()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	length := time.Duration(got.Files[0].Length)
	if got.ClippedTo != "broadcast closed: publisher left" || got.Start != 3e9 || length < 5900*time.Millisecond || length > 6100*time.Millisecond {
		t.Errorf("finished %v", got)
	}
}

func TestAWindowThatBeginsBeforeTheRecordingBeginsWithIt(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	got := windowOf(t, init, parts, 0, 4*time.Second)
	if time.Duration(got.Start).Round(10*time.Millisecond) != time.Second || got.ClippedTo == "" {
		t.Errorf("finished %v", got)
	}
	if got := counts(t, got.Files[0].Path); !slices.Equal(got, numbers(0, 75)) {
		t.Errorf("pictures %v", got)
	}
}

func TestNothingInTheWindowIsPermanent(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	for name, send := range map[string]func(*finish.Feed){
		"after the end":  func(f *finish.Feed) { send(t, f, 0, init, parts...) },
		"only an init":   func(f *finish.Feed) { send(t, f, 0, init) },
		"nothing at all": func(*finish.Feed) {},
	} {
		t.Run(name, func(t *testing.T) {
			feed := finish.NewFeed()
			send(feed)
			feed.End(0, "broadcast closed: publisher left")
			folder := t.TempDir()
			_, err := clip(t, &mediav1.FinishOrder{Folder: folder, Parts: []*mediav1.FinishPart{{Start: 20e9, End: 30e9}}, Profiles: small()}, feed)
			if err == nil || !domain.IsPermanent(err) || !strings.Contains(err.Error(), "nothing between 20s and 30s: broadcast closed") {
				t.Errorf("error %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestALostInputIsTemporary(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts[0], parts[1])
	feed.Close(errors.New("standard input ended before the source did"))
	_, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{End: 3e9}}, Profiles: small()}, feed)
	if err == nil || domain.IsPermanent(err) || !strings.Contains(err.Error(), "standard input ended") {
		t.Errorf("error %v", err)
	}
}

func TestANewRunMidWayIsFittedIntoTheFirst(t *testing.T) {
	first, firstParts := recording(t, encoded(counted(8, "320x180"))...)
	second, secondParts := recordingFrom(t, 9500*time.Millisecond, "-f", "lavfi", "-i", "nullsrc=s=180x320:r=30:d=3,format=yuv420p,geq=lum=200:cb=128:cr=128",
		"-f", "lavfi", "-i", "sine=d=3:r=44100", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-c:a", "aac", "-ac", "1")
	feed := finish.NewFeed()
	send(t, feed, 0, first, firstParts...)
	send(t, feed, 0, second, secondParts...)
	feed.End(0, "")
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 7e9, End: 12e9}}, Profiles: small()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	file := got.Files[0]
	if file.Width != 320 || file.Height != 180 || file.Length != 5e9 || got.ClippedTo != "" {
		t.Errorf("finished %v", got)
	}
	pictures := counts(t, file.Path)
	if len(pictures) != 125 || !slices.Equal(pictures[:50], numbers(0, 50)) {
		t.Errorf("pictures %v", pictures)
	}
	if pictures[55] != 24 { // the gap between the runs shows the last picture
		t.Errorf("in the gap: %v", pictures[48:66])
	}
	middle := ffmpeg(t, "-ss", "4", "-i", file.Path, "-frames:v", "1", "-vf", "format=yuv420p,extractplanes=y", "-f", "rawvideo", "-")
	if at := func(x int) int { return int(middle[90*320+x]) }; at(160) < 190 || at(10) > 30 {
		t.Errorf("the second run is not between bars: %d in the middle, %d at the side", at(160), at(10))
	}
}

func TestMissingTracksAreMadeUpFor(t *testing.T) {
	for name, c := range map[string]struct {
		args          []string
		width, height int
	}{
		"sound only":   {[]string{"-f", "lavfi", "-i", "sine=d=5:r=44100", "-c:a", "aac"}, 1280, 720},
		"picture only": {[]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=5", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60"}, 640, 360},
		"portrait":     {[]string{"-f", "lavfi", "-i", "testsrc2=s=1080x1920:r=30:d=5", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60"}, 720, 1280},
	} {
		t.Run(name, func(t *testing.T) {
			init, parts := recording(t, c.args...)
			feed := finish.NewFeed()
			send(t, feed, 0, init, parts...)
			feed.End(0, "")
			got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 1e9, End: 4e9}}, Profiles: twoProfiles(),
				Metadata: map[string]string{"title": "全场五折，最后三分钟"}, Watermark: "liveclip"}, feed)
			if err != nil {
				t.Fatal(err)
			}
			p := probe(t, got.Files[0].Path)
			if len(p.Streams) != 2 || p.Streams[0].CodecName != "h264" || p.Streams[1].CodecName != "aac" ||
				p.Streams[0].Width != c.width || p.Streams[0].Height != c.height || p.Streams[0].Duration != "3.000000" {
				t.Errorf("finished %+v", p)
			}
			keep(t, got.Files[0].Path)
		})
	}
}

func TestPartsAreJoinedInOrderOfPlay(t *testing.T) {
	folder := t.TempDir()
	shot := firstFragment(t, folder)
	shot.Sound = "" // clicks are listened for
	scene := openingScene()
	scene.Width, scene.Height, scene.Length = 320, 180, time.Second
	var err error
	if shot.Scene, err = json.Marshal(scene); err != nil {
		t.Fatal(err)
	}
	if _, err := finish.Shot(context.Background(), shot); err != nil {
		t.Fatal(err)
	}
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	feed := finish.NewFeed()
	for source := range int64(2) {
		send(t, feed, source, init, parts...)
		feed.End(source, "")
	}
	got, err := clip(t, &mediav1.FinishOrder{Profiles: small(), Parts: []*mediav1.FinishPart{
		{File: shot.Out, End: 1e9}, {Source: 0, Start: 1800e6, End: 3e9}, {Source: 1, Start: 4e9, End: 5e9}}}, feed)
	if err != nil {
		t.Fatal(err)
	}
	if got.Start != 1800e6 || got.End != 3e9 || got.Files[0].Length != 3200e6 {
		t.Errorf("finished %v", got)
	}
	if got, want := counts(t, got.Files[0].Path)[25:], append(numbers(20, 30), numbers(75, 25)...); !slices.Equal(got, want) {
		t.Errorf("pictures %v, want %v", got, want)
	}
	if got := clicks(t, got.Files[0].Path); len(got) != 2 || got[0].Round(time.Millisecond) != 1200*time.Millisecond || got[1].Round(time.Millisecond) != 2200*time.Millisecond {
		t.Errorf("clicks at %v", got)
	}
}

func TestAVariableRateBecomesConstant(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=6", "-vf", "select='not(between(mod(n,30),10,19))'", "-vsync", "vfr",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "40")
	got := windowOf(t, init, parts, time.Second, 5*time.Second)
	if p := probe(t, got.Files[0].Path); p.Streams[0].Frames != "120" {
		t.Errorf("finished %+v", p)
	}
}

func TestRenditionsHaveOneSetOfKeyframes(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30000/1001:d=8", "-c:v", "libx264", "-preset", "ultrafast")
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "")
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 1e9, End: 8e9}}, Profiles: twoProfiles()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range got.Files {
		out := command(t, "ffprobe", "-v", "error", "-select_streams", "v", "-skip_frame", "nokey", "-show_entries", "frame=pts_time", "-of", "csv=p=0", file.Path)
		if got, want := strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r == ',' || r == '\n' }), " "), "0.000000 0.500500 2.002000 4.004000 6.006000"; got != want {
			t.Errorf("%s has keyframes at %s, want %s", file.Profile, got, want)
		}
	}
}

// A player and the VOD path read the index from the front of the file.
func TestTheIndexIsAtTheFront(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	data, err := os.ReadFile(windowOf(t, init, parts, time.Second, 6*time.Second).Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for rest := data; len(rest) >= 8; rest = rest[binary.BigEndian.Uint32(rest):] {
		kinds = append(kinds, string(rest[4:8]))
	}
	if got, want := strings.Join(kinds, " "), "ftyp moov sidx sidx moof mdat moof mdat moof mdat moof mdat"; got != want {
		t.Errorf("boxes %s, want %s", got, want)
	}
	if !bytes.Contains(data[:4096], []byte("mehd")) {
		t.Error("the header has no length")
	}
}

func TestMetadataIsWritten(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "")
	aigc := `{"Label":"1","ContentProducer":"liveclip","ProduceID":"c1","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}`
	got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{Start: 1e9, End: 2e9}}, Profiles: small(), GeneratedLabel: true, Aigc: aigc,
		Metadata: map[string]string{"title": "全场五折"}}, feed)
	if err != nil {
		t.Fatal(err)
	}
	if tags := probe(t, got.Files[0].Path).Format.Tags; tags["AIGC"] != aigc || tags["title"] != "全场五折" {
		t.Errorf("tags %v", tags)
	}
}

func TestBadOrdersNameEveryFault(t *testing.T) {
	_, err := finish.Clip(context.Background(), &mediav1.FinishOrder{
		Parts:    []*mediav1.FinishPart{{Start: 5e9, End: 5e9}, {Start: 1, End: 2}, {Start: 1, End: 2}},
		Profiles: []*mediav1.FinishProfile{{Name: "../x", Width: 1280, Height: 720}, {Name: "huge", Width: 99999, Height: 720}},
		Preset:   "placebo", Aigc: "{"}, finish.NewFeed(), nil)
	if err == nil || !domain.IsPermanent(err) {
		t.Fatalf("error %v", err)
	}
	for _, fault := range []string{"part 0: window", "source 0 is read by another part", `profile "../x"`, `profile "huge"`, "aigc", "preset"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is not in %v", fault, err)
		}
	}
}

func TestBrokenFilesEndInAnErrorOrAShorterClip(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS is not set: the damaged files are not here")
	}
	files, _ := filepath.Glob(filepath.Join(corpus, "broken", "*"))
	more, _ := filepath.Glob(filepath.Join(corpus, "video", "*"))
	for _, path := range append(files, more...) {
		got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{File: path, End: 2e9}}, Profiles: small()}, nil)
		switch {
		case err != nil && !domain.IsPermanent(err):
			t.Errorf("%s: temporary error %v", filepath.Base(path), err)
		case err != nil:
			t.Logf("%s: %v", filepath.Base(path), err)
		default:
			t.Logf("%s: %s long %q", filepath.Base(path), time.Duration(got.Files[0].Length), got.ClippedTo)
		}
	}
}

func TestACancelledOrderEnds(t *testing.T) {
	init, parts := recording(t, encoded(counted(8, "320x180"))...)
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := finish.Clip(ctx, &mediav1.FinishOrder{Folder: t.TempDir(), FontFile: font, Parts: []*mediav1.FinishPart{{End: 10e9}}, Profiles: small()}, feed, nil)
	if !errors.Is(err, context.Canceled) || domain.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

func TestAFullDiskEndsTheOrderThoughItsInputStalls(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=10,noise=alls=40:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50")
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	folder := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(folder, "small.mp4")); err != nil {
		t.Fatal(err)
	}
	_, err := clip(t, &mediav1.FinishOrder{Folder: folder, Parts: []*mediav1.FinishPart{{Start: 1e9, End: 60e9}}, Profiles: small()}, feed)
	if err == nil || domain.IsPermanent(err) || !strings.Contains(err.Error(), "No space left") {
		t.Errorf("error %v", err)
	}
}

func TestPicturesAreShownAsTheirFileSays(t *testing.T) {
	room := func(args ...string) string {
		path := filepath.Join(t.TempDir(), "room.mp4")
		ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", "color=white:s=320x180:r=25:d=1,drawbox=w=160:color=black:t=fill"}, args...), path)...)
		return path
	}
	upright := room("-c:v", "libx264", "-qp", "10")
	turned := filepath.Join(t.TempDir(), "turned.mp4")
	ffmpeg(t, "-i", upright, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
	for name, c := range map[string]struct {
		path          string
		width, height int
	}{
		"upright":            {upright, 320, 180},
		"turned":             {turned, 180, 320},
		"pixels not square":  {room("-vf", "setsar=1/2", "-c:v", "libx264", "-qp", "10"), 160, 180},
		"of an odd size":     {room("-vf", "scale=319:179,setsar=1", "-pix_fmt", "yuv444p", "-c:v", "libx264", "-qp", "10"), 320, 180},
		"in the full range":  {room("-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-c:v", "libx264", "-qp", "10"), 320, 180},
		"of another codec":   {room("-c:v", "mpeg4", "-q:v", "2"), 320, 180},
		"smaller than a box": {room("-vf", "scale=96:54", "-c:v", "libx264", "-qp", "10"), 96, 54},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clip(t, &mediav1.FinishOrder{Parts: []*mediav1.FinishPart{{File: c.path, End: 1e9}}, Profiles: small()}, nil)
			if err != nil {
				t.Fatal(err)
			}
			file := got.Files[0]
			if int(file.Width) != c.width || int(file.Height) != c.height {
				t.Errorf("finished as %dx%d, want %dx%d", file.Width, file.Height, c.width, c.height)
			}
			// Four corners, as ffmpeg itself shows the file.
			corners := func(path string) (lumas []byte) {
				return ffmpeg(t, "-i", path, "-frames:v", "1", "-vf", "scale=2:2:flags=area:out_range=tv,format=yuv420p,extractplanes=y", "-f", "rawvideo", "-")
			}
			want, have := corners(c.path), corners(file.Path)
			for i := range want {
				if d := int(want[i]) - int(have[i]); max(d, -d) > 6 {
					t.Fatalf("corners are %v, want %v", have, want)
				}
			}
		})
	}
}
