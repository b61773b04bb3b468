package t2v

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/fetch"
	"liveclip/internal/motion"
	"liveclip/internal/note"
	"liveclip/internal/picture"
	mediav1 "liveclip/proto/media/v1"
)

// DrawConfig is the part "t2v.draw" of the configuration: how template shots look and sound.
type DrawConfig struct {
	FrameRate      float64           `koanf:"frame_rate"`
	Brand          Brand             `koanf:"brand"`
	Brands         map[string]Brand  `koanf:"brands"`          // by tenant, in place of brand
	Voice          string            `koanf:"voice"`           // who says a template's line: none, auto, espeak-ng, flite
	VoiceFiles     map[string]string `koanf:"voice_files"`     // by template: a local sound file that is said instead
	Ahead          []string          `koanf:"ahead"`           // sizes, such as 720x1280, whose bases are made while there is leisure
	AheadLength    time.Duration     `koanf:"ahead_length"`    // of these: prompt.opening_length; 0: each template's own
	PictureTimeout time.Duration     `koanf:"picture_timeout"` // of fetching one
	AllowPrivate   bool              `koanf:"allow_private"`   // pictures may lie on addresses that are not the public internet's
}

func drawDefaults() DrawConfig {
	return DrawConfig{FrameRate: 30, Voice: voiceNone, PictureTimeout: 5 * time.Second,
		Ahead: []string{"1280x720", "720x1280", "720x720"}, AheadLength: 3 * time.Second}
}

func (c DrawConfig) faults() (faults []string) {
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fault(c.FrameRate < 10 || c.FrameRate > 60, "t2v.draw.frame_rate: must be 10 to 60, is %g", c.FrameRate)
	fault(c.PictureTimeout <= 0, "t2v.draw.picture_timeout: must be positive, is %v", c.PictureTimeout)
	for _, size := range c.Ahead {
		_, err := parseSize(size)
		fault(err != nil, "t2v.draw.ahead: %v", err)
	}
	fault(c.AheadLength != 0 && (c.AheadLength < 500*time.Millisecond || c.AheadLength > maxShot), "t2v.draw.ahead_length: must be 500ms to %s, is %v", maxShot, c.AheadLength)
	if !knownVoice(c.Voice) {
		faults = append(faults, fmt.Sprintf("t2v.draw.voice: must be one of %v, is %.20q", voices, c.Voice))
	}
	faults = append(faults, c.Brand.faults("t2v.draw.brand")...)
	for tenant, brand := range c.Brands {
		faults = append(faults, brand.faults("t2v.draw.brands."+tenant)...)
	}
	for template, file := range c.VoiceFiles {
		_, err := os.Stat(file)
		fault(err != nil, "t2v.draw.voice_files.%.40s: %v", template, err)
	}
	return faults
}

// Drawing is a template shot that is wanted.
type Drawing struct {
	Template      string
	Fields        map[string]string
	Tenant        domain.Tenant
	Width, Height int
	Length        time.Duration // 0: the template's own; more where its line takes longer
	Voice         string        // a local sound file that is said in place of the template's line
	Picture       string        // a local picture in place of the field's
}

// Drawn is a template shot that lies in a file.
type Drawn struct {
	Making      domain.ShotMaking
	Loudness    float64  // LUFS; 0: silent
	Synthesised bool     // a voice in it was
	Notes       []string // what was left out, and why
}

// renderer is what the drawer needs of the media child.
type renderer interface {
	Render(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error)
}

// Drawer draws template shots.
type Drawer struct {
	cfg       Config
	templates library
	media     renderer
	pictures  *fetch.Getter
	store     blob.Store // of pictures named by a key; nil: there are none
	now       func() time.Time
}

func newDrawer(cfg Config, media renderer, store blob.Store, now func() time.Time) (*Drawer, error) {
	templates, err := loadLibrary(cfg.Templates)
	if err != nil {
		return nil, fmt.Errorf("t2v.templates: %w", err)
	}
	return &Drawer{
		cfg: cfg, templates: templates, media: media, store: store, now: now,
		pictures: fetch.New(picture.MaxBytes, cfg.Draw.PictureTimeout, cfg.Draw.AllowPrivate),
	}, nil
}

