// Package cmcd reads what players say of their requests as CTA-5004 has it (Common Media Client Data): in the query parameter
// CMCD, or in the header fields CMCD-Object, CMCD-Request, CMCD-Session and CMCD-Status, which mean the same to a reader.
package cmcd

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// Data is what of it is of use here. Zero values stand for what was not said.
type Data struct {
	Session  string // sid
	Content  string // cid
	Object   string // ot: "v", "a", "av", "m", "i", "c", …
	Startup  bool   // su: needed to start, or to go on after a stall or a seek
	Starved  bool   // bs: the buffer ran empty since the last request
	Bitrate  int64  // br: of the object, kbit/s
	Buffered int64  // bl: milliseconds
	Measured int64  // mtp: throughput, kbit/s
	// Custom are the keys with a hyphenated prefix, which are a player's own; values without quotes.
	Custom map[string]string
}

// Query is the name of the parameter.
const Query = "CMCD"

// Fields are the names of the header fields.
var Fields = [...]string{"Cmcd-Object", "Cmcd-Request", "Cmcd-Session", "Cmcd-Status"}

const (
	maxBytes = 4096
	maxKeys  = 64
)

// Of reads a request's header fields, or else its query parameter (decoded). What is not well-formed is an error, beside what
// was read before it.
func Of(h http.Header, query string) (Data, error) {
	var d Data
	var faults error
	if query != "" {
		faults = d.read(query)
	}
	for _, name := range Fields {
		for _, value := range h[name] {
			faults = errors.Join(faults, d.read(value))
		}
	}
	return d, faults
}

var errForm = errors.New("CMCD: is not a list of keys and values")

// read takes a list of key, key=token, key=number and key="string".
func (d *Data) read(list string) error {
	if len(list) > maxBytes {
		return errors.New("CMCD: is longer than 4096 bytes")
	}
	for n := 0; list != ""; n++ {
		key, rest, value := list, "", "true"
		if at := strings.IndexAny(list, "=,"); at >= 0 {
			key, rest = list[:at], list[at:]
		}
		if strings.HasPrefix(rest, "=") {
			var ok bool
			if value, rest, ok = cutValue(rest[1:]); !ok {
				return errForm
			}
		}
		key = strings.Trim(key, " \t")
		if key == "" || n == maxKeys || rest != "" && rest[0] != ',' {
			return errForm
		}
		if err := d.set(key, value); err != nil {
			return err
		}
		if list = strings.TrimPrefix(rest, ","); list == "" && rest != "" {
			return errForm // a comma at the end
		}
	}
	return nil
}

// cutValue takes a value off the beginning, without its quotes.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		value = strings.Trim(s[:end], " \t")
		return value, s[end:], value != "" && !strings.ContainsAny(value, `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), strings.TrimLeft(s[i+1:], " \t"), true
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func (d *Data) set(key, value string) error {
	switch key {
	case "sid":
		d.Session = value
	case "cid":
		d.Content = value
	case "ot":
		d.Object = value
	case "su":
		d.Startup = value == "true"
	case "bs":
		d.Starved = value == "true"
	case "br":
		return number(key, value, &d.Bitrate)
	case "bl":
		return number(key, value, &d.Buffered)
	case "mtp":
		return number(key, value, &d.Measured)
	default:
		if strings.Contains(key, "-") {
			if d.Custom == nil {
				d.Custom = map[string]string{}
			}
			d.Custom[key] = value
		}
	}
	return nil
}

func number(key, value string, to *int64) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return errors.New("CMCD: " + key + " is no whole number")
	}
	*to = n
	return nil
}
