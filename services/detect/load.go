package detect

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"liveclip/internal/strictyaml"
)

// builtInFeatures are what weights can be given to beside keywords and rules.
var builtInFeatures = []string{
	absent, awaited, "comments.asked", "comments.burst", "comments.buy", "comments.complaint", "comments.excited", "comments.keen", "comments.laugh", "comments.surge", "follows.burst", "gifts.burst", "likes.burst",
	"loudness.jump", "orders.burst", "price.off", "product.listed", "product.priced", "product.shown", "product.sold_out",
	"scene.cut", "sound.applause", "sound.laughter", unheard, alone, "speech.call", "speech.elsewhere", "speech.hint", "speech.lead", "urgency.countdown", "voice.raised",
}

// LoadRules reads the rules file at path over the built-in rules; empty: those. Its errors name file:line, all of them.
func LoadRules(path string) (*Rules, error) {
	words, err := newWords()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return parseRules(words, nil)
	}
	file, err := strictyaml.Open(path)
	if err != nil {
		return nil, err
	}
	return parseRules(words, file)
}

// words is what phrases are read with; it is made once.
type words struct {
	folder *folder
	sounds *sounds
}

func newWords() (words, error) {
	f, err := newFolder()
	return words{f, newSounds()}, err
}

// parseRules reads the files, each over the one before, over the built-in rules. Beside an error it gives what it got to know,
// such as the lists that they name.
func parseRules(with words, layers ...*strictyaml.File) (*Rules, error) {
	r := Rules{folder: with.folder, sounds: with.sounds}
	var last *strictyaml.File
	for _, layer := range append([]*strictyaml.File{strictyaml.New(defaultRulesName, defaultRules)}, layers...) {
		if layer == nil {
			continue
		}
		if err := r.over(layer); err != nil {
			return &r, err
		}
		last = layer
	}
	return &r, r.ready(last)
}

// over decodes a file over what is known: groups are added by name, weights one by one.
func (r *Rules) over(f *strictyaml.File) error {
	weights := r.Weights
	r.Weights, r.More, r.Categories = nil, nil, nil
	if err := f.Decode(&r.Spec); err != nil {
		return err
	}
	for signal, named := range weights {
		for name, w := range named {
			if _, changed := r.Weights[signal][name]; changed {
				continue
			}
			if r.Weights == nil {
				r.Weights = map[string]map[string]float64{}
			}
			if r.Weights[signal] == nil {
				r.Weights[signal] = map[string]float64{}
			}
			r.Weights[signal][name] = w
		}
	}
	for i := range r.Keywords {
		r.Keywords[i].at = fmt.Sprintf("keywords.%d", i)
	}
	for i, g := range r.More {
		g.at = fmt.Sprintf("more.%d", i)
		if known := slices.IndexFunc(r.Keywords, func(k Group) bool { return k.Name == g.Name && !strings.HasPrefix(k.at, "more.") }); known >= 0 {
			r.Keywords[known] = g
		} else {
			r.Keywords = append(r.Keywords, g)
		}
	}
	return nil
}

// ready checks what the file says and builds what is searched with.
func (r *Rules) ready(f *strictyaml.File) error {
	r.check(f)
	literal, bySound := r.entries(f)
	r.weigh(f)
	r.conditions = r.compile(f)
	lexicon := r.lexiconEntries(f)
	if err := f.Err(); err != nil {
		return err
	}
	r.matcher, r.bySound, r.lexicon = newMatcher(literally{}, literal), newMatcher(r.sounds, bySound), newMatcher(literally{}, lexicon)
	return nil
}

