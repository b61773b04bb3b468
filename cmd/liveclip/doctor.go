package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/child"
	fonts "liveclip/internal/font"
	"liveclip/internal/telemetry"
	"liveclip/internal/wording"
	mediav1 "liveclip/proto/media/v1"
	"liveclip/services/asr"
	"liveclip/services/t2v"
	"liveclip/services/t2v/engines"
)

type doctorCommand struct {
	Config string `help:"Settings file (YAML)." type:"path"`
}

func (doctorCommand) Help() string { return "Example: liveclip doctor" }

// finding is one thing a machine has or lacks.
type finding struct {
	name   string
	have   string // empty: lacking
	cost   string // of the lack
	needed bool   // nothing runs without it
}

// String says it in a line, in the reader's language.
func (f finding) String() string {
	name := inDoctorsWords(f.name)
	name += strings.Repeat(" ", max(0, 16-wording.Columns(name)))
	if f.have != "" {
		return fmt.Sprintf("  %s  %s %s\n", phrase("has  ", "有"), name, inDoctorsWords(f.have))
	}
	return fmt.Sprintf("  %s  %s %s%s\n", phrase("lacks", "缺"), name, phrase("cost: ", "代价："), inDoctorsWords(f.cost))
}

func inDoctorsWords(text string) string { return phrase(text, doctorWords.Chinese(text)) }

