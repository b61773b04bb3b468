// Package audience reads the comments that were kept with an archived recording.
package audience

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
)

const (
	maxFile    = 256 << 20
	maxText    = 1000 // bytes of one comment; longer ones are cut
	maxSeconds = 30 * 24 * 3600
)

// ReadFile reads Bilibili XML (`<d p="seconds,mode,size,colour,unixtime,pool,userhash,id">text</d>`, also when the rest of
// the document is broken) or a JSON array of {at_s, user, text}. Comments come sorted by media time; whoever wrote them is
// known by a hash only.
func ReadFile(path string) ([]domain.AudienceSignal, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read comments %s: %w", path, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read comments %s: larger than %d MiB", path, maxFile>>20)
	}
	signals, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read comments %s: %w", path, err)
	}
	return signals, nil
}

// Parse reads what ReadFile does.
func Parse(text []byte) ([]domain.AudienceSignal, error) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	var signals []domain.AudienceSignal
	var err error
	switch {
	case bytes.HasPrefix(trimmed, []byte("<")):
		signals, err = parseXML(trimmed)
	case bytes.HasPrefix(trimmed, []byte("[")):
		signals, err = parseJSON(trimmed)
	default:
		return nil, errors.New("neither Bilibili XML nor a JSON array")
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(signals, func(a, b domain.AudienceSignal) int { return cmp.Compare(a.At, b.At) })
	return signals, nil
}

// parseXML takes every <d> it can and steps over what is not well-formed.
func parseXML(text []byte) ([]domain.AudienceSignal, error) {
	var signals []domain.AudienceSignal
	for rest := text; ; {
		begin := bytes.Index(rest, []byte("<d "))
		if begin < 0 {
			break
		}
		rest = rest[begin:]
		end := bytes.Index(rest, []byte("</d>"))
		if end < 0 {
			break
		}
		element := rest[:end+len("</d>")]
		if next := bytes.Index(element[1:], []byte("<d ")); next >= 0 { // the first one never ended
			rest = rest[1+next:]
			continue
		}
		rest = rest[len(element):]
		var d struct {
			P    string `xml:"p,attr"`
			Text string `xml:",chardata"`
		}
		decoder := xml.NewDecoder(bytes.NewReader(element))
		decoder.Strict = false
		if decoder.Decode(&d) != nil {
			continue
		}
		fields := strings.Split(d.P, ",")
		seconds, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			continue
		}
		user := ""
		if len(fields) > 6 {
			user = fields[6]
		}
		if s, ok := comment(seconds, user, d.Text, len(signals)); ok {
			signals = append(signals, s)
		}
	}
	if len(signals) == 0 {
		return nil, errors.New("holds no comment")
	}
	return signals, nil
}

func parseJSON(text []byte) ([]domain.AudienceSignal, error) {
	var entries []struct {
		At   *float64 `json:"at_s"`
		User string   `json:"user"`
		Text string   `json:"text"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	var signals []domain.AudienceSignal
	for i, e := range entries {
		if e.At == nil {
			return nil, fmt.Errorf("comment %d: has no at_s", i)
		}
		s, ok := comment(*e.At, e.User, e.Text, i)
		if !ok {
			return nil, fmt.Errorf("comment %d: at_s must be 0 to %d, is %v", i, maxSeconds, *e.At)
		}
		signals = append(signals, s)
	}
	return signals, nil
}

func comment(seconds float64, user, text string, number int) (domain.AudienceSignal, bool) {
	if !(seconds >= 0 && seconds <= maxSeconds) {
		return domain.AudienceSignal{}, false
	}
	text = strings.ToValidUTF8(strings.TrimSpace(text), "")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	if user == "" {
		user = strconv.Itoa(number) // nobody is known to have written twice
	}
	return domain.AudienceSignal{
		ID: domain.H("archived comment", strconv.Itoa(number), strconv.FormatFloat(seconds, 'g', -1, 64), user, text), Kind: domain.SignalComment,
		At: time.Duration(seconds * float64(time.Second)), Text: text, User: domain.H("viewer", user), Count: 1,
	}, true
}
