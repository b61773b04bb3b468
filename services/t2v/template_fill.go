package t2v

// The fields of a template shot: outside text cleaned and cut, prices read, and put in place of ${names}.

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fill gives the template's fields their values: cleaned, cut, and never read as templates.
func (t Template) fill(given map[string]string, brand Brand) (map[string]string, error) {
	language, known := given["language"], t.knownFields()
	fields := map[string]string{fieldLogo: brand.Logo, "brand": brand.Name}
	for name, text := range t.Fields {
		fields[name] = text.In(language)
	}
	for name, value := range given {
		if !known[name] || slices.Contains(computedFields, name) {
			continue // what the plan knows and this template does not show
		}
		if value = cleanText(value); value != "" {
			fields[name] = value
		}
	}
	for _, name := range t.Required {
		if fields[name] == "" {
			return nil, fmt.Errorf("its field %s is empty", name)
		}
	}
	if saved, off, ok := priceCut(fields["was"], fields["price"], language); ok {
		fields["saved"], fields["off"] = saved, off
	} else if fields["was"] == fields["price"] {
		delete(fields, "was") // nothing was reduced
	}
	return fields, nil
}

// cleanText is outside text in one line, cut to what a field may have.
func cleanText(value string) string {
	value = strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(value, ""))), " ")
	if runes := []rune(value); len(runes) > maxField {
		value = strings.TrimSpace(string(runes[:maxField-1])) + "…"
	}
	return value
}

func printable(r rune) rune {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0x200b && r <= 0x200f, r == 0xfeff:
		return ' '
	}
	return r
}

// number is the first number in a price, and what stands before and after it.
var number = regexp.MustCompile(`^([^0-9]*)([0-9][0-9,]*(?:\.[0-9]{1,2})?)(.*)$`)

func parsePrice(s string) (before string, value float64, after string, ok bool) {
	m := number.FindStringSubmatch(s)
	if m == nil || len(m[2]) > 12 {
		return "", 0, "", false
	}
	value, err := strconv.ParseFloat(strings.ReplaceAll(m[2], ",", ""), 64)
	return m[1], value, m[3], err == nil
}

// priceCut says by how much a price came down: "省¥40", "6折"; "Save ¥40", "-40%". off is empty where it would be no
// reduction when rounded.
func priceCut(was, price, language string) (saved, off string, ok bool) {
	_, before, _, ok1 := parsePrice(was)
	unit, now, after, ok2 := parsePrice(price)
	if !ok1 || !ok2 || now >= before || now <= 0 {
		return "", "", false
	}
	amount := strings.TrimSuffix(strconv.FormatFloat(before-now, 'f', 2, 64), ".00")
	if language == "en" {
		saved = "Save " + unit + amount + after
		if percent := math.Round((before - now) / before * 100); percent >= 1 {
			off = fmt.Sprintf("-%.0f%%", percent)
		}
		return saved, off, true
	}
	if tenths := math.Round(now/before*100) / 10; tenths > 0 && tenths < 10 {
		off = strconv.FormatFloat(tenths, 'f', -1, 64) + "折"
	}
	return "省" + unit + amount + after, off, true
}

// parseSeconds accepts "180" and "3m".
func parseSeconds(s string) (int64, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		length, err := time.ParseDuration(s)
		if err != nil {
			return 0, errors.New("must be seconds, or a length such as 3m")
		}
		seconds = int64(length.Round(time.Second) / time.Second)
	}
	if seconds < 1 || seconds > maxCountdown {
		return 0, fmt.Errorf("must be 1 to %d seconds", maxCountdown)
	}
	return seconds, nil
}

// expand replaces ${name}; a text whose every variable is empty comes out empty, whatever stands around them.
func expand(s string, values map[string]string) string {
	variables, filled := 0, 0
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		variables++
		value := values[m[2:len(m)-1]]
		if value != "" {
			filled++
		}
		return value
	})
	if variables > 0 && filled == 0 {
		return ""
	}
	return out
}
