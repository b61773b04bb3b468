package prompt

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/strictyaml"
)

//go:embed templates/default.yaml
var defaultLibrary []byte

// defaultLibraryName stands for the built-in file in faults.
const defaultLibraryName = "built-in templates"

const longestOpening = 300 // characters

const other = "other" // the kind that stands for every one without an entry

var languages = []string{"zh", "en"}

// builtIn are the variables every highlight has a value for, or a default.
var builtIn = []string{"host", "product", "price", "was", "picture", "category", "title", "text", "words", "action", "kind", "countdown"}

// byLanguage is a text per language.
type byLanguage map[string]string

// libraryFile is a library as written.
type libraryFile struct {
	Variables map[string]byLanguage `yaml:"variables"`
	Templates []struct {
		Name     string `yaml:"name"`
		Language string `yaml:"language"`
		Text     string `yaml:"text"`
		Opening  string `yaml:"opening"` // words, without variables, that every shot of it begins with
	} `yaml:"templates"`
	Actions  map[string]byLanguage `yaml:"actions"`
	Titles   map[string]byLanguage `yaml:"titles"`
	Bare     map[string]byLanguage `yaml:"bare"` // titles where a name that the title needs is not known
	Openings []struct {
		Name      string            `yaml:"name"`
		Kinds     []string          `yaml:"kinds"` // of highlights that it opens where prompt.opening is auto
		Fields    map[string]string `yaml:"fields"`
		Needs     string            `yaml:"needs"`     // a variable
		Otherwise string            `yaml:"otherwise"` // the opening where that one has no value; empty: none
	} `yaml:"openings"`
	Negative byLanguage       `yaml:"negative"`
	Limits   map[string]Limit `yaml:"limits"`
}

// opening is what goes into a template of t2v, and which other one opens where a variable that it needs has no value.
type opening struct {
	fields           map[string]template
	needs, otherwise string
}

// library is one ready for use.
type library struct {
	defaults map[string]byLanguage
	prompts  []prompt
	actions  map[string]map[string]template // by kind and language
	titles   map[string]map[string]template
	bare     map[string]map[string]template // nil: titles have stand-ins for what is not known
	openings map[string]opening
	opens    map[string]string // the opening of a kind
	negative byLanguage
	limits   map[string]Limit // by kind of engine
}

type prompt struct {
	name, language, version string // version changes with the text
	text                    template
	opening                 domain.ShotOpening
}

// loadLibrary reads the file at path, or the built-in library when path is empty. Its errors name file:line, all of them.
func loadLibrary(path string) (*library, error) {
	if path == "" {
		return parseLibrary(nil)
	}
	file, err := strictyaml.Open(path)
	if err != nil {
		return nil, err
	}
	return parseLibrary(file)
}

// parseLibrary reads the file; a section it does not have is the built-in one's. Variables are added to the built-in ones.
func parseLibrary(file *strictyaml.File) (*library, error) {
	var base, own libraryFile
	shipped := strictyaml.New(defaultLibraryName, defaultLibrary)
	if err := shipped.Decode(&base); err != nil {
		return nil, err
	}
	if file == nil {
		file = shipped
	} else if err := file.Decode(&own); err != nil {
		return nil, err
	}
	maps.Copy(base.Variables, own.Variables)
	if own.Templates != nil {
		base.Templates = own.Templates
	}
	if own.Actions != nil {
		base.Actions = own.Actions
	}
	if own.Titles != nil {
		base.Titles, base.Bare = own.Titles, nil
	}
	if own.Bare != nil {
		base.Bare = own.Bare
	}
	if own.Openings != nil {
		base.Openings = own.Openings
	}
	if own.Negative != nil {
		base.Negative = own.Negative
	}
	maps.Copy(base.Limits, own.Limits)
	r := reader{file, &library{defaults: base.Variables, negative: base.Negative, limits: base.Limits}}
	r.read(base)
	if err := file.Err(); err != nil {
		return nil, err
	}
	return r.library, nil
}

// reader makes a library of a file and notes what is wrong with it.
type reader struct {
	file    *strictyaml.File
	library *library
}