func (d doctorCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	s, err := loadSettings(defaultSettings(), d.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	findings := []finding{
		command(ctx, "redis-server", "--version", "liveclip up has no queue to run on (apt install redis-server); serve can use a Redis elsewhere", true),
		command(ctx, "ffmpeg", "-version", "liveclip demo cannot make its room (apt install ffmpeg)", false),
		mediaChild(ctx, s.Media),
		font(),
		speechModels(),
		faces(s),
		{"cores", fmt.Sprint(runtime.NumCPU()), "", true},
		disk("."),
		openings(s.T2V),
	}
	findings = append(findings, recognisers(ctx, s)...)
	findings = append(findings, generators(ctx, s.T2V)...)
	lacking := 0
	for _, f := range findings {
		fmt.Fprint(io.out, f)
		if f.have == "" && f.needed {
			lacking++
		}
	}
	if lacking > 0 {
		return errors.New(inDoctorsWords("this machine lacks something liveclip cannot do without"))
	}
	return nil
}

func command(ctx context.Context, name, version, cost string, needed bool) finding {
	out, err := exec.CommandContext(ctx, name, version).Output()
	f := finding{name: name, cost: cost, needed: needed}
	if err == nil {
		first, _, _ := strings.Cut(string(out), "\n")
		f.have = first
	}
	return f
}

// mediaChild starts liveclip-media on a file that is not there: it must answer with an error of its own.
func mediaChild(ctx context.Context, cfg child.Config) finding {
	f := finding{name: "liveclip-media", cost: "no recording, no recognition, no finishing (make build)", needed: true}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	starter, err := child.NewStarter(cfg, telemetry.Logger(telemetry.Config{Level: "error"}, os.Stderr))
	if err != nil {
		return f
	}
	order := &mediav1.ToChild{Message: &mediav1.ToChild_Probe{Probe: &mediav1.ProbeOrder{
		Url: filepath.Join(os.TempDir(), "liveclip-doctor-no-such-file"), AllowedSchemes: []string{"file"},
	}}}
	process, err := starter.Start(ctx, child.Probe, order)
	if err != nil {
		return f
	}
	defer process.Close()
	if _, err := process.Receive(); err != nil && strings.Contains(err.Error(), "liveclip-doctor") {
		f.have = "answers"
	}
	return f
}

func font() finding {
	path, err := fonts.Find()
	f := finding{name: "CJK font", have: path, cost: "Chinese titles and labels are drawn as boxes (apt install fonts-wqy-microhei)", needed: true}
	if err != nil {
		f.have = ""
	}
	return f
}

// openings counts the bases that t2v makes ahead.
func openings(cfg t2v.Config) finding {
	f := finding{name: "openings", cost: "clips begin without one"}
	ready, wanted, folder, err := t2v.Ahead(cfg)
	if err != nil {
		f.cost += ": " + err.Error()
		return f
	}
	f.have = fmt.Sprintf("%d of %d bases lie in %s; t2v makes the others while it is idle, until then an opening takes half as long again", ready, wanted, folder)
	return f
}

// recognisers starts each engine as asr would, and what tells voice from other sound.
func recognisers(ctx context.Context, s settings) []finding {
	starter, err := child.NewStarter(s.Media, telemetry.Logger(telemetry.Config{Level: "error"}, os.Stderr))
	if err != nil {
		return []finding{{name: "recogniser", cost: "no words are heard: only comments and requests make clips (make build)"}}
	}
	var out []finding
	for _, h := range asr.CheckEngines(ctx, s.ASR, starter) {
		f := finding{name: "hears " + cmp.Or(h.Language, h.Engine), cost: "its rooms make clips by comments and requests only"}
		if h.Err != nil {
			f.cost = fmt.Sprintf("%s: %s: %v", f.cost, h.Engine, h.Err)
		} else if f.have = h.Engine; h.Rooms > 0 {
			f.have = fmt.Sprintf("%s; %d live rooms at once (%.2f s of a core for a second of sound)", h.Engine, h.Rooms, h.Factor)
		}
		out = append(out, f)
	}
	voice := finding{name: "voice detector", cost: "music and applause are given to recognisers as if somebody spoke (liveclip models get silero-vad)"}
	folder, err := asr.CheckVoiceDetector(ctx, s.ASR, starter)
	if voice.have = folder; err != nil {
		voice.cost += ": " + err.Error()
	}
	return append(out, voice)
}

// faces looks whether the files are there: they are loaded in the finisher alone, which follows what moves when they can't be.
func faces(s settings) finding {
	f := finding{name: "face detector", cost: "vertical clips follow what moves, not faces (set review.faces.model to YuNet's .onnx)"}
	if s.Review.Faces.Model == "" {
		return f
	}
	for _, path := range []string{s.Review.Faces.Runtime, s.Review.Faces.Model} {
		if path == "" {
			continue // beside liveclip-media
		}
		if _, err := os.Stat(path); err != nil {
			f.cost += ": " + err.Error()
			return f
		}
	}
	f.have = s.Review.Faces.Model
	return f
}

// generators asks each text-to-video engine how it is.
func generators(ctx context.Context, cfg t2v.Config) []finding {
	const cost = "generated shots fall back to footage"
	all := cfg.Generators()
	if len(all) == 0 {
		return []finding{{name: "video engine", cost: cost + " (set t2v.engine.address, or t2v.engines)"}}
	}
	var findings []finding
	for _, c := range all {
		f := finding{name: "engine " + c.Name, cost: cost}
		if h, err := health(ctx, c); err != nil {
			f.cost += ": " + err.Error()
		} else if f.have = strings.TrimSpace(c.Kind + " " + c.Address + " " + h.Device); !h.Ready {
			f.have += ", not ready yet: " + h.Reason
		}
		findings = append(findings, f)
	}
	return findings
}

func health(ctx context.Context, c engines.Config) (engines.Health, error) {
	engine, err := engines.New(c)
	if err != nil {
		return engines.Health{}, err
	}
	defer engine.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return engine.Health(ctx)
}

func disk(path string) finding {
	f := finding{name: "disk", cost: "recordings need about 2.7 GB an hour and room at 6 Mbit/s", needed: true}
	var stat unix.Statfs_t
	if unix.Statfs(path, &stat) == nil {
		if free := stat.Bavail * uint64(stat.Bsize) >> 30; free >= 5 { //nolint:gosec // a block size is positive
			f.have = fmt.Sprintf("%d GiB free here", free)
		}
	}
	return f
}
