package t2v

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/domain"
	"liveclip/internal/motion"
	mediav1 "liveclip/proto/media/v1"
)

// Bases are made ahead, so that the first opening of its kind need not wait for one: while no shot is in hand and most of the
// machine is idle, one after another, and with pauses several times as long as each took.
const (
	aheadAfter = 20 * time.Second // of the service's start: what was waiting comes first
	aheadLook  = 5 * time.Second  // between two looks whether there is leisure
	aheadPause = 4                // times as long as the last took
	maxAhead   = keptBases / 2    // the others are those of other lengths, brands and sizes
)

// parseSize reads sizes such as 1280x720.
func parseSize(s string) (frame, error) {
	var f frame
	if n, err := fmt.Sscanf(s, "%dx%d", &f.width, &f.height); n != 2 || err != nil || s != fmt.Sprintf("%dx%d", f.width, f.height) ||
		f.width < 16 || f.height < 16 || f.width > 4096 || f.height > 4096 || f.width%2+f.height%2 != 0 {
		return f, fmt.Errorf("%.20q must be such as 1280x720, of even sides", s)
	}
	return f, nil
}

// templateBase is the base of a template for a tenant and a size.
type templateBase struct {
	template string
	tenant   domain.Tenant
	size     frame
}

// basesAhead lists the bases that are made ahead: those of every template in every size, the tenants' own after the common ones.
func (d *Drawer) basesAhead() []templateBase {
	var sizes []frame
	for _, s := range d.cfg.Draw.Ahead {
		if size, err := parseSize(s); err == nil { // Faults refused others
			sizes = append(sizes, size)
		}
	}
	tenants := []domain.Tenant{""}
	for tenant := range d.cfg.Draw.Brands {
		tenants = append(tenants, domain.Tenant(tenant))
	}
	slices.Sort(tenants)
	var all []templateBase
	for _, tenant := range tenants {
		for _, size := range sizes {
			for _, name := range d.templates.names() {
				all = append(all, templateBase{name, tenant, size})
			}
		}
	}
	return all[:min(len(all), maxAhead)]
}

// baseOrder is what the media child is told to make a base, without anything over it.
func (d *Drawer) baseOrder(b templateBase) (*mediav1.RenderOrder, error) {
	t, err := d.templates.find(b.template)
	if err != nil {
		return nil, err
	}
	t = t.withBrand(d.brand(b.tenant))
	scene := motion.Scene{Width: b.size.width, Height: b.size.height, FrameRate: d.cfg.Draw.FrameRate, Length: cmp.Or(d.cfg.Draw.AheadLength, t.Length)}
	if scene.Base, err = t.resolveLayers(t.Base, nil, b.size.aspect()); err != nil {
		return nil, err
	}
	return d.renderOrder(t, scene)
}

// makeBase makes a base unless it is kept; false: it was.
func (d *Drawer) makeBase(ctx context.Context, b templateBase) (bool, error) {
	order, err := d.baseOrder(b)
	if err != nil {
		return false, err
	}
	if isCached(order) {
		return false, nil
	}
	if _, err := d.media.Render(ctx, order); err != nil {
		return false, fmt.Errorf("base of template %s: %w", b.template, err)
	}
	return true, nil
}

func isCached(order *mediav1.RenderOrder) bool {
	_, err := os.Stat(order.GetBase())
	return err == nil
}

// Ahead says how many of the bases that a service of this configuration makes ahead are there, and where.
func Ahead(cfg Config) (ready, wanted int, folder string, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return 0, 0, "", err
	}
	d, err := newDrawer(cfg, nil, nil, time.Now)
	if err != nil {
		return 0, 0, "", err
	}
	all := d.basesAhead()
	for _, b := range all {
		if order, err := d.baseOrder(b); err == nil && isCached(order) {
			ready++
		}
	}
	return ready, len(all), cfg.Cache, nil
}

// isIdle reports whether no shot is being made, and more than half of the machine has had nothing to do for a minute.
func (s *Service) isIdle() bool {
	return s.activePlans.Load() == 0 && s.load() < float64(runtime.NumCPU())/2
}

// systemLoad is how many threads ran or wanted to, over the last minute; 0 where that is not known.
func systemLoad() float64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return float64(info.Loads[0]) / (1 << 16)
}

// renderBasesAhead makes bases ahead until all are there or ctx ends. One that could not be made is logged, and made with its first
// shot.
func (s *Service) renderBasesAhead(ctx context.Context) {
	if s.cfg.Font == "" || s.pause(ctx, aheadAfter) != nil {
		return
	}
	made := 0
	for _, b := range s.shotMaker.drawer.basesAhead() {
		for !s.isIdle() {
			if s.pause(ctx, aheadLook) != nil {
				return
			}
		}
		began := s.now()
		fresh, err := s.shotMaker.drawer.makeBase(ctx, b)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("a base was not made ahead", "template", b.template, "error", err)
		case !fresh:
			continue
		default:
			made++
		}
		if s.pause(ctx, aheadPause*s.now().Sub(began)) != nil {
			return
		}
	}
	if err := prune(s.cfg.Cache, keptBases); err != nil {
		s.log.Warn("old bases not removed", "error", err)
	}
	s.log.Info("bases of openings are ready", "made", made)
}
