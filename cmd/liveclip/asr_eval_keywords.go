package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"

	"liveclip/internal/speech/phrases"
	"liveclip/services/asr"
)

//go:embed asr_talk.txt
var ordinaryTalk string

// keywordVoice is a voice that keyword mode's thresholds were not set on: they were on slt and rms.
const keywordVoice = "awb"

var carriers = []string{"okay everyone %s so do not wait", "my friends %s right here for you", "and listen %s this evening my dear friends", "%s", "we have %s for all of you", "you asked for it %s and we made it happen"}

// keywordFigures are what keyword mode does on clean synthetic speech: every phrase said once, and talk without any.
type keywordFigures struct {
	Voice          string   `json:"voice"`
	Phrases        int      `json:"phrases"`
	Found          int      `json:"found"`   // word for word
	Moments        int      `json:"moments"` // they, and those heard as another phrase of their kind: of the same moment
	Missed         []string `json:"missed"`
	TalkSeconds    float64  `json:"talk_seconds"`
	FalseAlarms    []string `json:"false_alarms"`
	PerTenMinutes  float64  `json:"false_alarms_per_ten_minutes"`
	RealTimeFactor float64  `json:"real_time_factor"` // of the talk with a phrase about every half a minute, second looks included
}

// everyTalk is how many remarks of talk there are for each phrase where cost is measured: about half a minute.
const everyTalk = 8

func (e evaluation) keywords(ctx context.Context) (*keywordFigures, error) {
	ctx, stop := context.WithCancel(ctx)
	trial, err := asr.NewTrial(ctx, e.cfg, e.media, "keyword", e.log)
	if trial != nil {
		defer trial.Wait()
	}
	defer stop()
	if err != nil {
		return nil, err
	}
	f := &keywordFigures{Voice: keywordVoice, Missed: []string{}, FalseAlarms: []string{}}
	var spent, heard time.Duration
	hear := func(text string, counts bool) (string, error) {
		sound, err := sayEnglish(ctx, keywordVoice, text)
		if err != nil {
			return "", err
		}
		tried, err := trial.Hear(ctx, sound, false)
		if counts {
			spent, heard = spent+tried.Processor, heard+time.Duration(len(sound)/32)*time.Millisecond
		}
		var lines []string
		for _, l := range tried.Lines {
			lines = append(lines, l.Text)
		}
		return strings.Join(lines, " "), err
	}
	kinds := phrases.Kinds(phrases.Keywords)
	for i, phrase := range phrases.Each(phrases.Keywords) {
		text, err := hear(fmt.Sprintf(carriers[i%len(carriers)], phrase), i%everyTalk == 0)
		if err != nil {
			return nil, err
		}
		f.Phrases++
		if said(text, phrase) {
			f.Found++
			f.Moments++
			continue
		}
		for other, kind := range kinds {
			if kind == kinds[phrase] && said(text, other) {
				f.Moments++
				break
			}
		}
		f.Missed = append(f.Missed, fmt.Sprintf("%s: %q", phrase, text))
	}
	before := heard
	for _, talk := range phrases.Each(ordinaryTalk) {
		text, err := hear(talk, true)
		if err != nil {
			return nil, err
		}
		if text != "" {
			f.FalseAlarms = append(f.FalseAlarms, text)
		}
	}
	f.TalkSeconds = (heard - before).Seconds()
	f.PerTenMinutes = float64(len(f.FalseAlarms)) / f.TalkSeconds * 600
	f.RealTimeFactor = spent.Seconds() / heard.Seconds()
	return f, nil
}

func said(text, phrase string) bool { return strings.Contains(" "+text+" ", " "+phrase+" ") }

func (f keywordFigures) print(w io.Writer) {
	share := func(n int) float64 { return 100 * float64(n) / float64(max(1, f.Phrases)) }
	fmt.Fprintf(w, "keyword mode, voice %s: %d of %d phrases found word for word (%.1f %%), %d by one of their kind (%.1f %%), "+
		"%d false alarms in %.1f min of talk (%.1f in ten), real-time factor %.3f\n", f.Voice, f.Found, f.Phrases, share(f.Found), f.Moments, share(f.Moments),
		len(f.FalseAlarms), f.TalkSeconds/60, f.PerTenMinutes, f.RealTimeFactor)
	for _, m := range f.Missed {
		fmt.Fprintln(w, "  missed", m)
	}
	for _, m := range f.FalseAlarms {
		fmt.Fprintf(w, "  false  %q\n", m)
	}
}
