package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/record"
	"liveclip/internal/roomgen"
	"liveclip/internal/roomlog"
	"liveclip/services/detect"
)

func writeJSONFile(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestARoomMeasuresTheSameFromItsLogAsFromMemory(t *testing.T) {
	maker, err := roomgen.New()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	room := maker.Room(roomgen.Train, 0)
	var log bytes.Buffer
	if _, err := roomlog.Write(&log, room.Entries...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "one.jsonl"), log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	writeJSONFile(t, filepath.Join(folder, "one.labels.json"), room.Labels)
	written := filepath.Join(t.TempDir(), "eval.json")
	code, out, said := commandLine(t, "detect", "eval", folder, "--synthetic", "1", "--json", written)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	text, err := os.ReadFile(written)
	if err != nil {
		t.Fatal(err)
	}
	var got figures
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	rows := got.Sets
	if len(rows) != 2 || rows[0].Moments != len(room.Labels.Moments) || rows[0].Clips == 0 {
		t.Fatalf("rows %+v\n%s", rows, out)
	}
	rows[0].Set, rows[1].Set = "", ""
	if a, b := fmt.Sprint(rows[0]), fmt.Sprint(rows[1]); a != b {
		t.Errorf("from the log  %s\nfrom memory   %s", a, b)
	}
}

// keptLabels puts labels where ops keeps them: what had buyers was liked, what was only loud was not. It gives the folder.
func keptLabels(t *testing.T, each int) string {
	folder := t.TempDir()
	for i := range 2 * each {
		l := domain.Label{
			Clip: domain.ClipID(fmt.Sprint("clip", i)), Stream: "room1", Broadcast: domain.BroadcastID(fmt.Sprint("b", i/4)), Category: "beauty",
			Verdict: domain.VerdictApproved, At: time.Unix(int64(i), 0), Features: map[string]float64{"comments.buy": 0.9, "loudness.jump": 0.4},
		}
		if i%2 == 0 {
			l.Verdict, l.Features = domain.VerdictRejected, map[string]float64{"loudness.jump": 0.8}
		}
		writeJSONFile(t, filepath.Join(folder, "store", record.Label(domain.DefaultTenant, l.Stream, l.Clip, "event")), l)
	}
	return folder
}

func TestTuningLearnsWhatPeopleLikedAndChangesNothingUnasked(t *testing.T) {
	data, rules := keptLabels(t, 30), filepath.Join(t.TempDir(), "rules.yaml")
	before := "# mine\nthreshold: 0.55 # low\nweights:\n  comments: {buy: 1} # buyers\n"
	if err := os.WriteFile(rules, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, said := commandLine(t, "detect", "tune", "--data", data, "--rules", rules)
	if code != 0 || !strings.Contains(out, "Nothing was changed") || !strings.Contains(out, "comments.buy") {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	if text, _ := os.ReadFile(rules); string(text) != before {
		t.Errorf("the rules were changed unasked:\n%s", text)
	}
	if code, out, said = commandLine(t, "detect", "tune", "--data", data, "--rules", rules, "--write", rules); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	text, _ := os.ReadFile(rules)
	for _, kept := range []string{"# mine", "threshold: 0.55 # low", "# buyers"} {
		if !strings.Contains(string(text), kept) {
			t.Errorf("%q is lost:\n%s", kept, text)
		}
	}
	tuned, err := detect.LoadRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	if w := tuned.FeatureWeights(); w["comments.buy"] <= 1 || w["loudness.jump"] >= w["comments.buy"] {
		t.Errorf("weights %v", w)
	}
}

func TestTuningRefusesWhatItCannotLearnFrom(t *testing.T) {
	few, enough, odd := keptLabels(t, 5), keptLabels(t, 30), t.TempDir()
	writeJSONFile(t, filepath.Join(odd, "store/default/labels/room1/c/x.json"), map[string]string{"Clip": "c"})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"too few":         {[]string{"--data", few}, "5 moments that were wanted and 5 that were not; at least 20 of each are needed"},
		"none of a room":  {[]string{"--data", enough, "--stream", "other"}, "0 moments that were wanted"},
		"none of a kind":  {[]string{"--data", enough, "--category", "food"}, "0 moments that were wanted"},
		"no stream":       {[]string{"--data", enough, "--stream", "../b"}, "stream ID"},
		"not a label":     {[]string{"--data", odd}, "neither approves nor rejects it"},
		"no store":        {[]string{"--data", filepath.Join(odd, "missing")}, "no store"},
		"no labelled set": {[]string{filepath.Join(odd, "store")}, "holds no NAME.jsonl"},
		"unreadable rule": {[]string{"--rules", filepath.Join(odd, "none.yaml")}, "none.yaml"},
	} {
		code, _, said := commandLine(t, append([]string{"detect", "tune"}, c.args...)...)
		if code == 0 || !strings.Contains(said, c.want) {
			t.Errorf("%s: exit %d, %q, want %q", name, code, said, c.want)
		}
	}
}

// A window by hand says something once the log of its broadcast does.
func TestAClipByHandIsLookedUpInItsBroadcastsLog(t *testing.T) {
	maker, err := roomgen.New()
	if err != nil {
		t.Fatal(err)
	}
	room := maker.Room(roomgen.Train, 1)
	log := func(domain.Label) iter.Seq2[roomlog.Entry, error] {
		return func(yield func(roomlog.Entry, error) bool) {
			for _, e := range room.Entries {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
	rules, err := detect.LoadRules("")
	if err != nil {
		t.Fatal(err)
	}
	var labels []domain.Label
	for i, m := range room.Labels.Moments {
		labels = append(labels, domain.Label{Clip: domain.ClipID(fmt.Sprint("m", i)), Broadcast: "b1", Window: m.Window(), Verdict: domain.VerdictApproved, Manual: true})
	}
	got, unused, err := fromPeople(t.Context(), rules, labels, log)
	if err != nil || len(got) < len(labels)/2 || len(got)+unused != len(labels) {
		t.Errorf("%d of %d found, %d not: %v", len(got), len(labels), unused, err)
	}
	gone := func(domain.Label) iter.Seq2[roomlog.Entry, error] {
		return func(yield func(roomlog.Entry, error) bool) { yield(roomlog.Entry{}, detect.ErrNoLog) }
	}
	got, unused, err = fromPeople(t.Context(), rules, labels, gone)
	if err != nil || len(got) != 0 || unused != len(labels) {
		t.Errorf("without its log: %d found, %d not: %v", len(got), unused, err)
	}
}
