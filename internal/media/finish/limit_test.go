package finish_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/media/finish"
	"liveclip/internal/media/limit"
	mediav1 "liveclip/proto/media/v1"
)

func TestPicturesThatGrowTooLargeInTheMiddleAreLeftOutAndNoted(t *testing.T) {
	folder := t.TempDir()
	var all []byte
	for i, size := range []string{"320x180", "640x360", "320x180"} {
		path := filepath.Join(folder, "part.ts")
		ffmpeg(t, append(encoded(counted(1, size)), "-output_ts_offset", string(rune('0'+i)), path)...)
		part, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part...)
	}
	path := filepath.Join(folder, "all.ts")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := limit.With(t.Context(), limit.Limits{Name: "media.limits.finish", Pixels: 320 * 180})
	got, err := finish.Clip(ctx, &mediav1.FinishOrder{Folder: folder, FontFile: font, Preset: "ultrafast", Profiles: small(),
		Parts: []*mediav1.FinishPart{{File: path, End: int64(3 * time.Second)}}}, finish.NewFeed(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "media.limits.finish.pixels") {
		t.Errorf("notes %q", got.Notes)
	}
	shown := counts(t, got.Files[0].Path)
	want := append(numbers(0, 25), numbers(0, 25)...) // the last one before them stands for the large ones
	if len(shown) < 74 || !slices.Equal(slices.Compact(slices.Clone(shown)), want) {
		t.Errorf("pictures %v", shown)
	}
}
