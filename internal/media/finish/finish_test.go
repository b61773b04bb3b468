package finish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	fonts "liveclip/internal/font"
	"liveclip/internal/media"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// font is drawn with; without one every test that draws says so.
var font, _ = fonts.Find()

// ffmpeg runs the command line tool, which makes and measures the tests' files.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	return command(t, "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
}

func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes()
}

// recording is what the recorder makes of a file that ffmpeg makes: an initialisation segment and parts. Its media time
// begins at 1 s.
func recording(t testing.TB, args ...string) (init []byte, parts [][]byte) {
	t.Helper()
	return recordingFrom(t, time.Second, args...)
}

// recordings are those already made, since making one takes longer than most tests.
var recordings = map[string]struct {
	init  []byte
	parts [][]byte
}{}

func recordingFrom(t testing.TB, start time.Duration, args ...string) (init []byte, parts [][]byte) {
	t.Helper()
	key := fmt.Sprint(start, args)
	if made, ok := recordings[key]; ok {
		return made.init, made.parts
	}
	path := filepath.Join(t.TempDir(), "recording.mp4")
	ffmpeg(t, append(args, path)...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	order := &mediav1.RecordOrder{Url: path, StartAt: int64(start), PartLength: 500e6, AllowedSchemes: []string{"file"}}
	next := func() (*mediav1.ToChild, error) { <-ctx.Done(); return nil, io.EOF }
	_, err := media.Record(ctx, order, next, func(m *mediav1.FromChild) error {
		switch m := m.Message.(type) {
		case *mediav1.FromChild_Parameters:
			init = bytes.Clone(m.Parameters.Init)
		case *mediav1.FromChild_Part:
			parts = append(parts, bytes.Clone(m.Part.Data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	made := recordings[key]
	made.init, made.parts = init, parts
	recordings[key] = made
	return init, parts
}

func twoProfiles() []*mediav1.FinishProfile {
	return []*mediav1.FinishProfile{
		{Name: "720p", Width: 1280, Height: 720, Watermark: true},
		{Name: "360p", Width: 640, Height: 360},
	}
}

func clip(t testing.TB, order *mediav1.FinishOrder, feed *finish.Feed) (*mediav1.Finished, error) {
	t.Helper()
	if order.Folder == "" {
		order.Folder = t.TempDir()
	}
	if order.FontFile == "" {
		order.FontFile = font
	}
	if order.Preset == "" {
		order.Preset = "ultrafast"
	}
	if feed == nil {
		feed = finish.NewFeed()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return finish.Clip(ctx, order, feed, nil)
}

type probed struct {
	Streams []struct {
		CodecType string `json:"codec_type"`
		CodecName string `json:"codec_name"`
		Width     int    `json:"width"`
		Height    int    `json:"height"`
		Duration  string `json:"duration"`
		StartTime string `json:"start_time"`
		Frames    string `json:"nb_read_frames"`
	} `json:"streams"`
	Format struct {
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

func probe(t testing.TB, path string) (p probed) {
	t.Helper()
	out := command(t, "ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", path)
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAClipOfARecordingIsFinishedInEveryProfile(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=8", "-f", "lavfi", "-i", "sine=d=8:r=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac")
	feed := finish.NewFeed()
	send(t, feed, 0, init, parts...)
	feed.End(0, "")
	folder := t.TempDir()
	got, err := clip(t, &mediav1.FinishOrder{Folder: folder, Parts: []*mediav1.FinishPart{{Start: 2e9, End: 7e9}}, Profiles: twoProfiles()}, feed)
	if err != nil {
		t.Fatal(err)
	}
	want := &mediav1.Finished{Start: 2e9, End: 7e9, Parts: []*mediav1.FinishedPart{{Start: 2e9, End: 7e9}}, Cover: folder + "/cover.jpg",
		Sprite: folder + "/thumbs.jpg", Thumbnails: folder + "/thumbs.vtt", Files: []*mediav1.FinishedFile{
			{Profile: "720p", Path: folder + "/720p.mp4", Width: 1280, Height: 720, Length: 5e9},
			{Profile: "360p", Path: folder + "/360p.mp4", Width: 640, Height: 360, Length: 5e9},
		}}
	if !proto.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	for _, file := range got.Files {
		if p := probe(t, file.Path); len(p.Streams) != 2 || p.Streams[0].Frames != "125" || p.Streams[0].Duration != "5.000000" {
			t.Errorf("%s is %+v", file.Profile, p)
		}
	}
}

func send(t testing.TB, feed *finish.Feed, source int64, init []byte, parts ...[]byte) {
	t.Helper()
	for _, data := range append([][]byte{init}, parts...) {
		if err := feed.Add(source, data); err != nil {
			t.Fatal(err)
		}
	}
}
