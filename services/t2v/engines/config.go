package engines

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"liveclip/internal/trust"
)

// Kinds of engines.
const (
	KindOwn       = "own"
	KindVideos    = "videos"
	KindDashScope = "dashscope"
)

const dashScopeAddress = "https://dashscope.aliyuncs.com"

// Config is one engine. What is zero in an element of t2v.engines is as in t2v.engine.
type Config struct {
	Name      string        `koanf:"name"`       // as people and plans call it; empty: its kind
	Kind      string        `koanf:"kind"`       // own, videos, dashscope
	TLS       trust.TLS     `koanf:"tls"`        // own: how it is met; the others speak HTTPS where their address says so
	Address   string        `koanf:"address"`    // own: host:port; else http(s)://host[:port][/prefix]; empty: none, or DashScope's own
	Key       string        `koanf:"key"`        // secret, sent as bearer token; never logged
	Model     string        `koanf:"model"`      // empty: the engine's default
	Steps     int           `koanf:"steps"`      // 0: the model's own
	FrameRate float64       `koanf:"frame_rate"` // asked of the engine
	Slots     int           `koanf:"slots"`      // orders it works on at once
	Timeout   time.Duration `koanf:"timeout"`    // of one whole shot
	Idle      time.Duration `koanf:"idle"`       // without a sign from the engine
	Poll      time.Duration `koanf:"poll"`       // between two looks at an order, where the engine must be asked
	MaxBytes  int64         `koanf:"max_bytes"`  // of one shot
	MaxPrompt int           `koanf:"max_prompt"` // characters; 0: 2,000
	MaxPixels int           `koanf:"max_pixels"` // width × height of a picture: larger orders are made smaller, and enlarged by the finisher
	Sizes     []string      `koanf:"sizes"`      // the only sizes it can do, "832x480"; empty: any of multiples of 16
	Lengths   []string      `koanf:"lengths"`    // the only lengths it can do, "5s"; empty: any
	Guides    bool          `koanf:"guides"`     // own: its model takes negative prompts; others refuse them
	Private   bool          `koanf:"private"`    // dashscope: videos may lie at private addresses
	Warm      bool          `koanf:"warm"`       // load the model before the first order
	Cost      float64       `koanf:"cost"`       // guess until it is learned: seconds per second of video as asked; 0: 1
}

// Defaults need no engine.
func Defaults() Config {
	return Config{
		Kind:      KindOwn,
		FrameRate: 16,
		Slots:     1,
		Timeout:   60 * time.Second,
		Idle:      20 * time.Second,
		Poll:      500 * time.Millisecond,
		MaxBytes:  256 << 20,
		MaxPrompt: 2000,
		MaxPixels: 832 * 480,
		Warm:      true,
		Cost:      1,
	}
}

// Over gives c with what is zero in it taken from base.
func (c Config) Over(base Config) Config {
	if c.Kind == "" {
		c.Kind = KindOwn
	}
	if c.Name == "" {
		c.Name = c.Kind
	}
	if c.Kind == KindOwn && c.TLS == (trust.TLS{}) {
		c.TLS = base.TLS
	}
	if c.FrameRate == 0 {
		c.FrameRate = base.FrameRate
	}
	if c.Cost == 0 {
		c.Cost = base.Cost
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = base.MaxBytes
	}
	if c.Kind == KindDashScope && len(c.Sizes)+len(c.Lengths) == 0 { // what all of its models can do
		c.Sizes, c.Lengths = []string{"832x480", "480x832", "624x624"}, []string{"5s"}
	}
	for mine, theirs := range map[*int]int{&c.Steps: base.Steps, &c.Slots: base.Slots, &c.MaxPrompt: base.MaxPrompt, &c.MaxPixels: base.MaxPixels} {
		if *mine == 0 {
			*mine = theirs
		}
	}
	for mine, theirs := range map[*time.Duration]time.Duration{&c.Timeout: base.Timeout, &c.Idle: base.Idle, &c.Poll: base.Poll} {
		if *mine == 0 {
			*mine = theirs
		}
	}
	return c
}

