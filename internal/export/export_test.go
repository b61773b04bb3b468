package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

var said = []domain.TranscriptLine{
	{Start: 1500 * time.Millisecond, End: 3 * time.Second, Text: "last three minutes", Words: []domain.Word{{Text: "last", Start: 1500 * time.Millisecond, End: 1700 * time.Millisecond, Confidence: 0.9}}},
	{Start: 3700 * time.Second, End: 3701 * time.Second, Text: "a <b>\n\n--> c"},
}

func TestAnEDLCountsFramesOfTheSource(t *testing.T) {
	got := EDL(Source{Source: "a/room.mp4", FrameRate: 30, Clips: []Clip{{Start: 1, End: 3.5, Title: "全场五折"}, {Start: 60, End: 61}}})
	want := "TITLE: room.mp4\nFCM: NON-DROP FRAME\n\n" +
		"001  AX       B     C        00:00:01:00 00:00:03:15 00:00:00:00 00:00:02:15\n* FROM CLIP NAME: room.mp4\n* COMMENT: 全场五折\n\n" +
		"002  AX       B     C        00:01:00:00 00:01:01:00 00:00:02:15 00:00:03:15\n* FROM CLIP NAME: room.mp4\n* COMMENT: \n\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAFolderHoldsEverythingWithClipsInOrder(t *testing.T) {
	folder := t.TempDir()
	sources := []Source{
		{Source: "room.mp4", StreamID: "file-1", Duration: 60, Engine: "pocketsphinx", Transcript: said,
			Clips: []Clip{{ID: "b", Start: 20, End: 30, Title: "<script>alert(1)</script>"}, {ID: "a", Start: 1, End: 9}}},
		{Source: "broken.mp4", StreamID: "file-2", Error: "no picture and no sound"},
	}
	if err := Write(folder, sources); err != nil {
		t.Fatal(err)
	}
	var clips struct {
		Sources []struct {
			Clips []struct {
				ID string `json:"clip_id"`
			}
			Error string
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "clips.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &clips); err != nil {
		t.Fatal(err)
	}
	if len(clips.Sources) != 2 || clips.Sources[0].Clips[0].ID != "a" || clips.Sources[1].Error == "" || clips.Sources[1].Clips == nil {
		t.Errorf("clips.json: %s", text)
	}
	page, err := os.ReadFile(filepath.Join(folder, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(page), "<script>alert") || !strings.Contains(string(page), "no picture and no sound") {
		t.Errorf("index.html: %s", page)
	}
	for _, name := range []string{"transcript.json", "file-1.srt", "file-1.vtt", "file-1.edl"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "file-2.srt")); err == nil {
		t.Error("a source that could not be read has subtitles")
	}
}
