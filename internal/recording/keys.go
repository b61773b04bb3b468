package recording

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// Folder is the prefix of a broadcast's keys, with its slash.
func Folder(ref domain.Ref, b domain.BroadcastID) string {
	return fmt.Sprintf("%s/%s/rec/", ref, b)
}

const closedName = "closed.json"

// SegmentName is the last part of a segment's key.
type SegmentName struct {
	Window   domain.Window // to the millisecond: from the one it begins in to the one it has ended by
	Epoch    int64
	Run      int
	Keyframe bool
}

func (n SegmentName) String() string {
	kind := "n"
	if n.Keyframe {
		kind = "k"
	}
	return fmt.Sprintf("%012d-%012d-%016d-%06d-%s.m4s", floorMS(n.Window.Start), ceilMS(n.Window.End), n.Epoch, n.Run, kind)
}

// InitName is the name of the initialisation segment that the segment's parts need.
func (n SegmentName) InitName() string { return initName(n.Epoch, n.Run) }

func initName(epoch int64, run int) string { return fmt.Sprintf("%016d-%06d.init.mp4", epoch, run) }

// ParseSegmentName reads the String form back; false for any other name.
func ParseSegmentName(name string) (SegmentName, bool) {
	rest, ok := strings.CutSuffix(name, ".m4s")
	fields := strings.Split(rest, "-")
	if !ok || len(fields) != 5 || fields[4] != "k" && fields[4] != "n" {
		return SegmentName{}, false
	}
	start, ok1 := parseMS(fields[0])
	end, ok2 := parseMS(fields[1])
	epoch, ok3 := parseNumber(fields[2], 16)
	run, ok4 := parseNumber(fields[3], 6)
	if !ok1 || !ok2 || !ok3 || !ok4 || end < start {
		return SegmentName{}, false
	}
	return SegmentName{domain.Window{Start: start, End: end}, epoch, int(run), fields[4] == "k"}, true
}

// linesName is the last part of the key of final lines: everything that ends in (From, To].
type linesName struct {
	from, to time.Duration
	epoch    int64
}

func (n linesName) String() string {
	return fmt.Sprintf("lines/%012d-%012d-%016d.json", floorMS(n.from), floorMS(n.to), n.epoch)
}

func parseLinesName(name string) (linesName, bool) {
	rest, ok := strings.CutPrefix(name, "lines/")
	rest, ok2 := strings.CutSuffix(rest, ".json")
	fields := strings.Split(rest, "-")
	if !ok || !ok2 || len(fields) != 3 {
		return linesName{}, false
	}
	from, ok1 := parseMS(fields[0])
	to, ok2 := parseMS(fields[1])
	epoch, ok3 := parseNumber(fields[2], 16)
	if !ok1 || !ok2 || !ok3 || to < from {
		return linesName{}, false
	}
	return linesName{from, to, epoch}, true
}

func floorMS(d time.Duration) int64 { return d.Milliseconds() }
func ceilMS(d time.Duration) int64  { return (d + time.Millisecond - 1).Milliseconds() }

func parseMS(s string) (time.Duration, bool) {
	n, ok := parseNumber(s, 12)
	if !ok || n > math.MaxInt64/int64(time.Millisecond) {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, true
}

// parseNumber takes digits only, as many as a name has.
func parseNumber(s string, digits int) (int64, bool) {
	if len(s) < digits {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