var (
	variableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	entryName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

func (r *reader) read(file libraryFile) {
	for _, name := range slices.Sorted(maps.Keys(file.Variables)) {
		if !variableName.MatchString(name) {
			r.file.Fault("variables."+name, "a name must be lower-case letters, digits and '_'")
		}
		r.languages("variables."+name, file.Variables[name])
	}
	for i, t := range file.Templates {
		path := fmt.Sprintf("templates.%d", i)
		if !entryName.MatchString(t.Name) || slices.ContainsFunc(r.library.prompts, func(p prompt) bool { return p.name == t.Name }) {
			r.file.Fault(path+".name", "must be lower-case letters, digits and '_', and only once, is %.80q", t.Name)
		}
		if !slices.Contains(languages, t.Language) {
			r.file.Fault(path+".language", "must be zh or en, is %.20q", t.Language)
		}
		p := prompt{name: t.Name, language: t.Language, version: t.Name + "@" + domain.H("prompt template", t.Text)[:8], text: r.template(path+".text", t.Text, "")}
		if t.Opening != "" {
			words, err := parseTemplate(t.Opening, func(string) bool { return false })
			if err != nil || utf8.RuneCountInString(t.Opening) > longestOpening {
				r.file.Fault(path+".opening", "must have no variables and at most %d characters: every shot begins alike", longestOpening)
			}
			p.opening = domain.ShotOpening{Key: t.Name + "@" + domain.H("opening", t.Opening)[:8], Prompt: words.fill(func(string) string { return "" })}
		}
		r.library.prompts = append(r.library.prompts, p)
	}
	for _, language := range languages {
		if !slices.ContainsFunc(r.library.prompts, func(p prompt) bool { return p.language == language }) {
			r.file.Fault("templates", "none of language %s", language)
		}
	}
	r.library.actions = r.kinds("actions", file.Actions, "action")
	r.library.titles = r.kinds("titles", file.Titles, "title")
	if file.Bare != nil {
		r.library.bare = r.kinds("bare", file.Bare, "title")
	}
	r.languages("negative", file.Negative)
	for _, kind := range slices.Sorted(maps.Keys(file.Limits)) {
		if l := file.Limits[kind]; l.Characters < 20 || l.Characters > 10_000 || l.Negative < 0 || len(l.Languages) == 0 {
			r.file.Fault("limits."+kind, "must have 20 to 10000 characters, a negative of 0 or more, and languages")
		}
	}
	r.library.openings, r.library.opens = map[string]opening{}, map[string]string{}
	for i, o := range file.Openings {
		path := fmt.Sprintf("openings.%d", i)
		if _, again := r.library.openings[o.Name]; again || !entryName.MatchString(o.Name) {
			r.file.Fault(path+".name", "must be lower-case letters, digits and '_', and only once, is %.80q", o.Name)
		}
		fields := map[string]template{}
		for _, field := range slices.Sorted(maps.Keys(o.Fields)) {
			fields[field] = r.template(path+".fields."+field, o.Fields[field], "")
		}
		r.library.openings[o.Name] = opening{fields, o.Needs, o.Otherwise}
		for _, kind := range o.Kinds {
			if first, again := r.library.opens[kind]; again {
				r.file.Fault(path+".kinds", "%.40q is opened by %s already", kind, first)
				continue
			}
			r.library.opens[kind] = o.Name
		}
	}
	for i, o := range file.Openings {
		path := fmt.Sprintf("openings.%d", i)
		if _, known := r.library.defaults[o.Needs]; o.Needs != "" && !known {
			r.file.Fault(path+".needs", "there is no variable %.80q", o.Needs)
		}
		if other, known := r.library.openings[o.Otherwise]; o.Otherwise != "" && (!known || other.needs != "") {
			r.file.Fault(path+".otherwise", "must be an opening that needs nothing, is %.80q", o.Otherwise)
		}
	}
}

// kinds reads a section of texts by kind; self is the variable it gives, which it cannot use.
func (r *reader) kinds(section string, texts map[string]byLanguage, self string) map[string]map[string]template {
	read := map[string]map[string]template{}
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		path := section + "." + kind
		r.languages(path, texts[kind])
		read[kind] = map[string]template{}
		for _, language := range languages {
			if text, ok := texts[kind][language]; ok {
				read[kind][language] = r.template(path+"."+language, text, self)
			}
		}
	}
	if _, ok := texts[other]; !ok {
		r.file.Fault(section, "must have an entry %q", other)
	}
	return read
}

func (r *reader) languages(path string, texts byLanguage) {
	for _, language := range languages {
		if _, ok := texts[language]; !ok {
			r.file.Fault(path, "has no %s", language)
		}
	}
	for _, language := range slices.Sorted(maps.Keys(texts)) {
		if !slices.Contains(languages, language) {
			r.file.Fault(path+"."+language, "must be zh or en, is %.20q", language)
		}
	}
}

func (r *reader) template(path, text, self string) template {
	t, err := parseTemplate(text, func(name string) bool {
		if name == self || self == "action" && name == "title" { // titles may speak of the action, not the other way round
			return false
		}
		_, given := r.library.defaults[name]
		return given || slices.Contains(builtIn, name)
	})
	if err != nil {
		r.file.Fault(path, "%v", err)
	}
	if text == "" {
		r.file.Fault(path, "must not be empty")
	}
	return t
}
