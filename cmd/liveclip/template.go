package main

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/motion"
	"liveclip/internal/telemetry"
	"liveclip/services/t2v"
)

type templateCommands struct {
	List    templateListCommand    `cmd:"" help:"List the openings there are, and the fields each takes."`
	Render  templateRenderCommand  `cmd:"" help:"Draw one opening into a file."`
	Gallery templateGalleryCommand `cmd:"" help:"Draw every opening in every aspect and leave a page that shows them."`
	Bench   templateBenchCommand   `cmd:"" help:"Measure how long drawing an opening takes, with and without its base in the cache."`
}

// templateFlags are common to all.
type templateFlags struct {
	Config string `help:"Settings file (YAML)." type:"path"`
}

// drawer draws with the settings' fonts, brand and templates.
func (f templateFlags) drawer(flags settingFlags, change func(*settings)) (*t2v.Drawer, *child.Starter, error) {
	s, err := loadSettings(defaultSettings(), f.Config, flags)
	if err != nil {
		return nil, nil, failure{2, err}
	}
	if change != nil {
		change(&s)
	}
	if faults := s.T2V.Faults(); len(faults) > 0 {
		return nil, nil, failure{2, errors.New(strings.Join(faults, "\n"))}
	}
	starter, err := child.NewStarter(s.Media, telemetry.Logger(telemetry.Config{Level: "error"}, os.Stderr))
	if err != nil {
		return nil, nil, err
	}
	d, err := t2v.NewDrawer(s.T2V, starter)
	return d, starter, err
}

type templateListCommand struct{ templateFlags }

func (c templateListCommand) Run(_ context.Context, io stdio, flags settingFlags) error {
	s, err := loadSettings(defaultSettings(), c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	all, err := t2v.Shipped(s.T2V.Templates)
	if err != nil {
		return failure{2, err}
	}
	for _, t := range all {
		fmt.Fprintf(io.out, "%-16s %s · %s\n", t.Name, t.Title.In("zh"), t.Title.In("en"))
		fmt.Fprintf(io.out, "%-16s %s\n%-16s %s\n", "", t.About.In("zh"), "", t.About.In("en"))
		fields := slices.Sorted(maps.Keys(t.Fields))
		fmt.Fprintf(io.out, "%-16s needs 必填 %s; takes 可填 %s\n", "", orNone(t.Required), orNone(append(fields, "picture", "voice", "language")))
	}
	return nil
}

func orNone(fields []string) string {
	if len(fields) == 0 {
		return "nothing 无"
	}
	return strings.Join(fields, " ")
}

type templateRenderCommand struct {
	templateFlags
	Name   string            `arg:"" help:"The opening's name (liveclip template list)."`
	Set    map[string]string `help:"A field: --set product=保温杯 --set price=¥59 --set was=¥99 --set picture=https://…" mapsep:"none"`
	Out    string            `help:"The file to write." default:"opening.mp4" type:"path"`
	Aspect string            `help:"${enum}." enum:"portrait,landscape,square" default:"portrait"`
	Size   string            `help:"Pixels, such as 720x1280, in place of the aspect's own." placeholder:"WxH"`
	Length time.Duration     `help:"How long; by default the opening's own length."`
	Voice  string            `help:"Who says its line: none, auto, espeak-ng, flite, or a sound file." default:"none"`
}

func (templateRenderCommand) Help() string {
	return "Example: liveclip template render price_drop --set product=保温杯 --set was=¥99 --set price=¥59 --out opening.mp4"
}

func (c templateRenderCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	w, err := c.drawing()
	if err != nil {
		return failure{2, err}
	}
	d, _, err := c.drawer(flags, func(s *settings) {
		if w.Voice == "" {
			s.T2V.Draw.Voice = c.Voice
		}
	})
	if err != nil {
		return err
	}
	return drawInto(ctx, io, d, w, c.Out)
}

func (c templateRenderCommand) drawing() (t2v.Drawing, error) {
	w := t2v.Drawing{Template: c.Name, Fields: map[string]string{}, Tenant: "default", Length: c.Length}
	maps.Copy(w.Fields, c.Set)
	w.Width, w.Height = t2v.Sizes[c.Aspect][0], t2v.Sizes[c.Aspect][1]
	if c.Size != "" {
		if n, err := fmt.Sscanf(c.Size, "%dx%d", &w.Width, &w.Height); n != 2 || err != nil {
			return w, fmt.Errorf("size %.20q: must be such as 720x1280", c.Size)
		}
	}
	if _, err := os.Stat(c.Voice); err == nil {
		w.Voice = c.Voice
	}
	if _, err := os.Stat(w.Fields["picture"]); err == nil { // a person at a command line may name a file
		w.Picture = w.Fields["picture"]
	}
	return w, nil
}

// drawInto renders beside the file and then puts it in its place.
func drawInto(ctx context.Context, io stdio, d *t2v.Drawer, w t2v.Drawing, out string) error {
	work, err := os.MkdirTemp(filepath.Dir(out), ".template-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "shot.mp4")
	began := time.Now()
	drawn, err := d.Draw(ctx, w, file)
	if err != nil {
		return err
	}
	if err := os.Rename(file, out); err != nil {
		return err
	}
	base := "base made"
	if drawn.Making.CacheHit {
		base = "base from the cache"
	}
	fmt.Fprintf(io.out, "%s  %dx%d  %.2f s  made in %.2f s (%s)\n", out, drawn.Making.Width, drawn.Making.Height, drawn.Making.Length.Seconds(), time.Since(began).Seconds(), base)
	for _, note := range drawn.Notes {
		fmt.Fprintln(io.out, "  note 备注:", note)
	}
	return nil
}

// sampleFields are what the gallery shows in every opening.
func sampleFields(english bool) map[string]string {
	if english {
		return map[string]string{"product": "Steel mug 500 ml", "was": "$29.90", "price": "$17.90", "countdown": "180", "host": "Luna",
			"quote": "Filled it at seven, still hot at night. Bought two more.", "language": "en"}
	}
	return map[string]string{"product": "不锈钢保温杯 500ml", "was": "¥129", "price": "¥79", "countdown": "180", "host": "小鹿",
		"quote": "早上七点装的热水，晚上还是烫的，又回购了两个！"}
}

// samplePicture writes the sample product's picture into a folder.
func samplePicture(folder string) (string, error) {
	path := filepath.Join(folder, "product.png")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(png.Encode(f, motion.Sample(900)), f.Close())
}
