package delivery

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/sign"
)

// ErrElsewhere says that a line is of something else than the VOD path.
var ErrElsewhere = errors.New("not of the VOD path")

// Imported is a delivery that a foreign log tells of. Its envelope has an ID that the same line gives again, the tenant, and
// of the stream what the line knows: usually nothing.
type Imported struct {
	event.Envelope
	domain.Delivery
}

// Forms are the names of the log forms that can be read.
func Forms() []string {
	names := make([]string, 0, len(forms))
	for name := range forms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// read takes one line of a form.
type read func(in *Importer, text string) (entry, error)

var forms = map[string]read{"aliyun": readAliyun, "tencent": readTencent, "cloudfront": readCloudFront, "nginx": readNginx, "liveclip": readOwn}

// entry is what a line gives.
type entry struct {
	domain.Delivery
	tenant    domain.Tenant
	stream    domain.StreamID
	broadcast domain.BroadcastID
}

const maxLine = 64 << 10 // bytes

// Importer reads a log of one form.
type Importer struct {
	form   string
	origin string
	read   read
	fields []string // cloudfront: as the log names them
}

// NewImporter reads the form; the records' origin is the name given, or the form's.
func NewImporter(form, origin string) (*Importer, error) {
	r, ok := forms[form]
	if !ok {
		return nil, fmt.Errorf("no log form %q; there are %v", form, Forms())
	}
	if origin == "" && form != "liveclip" {
		origin = form
	}
	return &Importer{form: form, origin: origin, read: r, fields: cloudFrontFields}, nil
}

// Read gives what every line tells, of text or of gzip. An error beside a record names the line, and the next ones go on; the
// last one, of reading itself, is not followed by anything.
func (in *Importer) Read(from io.Reader) iter.Seq2[Imported, error] {
	return func(yield func(Imported, error) bool) {
		buffered := bufio.NewReaderSize(from, maxLine)
		if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			unzipped, err := gzip.NewReader(buffered)
			if err != nil {
				yield(Imported{}, err)
				return
			}
			buffered = bufio.NewReaderSize(unzipped, maxLine)
		}
		for number := 1; ; number++ {
			text, whole, err := nextLine(buffered)
			if errors.Is(err, io.EOF) && text == "" {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Imported{}, fmt.Errorf("line %d: %w", number, err))
				return
			}
			if text == "" || in.comment(text) {
				continue
			}
			record, fault := in.one(text, number, whole)
			if fault != nil {
				fault = fmt.Errorf("line %d: %w", number, fault)
			}
			if !yield(record, fault) {
				return
			}
		}
	}
}

// nextLine gives a line without its end; of one that is too long the beginning, and the rest is passed over.
func nextLine(r *bufio.Reader) (text string, whole bool, err error) {
	line, err := r.ReadSlice('\n')
	text, whole = strings.TrimRight(string(line), "\r\n"), true
	for errors.Is(err, bufio.ErrBufferFull) {
		whole = false
		_, err = r.ReadSlice('\n')
	}
	return text, whole, err
}

// comment takes the lines that are none: CloudFront's name the fields of those that follow.
func (in *Importer) comment(text string) bool {
	if in.form != "cloudfront" || text[0] != '#' {
		return false
	}
	if fields, ok := strings.CutPrefix(text, "#Fields:"); ok {
		in.fields = strings.Fields(fields)
	}
	return true
}

func (in *Importer) one(text string, number int, whole bool) (Imported, error) {
	if !whole {
		return Imported{}, fmt.Errorf("longer than %d bytes", maxLine)
	}
	e, err := in.read(in, text)
	if err != nil {
		return Imported{}, err
	}
	id := domain.H("imported", in.form, strconv.Itoa(number), text)
	if e.RequestID == "" {
		e.RequestID = id
	}
	if in.origin != "" {
		e.Origin = in.origin
	}
	return Imported{
		Envelope: event.Envelope{ID: id, Tenant: e.tenant, Stream: e.stream, Broadcast: e.broadcast, Wall: e.Started},
		Delivery: e.Delivery,
	}, nil
}

