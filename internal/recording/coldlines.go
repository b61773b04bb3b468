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

// Lines gives the final lines that overlap w once everything before w.End was heard (or the broadcast is closed, or its
// owner lost: then heardTo is less than w.End).
func (r *Reader) Lines(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) (lines []domain.TranscriptLine, heardTo time.Duration, err error) {
	lines, heardTo, err = r.lines(ctx, ref, b, w)
	if err != nil {
		return nil, 0, fmt.Errorf("read lines of [%s, %s) of broadcast %s: %w", w.Start, w.End, b, err)
	}
	return lines, heardTo, nil
}

func (r *Reader) lines(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) ([]domain.TranscriptLine, time.Duration, error) {
	rd := &reading{Reader: r, ref: ref, broadcast: b, window: w}
	started := time.Now()
	for {
		reply, err := rd.linesFromOwner(ctx)
		if err == nil {
			lines := make([]domain.TranscriptLine, 0, len(reply.Lines))
			for _, l := range reply.Lines {
				lines = append(lines, lineFromWire(l))
			}
			if time.Duration(reply.From) > w.Start {
				stored, _, err := rd.linesFromStore(ctx)
				if err != nil {
					return nil, 0, err
				}
				lines = append(lines, stored...)
			}
			return merged(lines), time.Duration(reply.HeardTo), nil
		}
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		end, err := rd.closed(ctx)
		if err != nil {
			return nil, 0, err
		}
		lines, heard, err := rd.linesFromStore(ctx)
		if err != nil {
			return nil, 0, err
		}
		if end != nil || heard >= w.End || time.Since(started) >= r.Lost {
			return merged(lines), heard, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
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

// linesFromStore reads the lines of the window, and how far all objects together say was heard.
func (rd *reading) linesFromStore(ctx context.Context) (lines []domain.TranscriptLine, heard time.Duration, err error) {
	// A line ends in (from, to] of its object, and may begin earlier.
	heard, err = rd.eachLines(ctx, 0, longestLine, func(record linesRecord) {
		lines = append(lines, overlapping(record.Lines, rd.window)...)
	})
	return lines, heard, err
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
