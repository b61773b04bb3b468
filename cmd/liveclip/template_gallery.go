package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/image/draw"

	"liveclip/internal/await"
	"liveclip/internal/child"
	"liveclip/services/t2v"
)

//go:embed template_gallery.html
var galleryPage string

type templateGalleryCommand struct {
	templateFlags
	Out     string   `help:"Folder for the page, the videos and their posters." required:"" type:"path"`
	Only    []string `help:"Draw these openings only." placeholder:"NAME"`
	English bool     `help:"Fill them in in English."`
	Picture string   `help:"A product's picture; by default one drawn by liveclip." type:"path"`
	Voice   string   `help:"Who says their lines: none, auto, espeak-ng, flite." default:"none"`
	Small   bool     `help:"Draw at two thirds of the size, which takes half the time."`
}

func (templateGalleryCommand) Help() string {
	return "Example: liveclip template gallery --out gallery && open gallery/index.html"
}

// shown is an opening on the page.
type shown struct {
	t2v.Template
	Videos []video
	Notes  []string
}

type video struct{ Aspect, File, Poster string }

func (c templateGalleryCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	d, _, err := c.drawer(flags, func(s *settings) { s.T2V.Draw.Voice = c.Voice })
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	if c.Picture == "" {
		if c.Picture, err = samplePicture(c.Out); err != nil {
			return err
		}
	}
	var all []shown
	for _, t := range d.Templates() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, t.Name) {
			continue
		}
		one, err := c.show(ctx, io, d, t)
		if err != nil {
			return fmt.Errorf("template %s: %w", t.Name, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return failure{2, fmt.Errorf("none of %v is a template (liveclip template list)", c.Only)}
	}
	return c.write(all)
}

func (c templateGalleryCommand) show(ctx context.Context, io stdio, d *t2v.Drawer, t t2v.Template) (shown, error) {
	one := shown{Template: t}
	for _, aspect := range []string{"portrait", "landscape", "square"} {
		w := t2v.Drawing{Template: t.Name, Fields: sampleFields(c.English), Tenant: "default", Picture: c.Picture,
			Width: t2v.Sizes[aspect][0], Height: t2v.Sizes[aspect][1]}
		if c.Small {
			w.Width, w.Height = w.Width*2/3, w.Height*2/3
		}
		v := video{aspect, t.Name + "-" + aspect + ".mp4", t.Name + "-" + aspect + ".jpg"}
		if err := drawInto(ctx, io, d, w, filepath.Join(c.Out, v.File)); err != nil {
			return one, err
		}
		still, err := d.Still(w, t.Length*9/10)
		if err != nil {
			return one, err
		}
		if err := writeJPEG(filepath.Join(c.Out, v.Poster), still); err != nil {
			return one, err
		}
		one.Videos = append(one.Videos, v)
	}
	return one, nil
}

// writeJPEG writes a picture at half its size.
func writeJPEG(path string, m image.Image) error {
	small := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx()/2, m.Bounds().Dy()/2))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), m, m.Bounds(), draw.Src, nil)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(jpeg.Encode(f, small, &jpeg.Options{Quality: 85}), f.Close())
}

func (c templateGalleryCommand) write(all []shown) error {
	page, err := template.New("gallery").Parse(galleryPage)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(c.Out, "index.html"))
	if err != nil {
		return err
	}
	return errors.Join(page.Execute(f, all), f.Close())
}

type templateBenchCommand struct {
	templateFlags
	Name string `arg:"" optional:"" default:"price_drop" help:"The opening."`
	Runs int    `help:"How often each is measured." default:"5"`
	JSON string `help:"Write the figures here, too." type:"path"`
}

// leisure is how long a service mostly has between two shots, in which it starts the next child.
const leisure = 500 * time.Millisecond

// benched are the figures of one opening.
type benched struct {
	Template string    `json:"template"`
	Size     string    `json:"size"`
	LengthS  float64   `json:"length_s"`
	ColdS    []float64 `json:"cold_s"`
	CachedS  []float64 `json:"cached_s"`
}

func (c templateBenchCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	folder, err := os.MkdirTemp("", "liveclip-template-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cache := filepath.Join(folder, "cache")
	d, starter, err := c.drawer(flags, func(s *settings) { s.T2V.Cache = cache })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() { defer close(kept); starter.KeepWarm(ctx, child.Render) }() // as the service does (t2v.warm)
	defer func() { cancel(); <-kept }()
	picture, err := samplePicture(folder)
	if err != nil {
		return err
	}
	w := t2v.Drawing{Template: c.Name, Fields: sampleFields(false), Tenant: "default", Picture: picture, Width: 1080, Height: 1920, Length: 3 * time.Second}
	b := benched{Template: c.Name, Size: "1080x1920", LengthS: 3}
	for range c.Runs {
		if err := errors.Join(os.RemoveAll(cache), os.MkdirAll(cache, 0o755)); err != nil {
			return err
		}
		for _, figures := range []*[]float64{&b.ColdS, &b.CachedS} {
			if err := await.For(ctx, leisure); err != nil {
				return err
			}
			began := time.Now()
			if _, err := d.Draw(ctx, w, filepath.Join(folder, "shot.mp4")); err != nil {
				return err
			}
			*figures = append(*figures, time.Since(began).Seconds())
		}
	}
	slices.Sort(b.ColdS)
	slices.Sort(b.CachedS)
	fmt.Fprintf(io.out, "%-16s %s %.0f s   base made: median %.2f s (best %.2f, worst %.2f)   base cached: median %.2f s (best %.2f, worst %.2f)\n",
		c.Name, b.Size, b.LengthS, b.ColdS[c.Runs/2], b.ColdS[0], b.ColdS[c.Runs-1], b.CachedS[c.Runs/2], b.CachedS[0], b.CachedS[c.Runs-1])
	if c.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.JSON, append(text, '\n'), 0o644)
}