// fromURL fills what the request's URL says: the clip, its file, and what the query carries.
func fromURL(raw string) (entry, error) {
	if len(raw) > 8<<10 {
		return entry{}, errors.New("the URL is longer than 8 KiB")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return entry{}, fmt.Errorf("the URL is none: %.120q", raw)
	}
	parts := strings.Split(sign.Stripped(u.Path), "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "vod" || !idPattern.MatchString(parts[2]) || !idPattern.MatchString(parts[3]) || parts[4] == "" {
		return entry{}, ErrElsewhere
	}
	query, _ := url.ParseQuery(u.RawQuery) // as much of it as can be read
	said := SaidBy(nil, u.RawQuery)
	e := entry{tenant: domain.DefaultTenant, Delivery: domain.Delivery{
		RequestID: said.RequestID, Purpose: said.Purpose, Session: Cut(query.Get("session"), 128),
		Clip: domain.ClipID(parts[2]), Hash: parts[3], File: Cut(parts[4], 128), Method: "GET", Acked: -1,
	}}
	if profile, ok := strings.CutSuffix(e.File, ".mp4"); ok {
		e.Profile = profile
	}
	if e.Session == "" {
		e.Session = said.Session
	}
	if query.Has("tenant") {
		if e.tenant, err = domain.ParseTenant(query.Get("tenant")); err != nil {
			return entry{}, err
		}
	}
	return e, nil
}

// number reads a whole number of a field; "-" is 0.
func number(name, s string) (int64, error) {
	if s == "-" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is no whole number: %.40q", name, s)
	}
	return n, nil
}

func status(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 999 {
		return 0, fmt.Errorf("the status is none: %.40q", s)
	}
	return n, nil
}

// said is a field's text; "-" stands for none.
func text(s string, n int) string {
	if s == "-" {
		return ""
	}
	return Cut(s, n)
}

// answered fills a record by what nearly all forms have.
func (e *entry) answered(code, bytes, took, referer, hit string) error {
	var faults [3]error
	var ms int64
	e.Status, faults[0] = status(code)
	e.Sent, faults[1] = number("the bytes sent", bytes)
	ms, faults[2] = number("the response's time", took)
	e.Took, e.Referer, e.CacheHit = duration(float64(ms)), text(referer, 256), isHit(hit)
	return errors.Join(faults[:]...)
}

func isHit(s string) bool {
	s = strings.ToLower(s)
	return s == "hit" || s == "tcp_hit" || s == "refreshhit" || s == "revalidated" || s == "stale" || s == "updating"
}

// east is where the Chinese CDNs' times are of.
var east = time.FixedZone("UTC+8", 8*3600)

// words splits a line at blanks; "…" and […] hold together, and \" inside is a quote.
func words(line string) ([]string, error) {
	var all []string
	for rest := strings.TrimLeft(line, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		var word string
		var ok bool
		switch rest[0] {
		case '"':
			word, rest, ok = quoted(rest[1:])
		case '[':
			word, rest, ok = strings.Cut(rest[1:], "]")
		default:
			end := strings.IndexAny(rest, " \t")
			if end < 0 {
				end = len(rest)
			}
			word, rest, ok = rest[:end], rest[end:], true
			if name, value, pair := strings.Cut(word, `="`); pair && !strings.HasSuffix(value, `"`) || pair && value == "" {
				var more string
				more, rest, ok = quoted(line[len(line)-len(rest)-len(value):])
				word = name + "=" + more
			} else if pair {
				word = name + "=" + strings.TrimSuffix(value, `"`)
			}
		}
		if !ok {
			return nil, errors.New("a quote or bracket is not closed")
		}
		if all = append(all, word); len(all) > 64 {
			return nil, errors.New("more than 64 fields")
		}
	}
	return all, nil
}

// quoted takes up to the closing quote.
func quoted(s string) (word, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.ReplaceAll(s[:i], `\"`, `"`), s[i+1:], true
		}
	}
	return "", "", false
}
