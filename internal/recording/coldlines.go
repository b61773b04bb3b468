package recording

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

// Heard is what was heard in a window.
type Heard struct {
	Lines   []domain.TranscriptLine // final ones that overlap it
	To      time.Duration           // everything before it was heard, or is in Unheard
	Unheard []domain.Unheard        // of the window, cut to it
}

// Heard gives what was heard in w once everything before w.End was (or the broadcast is closed, or its owner lost: then To is
// less than w.End).
func (r *Reader) Heard(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) (Heard, error) {
	heard, err := r.heard(ctx, ref, b, w)
	if err != nil {
		return Heard{}, fmt.Errorf("read lines of [%s, %s) of broadcast %s: %w", w.Start, w.End, b, err)
	}
	heard.Lines, heard.Unheard = merged(heard.Lines), mergedUnheard(heard.Unheard, w)
	return heard, nil
}

func (r *Reader) heard(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) (Heard, error) {
	rd := &reading{Reader: r, ref: ref, broadcast: b, window: w}
	started := time.Now()
	for {
		reply, err := rd.linesFromOwner(ctx)
		if err == nil {
			heard := heardFromWire(reply)
			if time.Duration(reply.From) > w.Start {
				stored, err := rd.heardFromStore(ctx)
				if err != nil {
					return Heard{}, err
				}
				heard.Lines, heard.Unheard = append(heard.Lines, stored.Lines...), append(heard.Unheard, stored.Unheard...)
			}
			return heard, nil
		}
		if ctx.Err() != nil {
			return Heard{}, ctx.Err()
		}
		end, err := rd.closed(ctx)
		if err != nil {
			return Heard{}, err
		}
		heard, err := rd.heardFromStore(ctx)
		if err != nil {
			return Heard{}, err
		}
		if end != nil || heard.To >= w.End || time.Since(started) >= r.Lost {
			return heard, nil
		}
		select {
		case <-ctx.Done():
			return Heard{}, ctx.Err()
		case <-time.After(min(lookAgain, r.Lost)):
		}
	}
}

func (rd *reading) linesFromOwner(ctx context.Context) (*recordingv1.LinesReply, error) {
	client, err := rd.owners.find(ctx, rd.ref)
	if err != nil {
		return nil, err
	}
	reply, err := client.Lines(ctx, &recordingv1.LinesRequest{Range: rangeOf(rd.ref, rd.broadcast, rd.window)})
	if err != nil {
		return nil, rd.owners.failed(client, err)
	}
	return reply, nil
}

func heardFromWire(r *recordingv1.LinesReply) Heard {
	heard := Heard{To: time.Duration(r.HeardTo)}
	for _, l := range r.Lines {
		heard.Lines = append(heard.Lines, lineFromWire(l))
	}
	for _, u := range r.Unheard {
		heard.Unheard = append(heard.Unheard, domain.Unheard{Window: domain.Window{Start: time.Duration(u.Start), End: time.Duration(u.End)}, Chosen: u.Chosen})
	}
	return heard
}

// heardFromStore reads what the objects of the window hold, and how far all objects together say was heard.
func (rd *reading) heardFromStore(ctx context.Context) (heard Heard, err error) {
	// A line ends in (from, to] of its object, and may begin earlier.
	heard.To, err = rd.eachLines(ctx, 0, longestLine, func(record linesRecord) {
		heard.Lines = append(heard.Lines, overlapping(record.Lines, rd.window)...)
		heard.Unheard = append(heard.Unheard, record.Unheard...)
	})
	return heard, err
}

// eachLines reads the objects that were written of the window, and of what lies so long before and after it.
func (rd *reading) eachLines(ctx context.Context, before, after time.Duration, take func(linesRecord)) (heard time.Duration, err error) {
	folder := Folder(rd.ref, rd.broadcast)
	for info, err := range rd.store.List(ctx, folder+"lines/", "") {
		if err != nil {
			return 0, err
		}
		name, ok := parseLinesName(strings.TrimPrefix(info.Key, folder))
		if !ok {
			continue
		}
		heard = max(heard, name.to)
		if name.to+before <= rd.window.Start || name.from >= rd.window.End+after {
			continue
		}
		var record linesRecord
		if _, err := blob.ReadJSON(ctx, rd.store, info.Key, &record); err != nil {
			return 0, fmt.Errorf("read %s: %w", info.Key, err)
		}
		take(record)
	}
	return heard, nil
}

// longestLine bounds how long a line is that overlaps a window and ends after it.
const longestLine = 2 * time.Minute

// merged sorts lines by time, each once.
func merged(lines []domain.TranscriptLine) []domain.TranscriptLine {
	slices.SortStableFunc(lines, func(a, b domain.TranscriptLine) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(lines, func(a, b domain.TranscriptLine) bool { return a.ID == b.ID })
}
