package finish_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"liveclip/internal/child"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// through gives an order to the real liveclip-media, sends it input, and takes what it answers.
func through(t *testing.T, mode child.Mode, order *mediav1.ToChild, input ...*mediav1.ToChild) (answers []*mediav1.FromChild, err error) {
	t.Helper()
	p, err := childtest.Starter(t).Start(t.Context(), mode, order)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, m := range input {
		if err := p.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := p.Receive()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		answers = append(answers, m)
	}
}

func input(source int64, data []byte) *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Source: source, Data: data}}}
}

func inputEnd(source int64, reason string) *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_InputEnd{InputEnd: &mediav1.InputEnd{Source: source, Reason: reason}}}
}

func TestTheChildFinishesWhatItIsSent(t *testing.T) {
	init, parts := recording(t, encoded(counted(4, "320x180"))...)
	messages := []*mediav1.ToChild{input(0, init)}
	for _, part := range parts {
		messages = append(messages, input(0, part))
	}
	order := func(start, end int64) *mediav1.ToChild {
		return &mediav1.ToChild{Message: &mediav1.ToChild_Finish{Finish: &mediav1.FinishOrder{Folder: t.TempDir(), FontFile: font, Preset: "ultrafast",
			Profiles: small(), Parts: []*mediav1.FinishPart{{Start: start, End: end}}}}}
	}
	t.Run("whole", func(t *testing.T) {
		answers, err := through(t, child.Finish, order(2e9, 4e9), append(messages, inputEnd(0, ""))...)
		if err != nil {
			t.Fatal(err)
		}
		var finished *mediav1.Finished
		progressed := false
		for _, m := range answers {
			progressed = progressed || m.GetProgress() != nil
			if m.GetFinished() != nil {
				finished = m.GetFinished()
			}
		}
		if !progressed || finished == nil || finished.ClippedTo != "" || finished.Files[0].Length != 2e9 {
			t.Fatalf("answers %v", answers)
		}
		if _, err := os.Stat(finished.Cover); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing in the window", func(t *testing.T) {
		_, err := through(t, child.Finish, order(60e9, 70e9), append(messages, inputEnd(0, "broadcast closed"))...)
		if err == nil || !domain.IsPermanent(err) || !strings.Contains(err.Error(), "nothing between 1m0s and 1m10s: broadcast closed") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("input breaks off", func(t *testing.T) {
		_, err := through(t, child.Finish, order(2e9, 60e9), messages...)
		if err == nil || domain.IsPermanent(err) {
			t.Errorf("error %v", err)
		}
	})
}

func TestAFullSizeRoomFitsIntoTheChildsMemory(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30:d=1.5", "-f", "lavfi", "-i", "sine=d=1.5", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-c:a", "aac")
	messages := []*mediav1.ToChild{input(0, init)}
	for _, part := range parts {
		messages = append(messages, input(0, part))
	}
	_, err := through(t, child.Finish, &mediav1.ToChild{Message: &mediav1.ToChild_Finish{Finish: &mediav1.FinishOrder{Folder: t.TempDir(), FontFile: font,
		Watermark: "liveclip", Profiles: append(twoProfiles(), &mediav1.FinishProfile{Name: "1080p", Width: 1920, Height: 1080, Watermark: true}),
		Parts: []*mediav1.FinishPart{{Start: 1e9, End: 2e9}}}}}, append(messages, inputEnd(0, ""))...)
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheChildRendersAShot(t *testing.T) {
	order := firstFragment(t, t.TempDir())
	if _, err := through(t, child.Render, &mediav1.ToChild{Message: &mediav1.ToChild_Render{Render: order}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(order.Out); err != nil {
		t.Error(err)
	}
}

func TestTheCoverIsAPictureWorthSeeing(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "color=black:s=640x360:r=25:d=3", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=2",
		"-f", "lavfi", "-i", "color=white:s=640x360:r=25:d=2", "-filter_complex", "[0][1][2]concat=n=3", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	got := windowOf(t, init, parts, 2e9, 8e9)
	var detail int
	for _, v := range ffmpeg(t, "-i", got.Cover, "-vf", "format=yuvj420p,extractplanes=y", "-f", "rawvideo", "-") {
		if v > 60 && v < 200 {
			detail++
		}
	}
	if detail < 320*180/4 {
		t.Errorf("only %d pixels are neither dark nor bright", detail)
	}
	keep(t, got.Cover)
}

// A fade and a cut lie where pictures have most contrast; the still stretch between them is what a cover shows.
func TestTheCoverIsNotFromTheMiddleOfAFade(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=6", "-f", "lavfi", "-i", "smptehdbars=s=640x360:r=25:d=2,noise=alls=8",
		"-filter_complex", "[0]fade=out:0:75,noise=alls=60:allf=t[a];[a][1]concat=n=2", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	got := windowOf(t, init, parts, 1e9, 9e9)
	want := ffmpeg(t, "-ss", "7", "-i", got.Files[0].Path, "-frames:v", "1", "-vf", "format=gray", "-f", "rawvideo", "-")
	have := ffmpeg(t, "-i", got.Cover, "-vf", "format=gray", "-f", "rawvideo", "-")
	off := 0
	for i := range want {
		d := int(want[i]) - int(have[i])
		off += max(d, -d)
	}
	if off/len(want) > 12 {
		t.Errorf("the cover is %d away from the still picture", off/len(want))
	}
	keep(t, got.Cover)
}

func TestThumbnailsSayWhichSecondsTheyAreOf(t *testing.T) {
	init, parts := recording(t, "-f", "lavfi", "-i", "nullsrc=s=320x180:r=25:d=13,format=yuv420p,geq=lum='20+floor(N/25)*15':cb=128:cr=128", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "8")
	got := windowOf(t, init, parts, 1e9, 13500e6)
	vtt, err := os.ReadFile(got.Thumbnails)
	if err != nil {
		t.Fatal(err)
	}
	for _, cue := range []string{"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nthumbs.jpg#xywh=0,0,160,90\n",
		"\n00:00:10.000 --> 00:00:11.000\nthumbs.jpg#xywh=0,90,160,90\n", "\n00:00:12.000 --> 00:00:12.520\nthumbs.jpg#xywh=320,90,160,90\n"} {
		if !strings.Contains(string(vtt), cue) {
			t.Errorf("no %q in %s", cue, vtt)
		}
	}
	sheet := ffmpeg(t, "-i", got.Sprite, "-vf", "scale=in_range=pc:out_range=tv,format=yuv420p,extractplanes=y", "-f", "rawvideo", "-")
	if len(sheet) != 1600*180 {
		t.Fatalf("the sprite has %d pixels", len(sheet))
	}
	for i := range 13 {
		if luma, want := int(sheet[(i/10*90+45)*1600+i%10*160+80]), 20+15*i; max(luma-want, want-luma) > 4 {
			t.Errorf("thumbnail %d is as bright as %d, want %d", i, luma, want)
		}
	}
}
