package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"liveclip/internal/audience"
	"liveclip/internal/roomlog"
	"liveclip/services/detect"
)

// commentFile is what becomes of a file of real comments, of which nobody knows the moments.
type commentFile struct {
	File     string  `json:"file"`
	Comments int     `json:"comments"`
	Minutes  float64 `json:"minutes"`
	Clips    int     `json:"clips"`
	Greeting int     `json:"clips_of_the_first_20_s"` // people saying hello
	PerHour  float64 `json:"clips_an_hour"`
	Best     float64 `json:"best_score"` // of anything considered
}

// commentFiles replays every comment file of a folder, without speech or sound.
func commentFiles(ctx context.Context, rules *detect.Rules, folder string) ([]commentFile, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.xml"))
	if err != nil {
		return nil, err
	}
	var files []commentFile
	for _, path := range slices.Sorted(slices.Values(paths)) {
		comments, err := audience.ReadFile(path)
		if err != nil {
			return nil, err
		}
		entries := func(yield func(roomlog.Entry, error) bool) {
			for i := range comments {
				if !yield(roomlog.Entry{At: comments[i].At, Audience: &comments[i]}, nil) {
					return
				}
			}
		}
		report, err := detect.Replay(ctx, rules, roomlog.Marked(entries))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		f := commentFile{File: filepath.Base(path), Comments: len(comments), Minutes: comments[len(comments)-1].At.Minutes(), Clips: len(report.Highlights)}
		for _, h := range report.Highlights {
			if h.Window.Start < 20*time.Second {
				f.Greeting++
			}
		}
		for _, d := range report.Decisions {
			f.Best = max(f.Best, d.Highlight.Score)
		}
		f.PerHour = float64(f.Clips) / max(f.Minutes/60, 1./60)
		files = append(files, f)
	}
	return files, nil
}

func printCommentFiles(w io.Writer, files []commentFile) {
	fmt.Fprintln(w, "\nreal comments alone, moments unknown:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "file\tcomments\tlength\tclips\tan hour\tof the first 20 s\tbest score\t")
	for _, f := range files {
		fmt.Fprintf(t, "%s\t%d\t%.0f min\t%d\t%.1f\t%d\t%.2f\t\n", f.File, f.Comments, f.Minutes, f.Clips, f.PerHour, f.Greeting, f.Best)
	}
	t.Flush()
}
