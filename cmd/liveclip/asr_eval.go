package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"liveclip/internal/app"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/errorrate"
	"liveclip/internal/telemetry"
	"liveclip/internal/wording"
	"liveclip/services/asr"
)

type asrEvalCommand struct {
	Dirs      []string `arg:"" optional:"" help:"Folders of recordings, each with what was said in it beside: NAME.wav, NAME.txt, and NAME.words.json where its words' times are known."`
	Engine    []string `help:"Engines to measure, as asr.engines names them; else for each recording those of its language." placeholder:"NAME"`
	Synthetic bool     `help:"Also measure on synthetic speech: English by flite, Mandarin by espeak-ng, clean and with noise."`
	Keywords  bool     `help:"Also measure keyword mode, on a voice that its thresholds were not set on."`
	Corpus    string   `help:"Also measure on the recordings that this folder's INDEX.md names." type:"path" placeholder:"DIR"`
	Paced     int      `help:"Recordings of each set to hear as fast as they play, for latency." default:"3" placeholder:"N"`
	Lines     bool     `help:"Show what was said beside what was heard."`
	JSON      string   `name:"json" help:"Also write the figures to this file." type:"path"`
	Config    string   `help:"Settings file (YAML)." type:"path"`
}

func (asrEvalCommand) Help() string {
	return `Word and character errors compare what is written ("$19" is "nineteen dollars"). The real-time factor is the recogniser's
processor time for a second of sound (of an engine on another machine, the wall's). Live errors are those of the recordings
heard as fast as they play, each as a room's first words, of words or (Chinese) characters. Word times are compared where a word was
heard right. Latencies are of recordings that were heard as fast as they play: of the first partial line from its first word's
end, as the recogniser heard it; of the final line from the end of what is said where that is known, else of the last word heard.

Example: liveclip asr eval recordings/ --engine pocketsphinx --engine mandarin --lines
         liveclip asr eval --synthetic --keywords --json asr.json`
}

// recordingItem is a recording and what was said in it.
type recordingItem struct {
	Set, Name string
	Said      string
	words     []domain.Word // with times, where they are known
	language  string
	sound     func(ctx context.Context) ([]byte, error)
}

// engineFigures are a row of the table.
type engineFigures struct {
	Set            string   `json:"set"`
	Engine         string   `json:"engine"`
	Recordings     int      `json:"recordings"`
	Seconds        float64  `json:"seconds"`
	WordErrors     *float64 `json:"word_error_rate,omitempty"`
	CharErrors     float64  `json:"character_error_rate"`
	RealTimeFactor float64  `json:"real_time_factor"`
	WordTimeMS     *float64 `json:"word_time_error_ms_median,omitempty"`
	FirstPartialMS *float64 `json:"first_partial_ms_median,omitempty"`
	FinalMS        *float64 `json:"final_ms_median,omitempty"`
	LiveErrors     *float64 `json:"live_error_rate,omitempty"` // of words, else of characters, of those heard as fast as they play
}

// heardItem is what an engine made of one recording.
type heardItem struct {
	Set    string `json:"set"`
	Engine string `json:"engine"`
	Name   string `json:"name"`
	Said   string `json:"said"`
	Heard  string `json:"heard"`
}

type asrFigures struct {
	Engines  []engineFigures  `json:"engines"`
	Keywords *keywordFigures  `json:"keywords,omitempty"`
	Heard    []heardItem      `json:"heard"`
	Failed   []map[string]any `json:"failed,omitempty"`
}

