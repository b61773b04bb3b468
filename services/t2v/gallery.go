package t2v

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/font"
	"liveclip/internal/motion"
	"liveclip/internal/typeset"
)

// NewDrawer draws template shots outside a service: for a command line, a gallery, a benchmark. Its pictures come from URLs only.
func NewDrawer(cfg Config, starter *child.Starter) (*Drawer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Cache, 0o755); err != nil {
		return nil, err
	}
	if starter == nil {
		return nil, errors.New("drawing needs liveclip-media")
	}
	return newDrawer(cfg, childMedia{starter}, nil, time.Now)
}

// withDefaults is the configuration with a font and a cache, where none is named.
func (c Config) withDefaults() (_ Config, err error) {
	if c.Cache == "" {
		c.Cache = defaultCache()
	}
	if c.Font == "" {
		c.Font, err = font.Find()
	}
	return c, err
}

// defaultCache is where bases are kept when no folder is configured.
func defaultCache() string { return filepath.Join(os.TempDir(), "liveclip-templates") }

// Templates are those there are, by name.
func (d *Drawer) Templates() []Template {
	var all []Template
	for _, name := range d.templates.names() {
		all = append(all, d.templates[name])
	}
	return all
}

// Shipped are the templates that come with liveclip and those of the files, by name.
func Shipped(files []string) ([]Template, error) {
	l, err := loadLibrary(files)
	if err != nil {
		return nil, err
	}
	return (&Drawer{templates: l}).Templates(), nil
}

// Still draws the picture that a shot shows at a time, in this process.
func (d *Drawer) Still(w Drawing, at time.Duration) (image.Image, error) {
	t, err := d.templates.find(w.Template)
	if err != nil {
		return nil, err
	}
	brand := d.brand(w.Tenant)
	fields, err := t.fill(w.Fields, brand)
	if err != nil {
		return nil, err
	}
	if fields[fieldPicture], err = d.productPicture(context.Background(), w, "", ""); err != nil {
		return nil, err
	}
	size := frame{w.Width, w.Height}
	scene, err := t.withBrand(brand).scene(fields, size, t.Length, d.cfg.Draw.FrameRate)
	if err != nil {
		return nil, err
	}
	scene.Layers = append(scene.Layers, logo(fields[fieldLogo], size)...)
	face, err := typeset.Open(d.cfg.Font)
	if err != nil {
		return nil, err
	}
	player, err := motion.NewPlayer(scene, face, true)
	if err != nil {
		return nil, err
	}
	f, n := motion.NewFrame(w.Width, w.Height), int(at.Seconds()*scene.FrameRate)
	player.Base(f, n)
	player.Over(f, n)
	return f.Image(), nil
}

// Sizes are usual pictures of every aspect.
var Sizes = map[string][2]int{"portrait": {1080, 1920}, "landscape": {1920, 1080}, "square": {1080, 1080}}