// Configured tells whether there is anything behind it.
func (c Config) Configured() bool { return c.Address != "" || c.Kind == KindDashScope }

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// Faults lists everything that is wrong with c, named by where it stands.
func (c Config) Faults(where string) []string {
	var faults []string
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, where+"."+fmt.Sprintf(format, args...))
		}
	}
	wrong(c.Name != "" && !names.MatchString(c.Name), "name: must be lower case letters, digits, - and _, is %.40q", c.Name)
	wrong(!slices.Contains([]string{KindOwn, KindVideos, KindDashScope}, c.Kind), "kind: must be own, videos or dashscope, is %.40q", c.Kind)
	if c.Kind != KindOwn && c.Address != "" {
		u, err := url.Parse(c.Address)
		wrong(err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "",
			"address: must be http(s)://host[:port][/prefix]") // not shown: it may carry a secret
	}
	wrong(c.Kind == KindDashScope && (c.Key == "" || c.Model == ""), "key, model: both must be given for dashscope")
	if c.Kind == KindOwn {
		tls := c.TLS.Fault()
		wrong(tls != "", "%s", tls)
	} else {
		wrong(c.TLS != (trust.TLS{}), "tls: is for the project's own engine; for %s give an https address", c.Kind)
	}
	wrong(c.Steps < 0, "steps: must not be negative, is %d", c.Steps)
	wrong(c.FrameRate < 1 || c.FrameRate > 120, "frame_rate: must be 1 to 120, is %g", c.FrameRate)
	wrong(c.Slots < 1, "slots: must be at least 1, is %d", c.Slots)
	wrong(c.Timeout <= 0, "timeout: must be positive, is %v", c.Timeout)
	wrong(c.Idle <= 0, "idle: must be positive, is %v", c.Idle)
	wrong(c.Poll <= 0, "poll: must be positive, is %v", c.Poll)
	wrong(c.Kind != KindOwn && c.Idle <= 5*c.Poll, "idle: must be more than five times poll, %v, as an order is asked about ever more slowly, is %v", c.Poll, c.Idle)
	wrong(c.MaxBytes < 1, "max_bytes: must be at least 1, is %d", c.MaxBytes)
	wrong(c.MaxPrompt < 1, "max_prompt: must be at least 1, is %d", c.MaxPrompt)
	wrong(c.MaxPixels < 16*16, "max_pixels: must be at least 256, is %d", c.MaxPixels)
	wrong(c.Cost <= 0, "cost: must be positive, is %g", c.Cost)
	for _, size := range c.Sizes {
		_, _, ok := parseSize(size)
		wrong(!ok, "sizes: must be such as 832x480, one is %.20q", size)
	}
	for _, l := range c.Lengths {
		d, err := time.ParseDuration(l)
		wrong(err != nil || d <= 0, "lengths: must be such as 5s, one is %.20q", l)
	}
	return faults
}

// Fits tells why the engine cannot do such an order at all, or "".
func (c Config) Fits(o Order) string {
	if n := utf8.RuneCountInString(o.Prompt); n > c.MaxPrompt {
		return fmt.Sprintf("the prompt has %d characters, at most %d", n, c.MaxPrompt)
	}
	if strings.TrimSpace(o.Prompt) == "" {
		return "the prompt is empty"
	}
	return ""
}

// Shape gives the size the engine makes of a wish: one of its sizes, the nearest in aspect and then in pixels, or the wish
// itself, scaled down to MaxPixels, in multiples of 16.
func (c Config) Shape(width, height int) (int, int) {
	width, height = max(width, 16), max(height, 16)
	if len(c.Sizes) > 0 {
		return c.nearestSize(width, height)
	}
	scale := min(1, math.Sqrt(float64(c.MaxPixels)/float64(width*height)))
	side := func(n int) int { return max(16, int(float64(n)*scale)/16*16) }
	return side(width), side(height)
}

func (c Config) nearestSize(width, height int) (int, int) {
	least := math.Inf(1)
	w, h := width, height
	for _, size := range c.Sizes {
		sw, sh, ok := parseSize(size)
		if !ok {
			continue
		}
		aspect := math.Abs(math.Log(float64(sw) / float64(sh) * float64(height) / float64(width)))
		pixels := math.Abs(math.Log(float64(sw*sh) / float64(width*height)))
		if distance := 10*aspect + pixels; distance < least {
			least, w, h = distance, sw, sh
		}
	}
	return w, h
}

func parseSize(text string) (width, height int, ok bool) {
	w, h, found := strings.Cut(text, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	return width, height, found && errW == nil && errH == nil && width >= 16 && height >= 16 && width <= 8192 && height <= 8192
}

// Nearest gives the shortest length the engine can do that is not shorter than l, or its longest.
func (c Config) Nearest(l time.Duration) time.Duration {
	var all []time.Duration
	for _, text := range c.Lengths {
		if d, err := time.ParseDuration(text); err == nil {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return l
	}
	slices.Sort(all)
	for _, d := range all {
		if d >= l {
			return d
		}
	}
	return all[len(all)-1]
}