func (c asrEvalCommand) Run(ctx context.Context, stdio stdio, flags settingFlags) error {
	defaults := defaultSettings()
	defaults.Log.Level = "error"
	s, err := loadSettings(defaults, c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	log := telemetry.Logger(s.Log, stdio.err)
	ctx, stop := app.Signals(ctx, log)
	defer stop()
	items, err := c.items(ctx)
	if err != nil {
		return failure{2, fmt.Errorf("asr eval: %w", err)}
	}
	media, err := child.NewStarter(s.Media, log)
	if err != nil {
		return fmt.Errorf("asr eval: %w", err)
	}
	e := evaluation{command: c, cfg: s.ASR, media: media, log: log, err: stdio.err}
	if e.writer, err = wording.New(); err != nil {
		return err
	}
	var out asrFigures
	for _, name := range e.engines(items) {
		if err := e.measure(ctx, name, items, &out); err != nil {
			return fmt.Errorf("asr eval: %w", err)
		}
	}
	if c.Keywords {
		if out.Keywords, err = e.keywords(ctx); err != nil {
			return fmt.Errorf("asr eval: keyword mode: %w", err)
		}
	}
	slices.SortStableFunc(out.Engines, func(a, b engineFigures) int { return cmp.Compare(a.Set, b.Set) })
	if err := errors.Join(out.print(stdio.out, c.Lines), out.write(c.JSON)); err != nil {
		return err
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("asr eval: %d recordings or engines failed", len(out.Failed))
	}
	return nil
}

// evaluation is one run.
type evaluation struct {
	command asrEvalCommand
	cfg     asr.Config
	media   *child.Starter
	log     logger
	writer  *wording.Writer
	err     io.Writer
}

// engines are those asked for; else the default of each language heard, and keyword mode beside English.
func (e evaluation) engines(items []recordingItem) []string {
	if len(e.command.Engine) > 0 {
		return e.command.Engine
	}
	var names []string
	for _, i := range items {
		if name := e.cfg.EngineFor(i.language); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// measure hears all recordings of an engine's language, set by set. An engine that cannot be had, and a recording that cannot be
// read, is a failure that does not end the others.
func (e evaluation) measure(ctx context.Context, name string, items []recordingItem, out *asrFigures) error {
	ctx, stop := context.WithCancel(ctx)
	trial, err := asr.NewTrial(ctx, e.cfg, e.media, name, e.log)
	if trial != nil {
		defer trial.Wait()
	}
	defer stop()
	if err != nil {
		fmt.Fprintf(e.err, "%s: %v\n", name, err)
		out.Failed = append(out.Failed, map[string]any{"engine": name, "error": err.Error()})
		return ctx.Err()
	}
	var sets []string
	for _, i := range items {
		if !slices.Contains(sets, i.Set) {
			sets = append(sets, i.Set)
		}
	}
	for _, set := range sets {
		t := engineTally{scorer: errorrate.New(e.writer), row: engineFigures{Set: set, Engine: name}}
		for _, i := range items {
			if i.Set != set || len(e.command.Engine) == 0 && e.cfg.EngineFor(i.language) != name {
				continue
			}
			if err := e.one(ctx, trial, i, &t, out); err != nil {
				if ctx.Err() != nil {
					return err
				}
				fmt.Fprintf(e.err, "%s by %s: %v\n", i.Name, name, err)
				out.Failed = append(out.Failed, map[string]any{"engine": name, "recording": i.Name, "error": err.Error()})
			}
		}
		if t.row.Recordings > 0 {
			out.Engines = append(out.Engines, t.figures())
		}
	}
	return nil
}

func (e evaluation) one(ctx context.Context, trial *asr.Trial, i recordingItem, t *engineTally, out *asrFigures) error {
	sound, err := i.sound(ctx)
	if err != nil {
		return err
	}
	tried, err := trial.Hear(ctx, sound, false)
	if err != nil {
		return err
	}
	text := t.add(i, sound, tried)
	out.Heard = append(out.Heard, heardItem{i.Set, t.row.Engine, i.Name, i.Said, text})
	if t.row.Recordings > e.command.Paced {
		return nil
	}
	if tried, err = trial.Hear(ctx, sound, true); err == nil {
		t.addLive(i, tried)
	}
	return err
}

// finals are how long after a sentence's end its line was final: after the end that is known of the recording's last, else after
// that of the last word as it was heard.
func finals(of recordingItem, tried asr.TrialResult) []time.Duration {
	out := make([]time.Duration, len(tried.Lines))
	for i, l := range tried.Lines {
		out[i] = tried.Came[i] - l.End
	}
	if n := len(of.words); n > 0 && of.words[n-1].End >= 0 && len(out) > 0 {
		out[len(out)-1] = tried.Came[len(out)-1] - of.words[n-1].End
	}
	return out
}

// engineTally adds up a set.
type engineTally struct {
	scorer           errorrate.Scorer
	row              engineFigures
	words, letters   errorrate.Rate
	live             errorrate.Rate // of words where they are told by spaces, else of characters
	latin            bool
	spent            time.Duration
	times            []time.Duration
	partials, finals []time.Duration
}

// written is all that was heard, in one text.
func written(lines []domain.TranscriptLine) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.Text
	}
	return strings.Join(texts, " ")
}

// addLive adds a recording that was heard as fast as it plays.
func (t *engineTally) addLive(i recordingItem, tried asr.TrialResult) {
	t.partials, t.finals = append(t.partials, tried.Partials...), append(t.finals, finals(i, tried)...)
	compare := t.scorer.Characters
	if i.language == "en" {
		compare = t.scorer.Words
	}
	t.live.Add(compare(i.Said, written(tried.Lines)))
}

func (t *engineTally) add(i recordingItem, sound []byte, tried asr.TrialResult) (text string) {
	var words []domain.Word
	for _, l := range tried.Lines {
		words = append(words, l.Words...)
	}
	text = written(tried.Lines)
	t.row.Recordings++
	t.row.Seconds += float64(len(sound)) / 32000
	t.words.Add(t.scorer.Words(i.Said, text))
	t.letters.Add(t.scorer.Characters(i.Said, text))
	t.latin = t.latin || i.language == "en"
	t.times = append(t.times, errorrate.Times(i.words, words)...)
	t.spent += cmp.Or(tried.Processor, tried.Wall)
	return text
}

func (t *engineTally) figures() engineFigures {
	f := t.row
	if t.latin {
		share := t.words.Share()
		f.WordErrors = &share
	}
	f.CharErrors = t.letters.Share()
	f.RealTimeFactor = t.spent.Seconds() / f.Seconds
	if t.live.Said > 0 {
		share := t.live.Share()
		f.LiveErrors = &share
	}
	f.WordTimeMS, f.FirstPartialMS, f.FinalMS = median(t.times), median(t.partials), median(t.finals)
	return f
}

func median(all []time.Duration) *float64 {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	ms := float64(all[len(all)/2].Milliseconds())
	return &ms
}

func (f asrFigures) print(w io.Writer, lines bool) error {
	if lines {
		for _, h := range f.Heard {
			fmt.Fprintf(w, "%s  %s  %s\n  said   %s\n  heard  %s\n", h.Set, h.Name, h.Engine, h.Said, h.Heard)
		}
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "set\tengine\trecordings\tseconds\tword errors\tcharacter errors\tlive errors\treal-time factor\tword times\tfirst partial\tfinal\t\n")
	ms := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf("%.0f ms", *v)
	}
	share := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", *v*100)
	}
	for _, e := range f.Engines {
		fmt.Fprintf(table, "%s\t%s\t%d\t%.0f\t%s\t%.1f %%\t%s\t%.3f\t%s\t%s\t%s\t\n", e.Set, e.Engine, e.Recordings, e.Seconds, share(e.WordErrors), e.CharErrors*100, share(e.LiveErrors),
			e.RealTimeFactor, ms(e.WordTimeMS), ms(e.FirstPartialMS), ms(e.FinalMS))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if f.Keywords != nil {
		f.Keywords.print(w)
	}
	return nil
}

func (f asrFigures) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
