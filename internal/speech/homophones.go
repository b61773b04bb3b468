package speech

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// homophonesName is the file of a model's folder that says which of its characters sound alike, and which follow each other.
const homophonesName = "homophones.txt"

// homophones settles which of several characters of one sound was meant: a small model hears the syllable and guesses the
// character. Of all that sound like what was heard it takes those that make the likeliest text by pairs of neighbours.
type homophones struct {
	alike   map[string][]candidate
	pairs   map[[2]string]float64 // counts
	first   map[string]float64    // of all pairs that begin with it
	second  map[string]float64    // that end with it
	all     float64
	smooth  float64
	unknown float64 // the share of a character that no pair has
}

type candidate struct {
	token string
	cost  float64 // of taking it for what was heard
}

// mostLines bounds a table; the one that comes with liveclip has 17,000.
const mostLines = 1 << 20

// loadHomophones reads a model's table; nil without one.
func loadHomophones(folder string) (*homophones, error) {
	f, err := os.Open(filepath.Join(folder, homophonesName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load homophones: %w", err)
	}
	defer f.Close()
	return parseHomophones(bufio.NewScanner(f))
}

func parseHomophones(lines *bufio.Scanner) (*homophones, error) {
	h := &homophones{pairs: map[[2]string]float64{}, first: map[string]float64{}, second: map[string]float64{}}
	var keep, tone float64
	sounds := map[string][]string{}
	number := 0
	for lines.Scan() {
		if number++; number > mostLines {
			return nil, fmt.Errorf("load homophones: more than %d lines", mostLines)
		}
		fields := strings.Fields(lines.Text())
		ok := len(fields) >= 3
		switch {
		case ok && fields[0] == "costs" && len(fields) == 4:
			ok = positive(fields[1], &keep) && positive(fields[2], &tone) && positive(fields[3], &h.smooth)
		case ok && fields[0] == "sound":
			sounds[fields[1]] = fields[2:]
		case ok && fields[0] == "pair" && len(fields) == 4:
			var n float64
			ok = positive(fields[3], &n)
			h.pairs[[2]string{fields[1], fields[2]}] += n
			h.first[fields[1]] += n
			h.second[fields[2]] += n
			h.all += n
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("load homophones: line %d: %.60q", number, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("load homophones: %w", err)
	}
	if h.all == 0 || h.smooth == 0 {
		return nil, errors.New("load homophones: no costs or no pairs")
	}
	h.unknown = 0.5 / (h.all + 0.5*float64(len(sounds)+1))
	h.alike = alike(sounds, keep, tone)
	return h, nil
}

func positive(text string, into *float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	*into = v
	return err == nil && v >= 0 && v < 1e12
}

// alike lists for every character those that share a syllable with it, whatever their tone.
func alike(sounds map[string][]string, keep, tone float64) map[string][]candidate {
	bySyllable := map[string][]string{}
	for token, readings := range sounds {
		for _, r := range readings {
			syllable := strings.TrimRight(r, "12345")
			bySyllable[syllable] = append(bySyllable[syllable], token)
		}
	}
	all := map[string][]candidate{}
	for token, readings := range sounds {
		costs := map[string]float64{}
		for _, r := range readings {
			for _, other := range bySyllable[strings.TrimRight(r, "12345")] {
				costs[other] = keep + tone
			}
		}
		for other := range costs {
			switch {
			case other == token:
				costs[other] = 0
			case share(readings, sounds[other]):
				costs[other] = keep
			}
			all[token] = append(all[token], candidate{other, costs[other]})
		}
	}
	return all
}

func share(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

const sentenceBegins, sentenceEnds = "^", "$"

// settle gives the likeliest tokens for those that were heard, one for one.
func (h *homophones) settle(heard []string) []string {
	type path struct {
		cost float64
		from int
	}
	columns := make([][]candidate, 0, len(heard)+2)
	columns = append(columns, []candidate{{sentenceBegins, 0}})
	for _, token := range heard {
		if all := h.alike[token]; len(all) > 0 {
			columns = append(columns, all)
		} else {
			columns = append(columns, []candidate{{token, 0}})
		}
	}
	columns = append(columns, []candidate{{sentenceEnds, 0}})
	best := make([][]path, len(columns))
	best[0] = []path{{}}
	for i := 1; i < len(columns); i++ {
		best[i] = make([]path, len(columns[i]))
		for j, c := range columns[i] {
			p := path{math.Inf(1), 0}
			for k, before := range columns[i-1] {
				// Of equals the first in the alphabet: maps have no order, answers must have one.
				cost := best[i-1][k].cost + c.cost + h.surprise(before.token, c.token)
				if cost < p.cost || cost == p.cost && before.token < columns[i-1][p.from].token {
					p = path{cost, k}
				}
			}
			best[i][j] = p
		}
	}
	settled := make([]string, len(heard))
	at := best[len(columns)-1][0].from
	for i := len(heard); i > 0; i-- {
		settled[i-1] = columns[i][at].token
		at = best[i][at].from
	}
	return settled
}

// respell settles pieces in place and gives the text they make.
func (h *homophones) respell(pieces []piece) string {
	heard := make([]string, len(pieces))
	for i, p := range pieces {
		heard[i] = p.text
	}
	settled := h.settle(heard)
	for i := range pieces {
		pieces[i].text = settled[i]
	}
	return strings.TrimSpace(strings.Join(settled, ""))
}

// surprise is the negative logarithm of a token's likelihood after another.
func (h *homophones) surprise(before, token string) float64 {
	alone := h.second[token]/h.all + h.unknown
	return -math.Log((h.pairs[[2]string{before, token}] + h.smooth*alone) / (h.first[before] + h.smooth))
}
