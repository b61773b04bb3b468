package roomlog

import (
	"iter"
	"math"
	"time"

	"liveclip/internal/domain"
)

// Marked gives a log that has marks as it is. In one without any it sets them, as a recogniser would that is as quick as the
// log's at_s say: at every new at_s, heard up to the end of the first line still to come; and at the end the broadcast is
// closed. Such a log is held in memory.
func Marked(entries iter.Seq2[Entry, error]) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var held []Entry
		own := false
		for e, err := range entries {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if held = append(held, e); !own && e.Progress == nil {
				continue
			}
			own = true
			for _, e := range held {
				if !yield(e, nil) {
					return
				}
			}
			held = held[:0]
		}
		if !own {
			mark(held, yield)
		}
	}
}

func mark(entries []Entry, yield func(Entry, error) bool) {
	if len(entries) == 0 {
		return
	}
	heard := heardTo(entries)
	for i, e := range entries {
		if !yield(e, nil) {
			return
		}
		last := i == len(entries)-1
		if !last && entries[i+1].At == e.At {
			continue
		}
		progress := domain.StreamProgress{RecordedTo: e.At, HeardTo: heard[i], Closed: last, By: "asr"}
		if !yield(Entry{At: e.At, Progress: &progress}, nil) {
			return
		}
	}
}

// heardTo gives, after each entry, the media time up to which every line had come.
func heardTo(entries []Entry) []time.Duration {
	heard := make([]time.Duration, len(entries))
	open := time.Duration(math.MaxInt64) // end of the earliest line still to come
	for i := len(entries) - 1; i >= 0; i-- {
		heard[i] = min(entries[i].At, open)
		if l := entries[i].Line; l != nil {
			open = min(open, l.End)
		}
	}
	return heard
}