// weigh collects the weights by feature.
func (r *Rules) weigh(f *strictyaml.File) {
	r.weights = map[string]float64{}
	for _, name := range builtInFeatures {
		r.weights[name] = 0
	}
	for _, g := range r.Keywords {
		r.weights[featureOf(g.Name)] = g.Weight
	}
	for _, c := range r.Conditions {
		r.weights[signalRule+"."+c.Name] = c.Weight
	}
	for signal, named := range r.Weights {
		for name, w := range named {
			feature, path := signal+"."+name, "weights."+signal+"."+name
			if _, known := r.weights[feature]; !known {
				f.Fault(path, "no signal gives it; there are %s", strings.Join(slices.Sorted(maps.Keys(r.weights)), ", "))
				continue
			}
			if !(w >= -mostWeight && w <= mostWeight) {
				f.Fault(path, "must be between %v and %v, is %v", -mostWeight, mostWeight, w)
			}
			r.weights[feature] = w
		}
	}
	r.features = slices.Sorted(maps.Keys(r.weights))
}

const mostWeight = 20.

// compile reads the conditions.
func (r *Rules) compile(f *strictyaml.File) []condition {
	if len(r.Conditions) == 0 {
		return nil
	}
	env, err := conditionEnv(r.features)
	if err != nil {
		f.Fault("rules", "%v", err)
		return nil
	}
	var out []condition
	for i, c := range r.Conditions {
		compiled, err := compile(env, c)
		if err != nil {
			f.Fault(fmt.Sprintf("rules.%d.when", i), "%v", err)
		}
		out = append(out, compiled)
	}
	return out
}

// entries reads every phrase: to be found literally, and by its sound.
func (r *Rules) entries(f *strictyaml.File) (literal, bySound []entry) {
	read := func(path string, texts []string, group int, not bool, loose float64) {
		for i, text := range texts {
			at := path
			if path != "" {
				at = fmt.Sprintf("%s.%d", path, i)
			}
			parsed, err := r.folder.parsePhrases(text)
			if err != nil {
				f.Fault(at, "%v", err)
			}
			for _, p := range parsed {
				literal = append(literal, entry{p, group, not})
				if loose > 0 && len(p) >= leastAlike {
					bySound = append(bySound, entry{p, group, not})
				}
			}
			if len(literal) > mostPhrases {
				f.Fault(at, "more than %d phrases", mostPhrases)
				return
			}
		}
	}
	for i, g := range r.Keywords {
		loose := g.loose(r.Loose)
		read(g.at+".phrases", g.Phrases, i, false, loose)
		read(g.at+".not", g.Not, i, true, loose)
		if g.List != "" {
			read(g.at+".list", r.list(f, g), i, false, g.loose(0))
		}
	}
	r.asked = len(r.Keywords)
	read("comments.asked", r.Comments.Asked, r.asked, false, 0)
	read("elsewhere", r.Elsewhere, r.asked+1, false, 0)
	read("leads", r.Leads, r.asked+2, false, 0)
	read("calls", r.Calls, r.asked+3, false, 0)
	r.hints = r.asked + 4
	for i, g := range r.Keywords {
		read(g.at+".hints", g.Hints, r.hints+i, false, 0)
	}
	return literal, bySound
}

// lexiconEntries reads the words of comments by meaning.
func (r *Rules) lexiconEntries(f *strictyaml.File) []entry {
	var out []entry
	for group, list := range r.Meaning.lexicon() {
		for i, text := range list.phrases {
			parsed, err := r.folder.parsePhrases(text)
			if err != nil {
				f.Fault(fmt.Sprintf("meaning.%s.%d", list.name, i), "%v", err)
			}
			for _, p := range parsed {
				out = append(out, entry{p, group, false})
			}
		}
	}
	return out
}

const mostList = 16 << 20 // bytes of a list of phrases

// list reads a group's file of phrases: one a line, "#" begins a comment.
func (r *Rules) list(f *strictyaml.File, g Group) []string {
	path := g.List
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.Name()), path)
	}
	r.lists = append(r.lists, path)
	file, err := os.Open(path)
	if err != nil {
		f.Fault(g.at+".list", "%v", err)
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostList+1))
	if err == nil && len(text) > mostList {
		err = fmt.Errorf("%s has more than %d bytes", g.List, mostList)
	}
	if err != nil {
		f.Fault(g.at+".list", "%v", err)
		return nil
	}
	var phrases []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			phrases = append(phrases, line)
		}
	}
	return phrases
}