// Draw renders one shot into file, with work files beside it.
func (d *Drawer) Draw(ctx context.Context, w Drawing, file string) (Drawn, error) {
	t, err := d.templates.find(w.Template)
	if err != nil {
		return Drawn{}, err
	}
	if d.cfg.Font == "" {
		return Drawn{}, domain.Permanent(errors.New("no font with Chinese is installed"))
	}
	brand := d.brand(w.Tenant)
	fields, err := t.fill(w.Fields, brand)
	if err != nil {
		return Drawn{}, domain.Permanent(err)
	}
	out := Drawn{Making: domain.ShotMaking{Engine: "template", Model: t.Name, Attempts: 1}}
	began := d.now()
	if fields[fieldPicture], err = d.productPicture(ctx, w, fields[fieldPicture], file+".picture"); err != nil {
		if ctx.Err() != nil {
			return Drawn{}, ctx.Err()
		}
		out.Notes = append(out.Notes, note.NoPicture.Say(err))
	}
	out.stage("fetch", &began, d.now())
	voice, length, err := d.voice(ctx, t, w, fields, file+".wav", &out)
	if err != nil {
		return Drawn{}, err
	}
	out.stage("voice", &began, d.now())
	order, err := d.order(t.withBrand(brand), fields, frame{w.Width, w.Height}, length)
	if err != nil {
		return Drawn{}, domain.Permanent(err)
	}
	order.Out, order.Voice, order.VoiceAt = file, voice, 0.35
	rendered, err := d.media.Render(ctx, order)
	if err != nil {
		return Drawn{}, err
	}
	now := d.now()
	_ = os.Chtimes(order.GetBase(), now, now) // the oldest are removed
	out.stage("render", &began, d.now())
	out.Making.Width, out.Making.Height, out.Making.FrameRate = w.Width, w.Height, d.cfg.Draw.FrameRate
	out.Making.Length, out.Making.CacheHit, out.Loudness = time.Duration(rendered.GetLength()), rendered.GetCached(), rendered.GetLoudness()
	return out, nil
}

// stage notes how long what went before took.
func (d *Drawn) stage(name string, since *time.Time, now time.Time) {
	if took := now.Sub(*since); took >= time.Millisecond {
		d.Making.Stages = append(d.Making.Stages, domain.ShotStage{Name: name, Took: took})
	}
	*since = now
}

func (d *Drawer) brand(t domain.Tenant) Brand {
	if brand, ok := d.cfg.Draw.Brands[string(t)]; ok {
		return brand
	}
	return d.cfg.Draw.Brand
}

// order is what the media child is told, without its files.
func (d *Drawer) order(t Template, fields map[string]string, size frame, length time.Duration) (*mediav1.RenderOrder, error) {
	scene, err := t.scene(fields, size, length, d.cfg.Draw.FrameRate)
	if err != nil {
		return nil, err
	}
	scene.Layers = append(scene.Layers, logo(fields[fieldLogo], size)...)
	return d.renderOrder(t, scene)
}

// renderOrder is a scene as an order; its base is named by all that it depends on.
func (d *Drawer) renderOrder(t Template, scene motion.Scene) (*mediav1.RenderOrder, error) {
	whole, err := json.Marshal(scene)
	if err != nil {
		return nil, err
	}
	scene.Layers = nil
	beneath, err := json.Marshal(scene)
	if err != nil {
		return nil, err
	}
	return &mediav1.RenderOrder{
		Base:     filepath.Join(d.cfg.Cache, t.Name+"-"+domain.H("base", string(beneath), d.cfg.Font)+".mp4"),
		FontFile: d.cfg.Font, Scene: whole, Sound: t.Sound,
	}, nil
}

// productPicture gives a local file of the product's picture, checked; none with an error says why there is none.
func (d *Drawer) productPicture(ctx context.Context, w Drawing, from, to string) (string, error) {
	switch {
	case w.Picture != "":
		to = w.Picture
	case from == "":
		return "", nil
	default:
		if err := d.fetch(ctx, w.Tenant, from, to); err != nil {
			return "", err
		}
	}
	if err := picture.Check(to); err != nil {
		return "", err
	}
	return to, nil
}

// fetch takes a picture from a URL, or from the tenant's part of the store.
func (d *Drawer) fetch(ctx context.Context, tenant domain.Tenant, from, to string) error {
	if strings.Contains(from, "://") {
		return d.pictures.File(ctx, from, to)
	}
	return d.storedPicture(ctx, tenant, from, to)
}

// storedPicture takes a picture of the tenant's own out of the store.
func (d *Drawer) storedPicture(ctx context.Context, tenant domain.Tenant, key, to string) error {
	if d.store == nil || !strings.HasPrefix(key, string(tenant)+"/assets/") || strings.Contains(key, "..") {
		return fmt.Errorf("%.80q is neither a URL nor a key below %s/assets/", key, tenant)
	}
	r, _, err := d.store.Get(ctx, key, 0, picture.MaxBytes+1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
