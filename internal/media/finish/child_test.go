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
	order := opening(t.TempDir())
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
