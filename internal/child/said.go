package child

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// said keeps of what a child writes to standard error its beginning and its end, and of a crash what names the fault. The Go
// runtime follows that with every goroutine and the registers, which would fill a log line and tell nobody more.
type said struct {
	mu   sync.Mutex
	head []byte // once tail has lost it
	tail []byte
	dump []byte // from the fault on; nil: there was none
}

const (
	headSize  = 512
	tailSize  = 4 << 10
	dumpSize  = 8 << 10
	faultSize = 2 << 10 // of what a dump comes to
	frames    = 8       // of the goroutine at fault
)

// fault is how the Go runtime begins to tell of its end: by its own fault, or by a signal, as of an assertion in C.
var fault = regexp.MustCompile(`(?m)^(panic: |fatal error: |SIG[A-Z]+: )`)

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := len(b)
	if s.dump != nil {
		s.dump = append(s.dump, b[:min(len(b), dumpSize-len(s.dump))]...)
		return written, nil
	}
	from := bytes.LastIndexByte(s.tail, '\n') + 1 // a line may come in pieces
	s.tail = append(s.tail, b...)
	if at := fault.FindIndex(s.tail[from:]); at != nil {
		dump := s.tail[from+at[0]:]
		s.dump = bytes.Clone(dump[:min(len(dump), dumpSize)])
		s.tail = s.tail[:from+at[0]]
	}
	if len(s.tail) > headSize+tailSize {
		if s.head == nil {
			s.head = bytes.Clone(s.tail[:headSize])
		}
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailSize:]...)
	}
	return written, nil
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.TrimSpace(string(s.head) + string(s.tail))
	return strings.TrimSpace(strings.ToValidUTF8(before+"\n"+named(string(s.dump)), "?"))
}

// registers are what a dump tells of a fault and a goroutine beside their names.
var registers = regexp.MustCompile(`(?m)^PC=.*\n| (gp|m|mp)=\S+`)

// named is what a dump says of the fault, and where the goroutine at fault was: the first.
func named(dump string) string {
	words, rest, _ := strings.Cut(dump, "\n\n")
	told := []string{registers.ReplaceAllString(words+"\n", "")}
	for block := range strings.SplitSeq(rest, "\n\n") {
		if strings.HasPrefix(block, "goroutine ") {
			told = append(told, where(block)...)
			break
		}
	}
	all := strings.Join(told, "\n")
	return strings.ReplaceAll(all[:min(len(all), faultSize)], "\n\n", "\n")
}

// where gives a goroutine's state and the functions it was in, with their lines; those of the runtime are the same in every dump.
func where(goroutine string) []string {
	lines := strings.Split(registers.ReplaceAllString(goroutine, ""), "\n")
	told := lines[:1:1]
	for i := 1; i+1 < len(lines); i++ {
		function := lines[i]
		place, ok := strings.CutPrefix(lines[i+1], "\t")
		if !ok || strings.HasPrefix(function, "\t") || strings.HasPrefix(function, "runtime.") {
			continue
		}
		if at := strings.LastIndexByte(function, '('); at > 0 && strings.HasSuffix(function, ")") {
			function = function[:at] // its arguments are addresses
		}
		place, _, _ = strings.Cut(place, " +0x")
		if told = append(told, function+" "+place); len(told) > frames {
			break
		}
	}
	return told
}
