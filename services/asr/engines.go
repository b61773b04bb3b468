package asr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	speechmodels "liveclip/internal/models"
	"liveclip/internal/models/download"
	mediav1 "liveclip/proto/media/v1"
	"liveclip/services/asr/models"
)

// EngineConfig is a way of hearing, under a name of the operator's.
type EngineConfig struct {
	Kind        string            `koanf:"kind"`        // pocketsphinx, keyword, sherpa, whisper or captions
	Language    string            `koanf:"language"`    // that it hears, BCP 47; empty: what its model says, or several
	Models      string            `koanf:"models"`      // folder; empty: where its kind looks
	Recognisers int               `koanf:"recognisers"` // shared by all streams; 0: as asr.recognisers says, of whisper 4 requests at once
	Rooms       int               `koanf:"rooms"`       // live ones heard at once at most; 0: as many as its measured cost allows
	Options     map[string]string `koanf:"options"`     // of its kind

	builtin string // the model of liveclip's own that it hears with, by name; empty: Models is the operator's
}

const (
	engineNone       = "none"
	kindPocketSphinx = "pocketsphinx"
	kindSherpa       = "sherpa"
	kindSilero       = "silero"   // tells voice from other sound, hears no words
	kindCaptions     = "captions" // lines that others wrote: nothing is heard
	kindKeyword      = "keyword"
	kindWhisper      = "whisper"
)

var kinds = []string{kindPocketSphinx, kindKeyword, kindSherpa, kindWhisper, kindCaptions}

// engineMandarin hears with the model that comes with liveclip.
const engineMandarin = "mandarin"

// engines are all that can be named: the built-in ones, and the operator's.
func (c Config) engines() map[string]EngineConfig {
	all := map[string]EngineConfig{
		kindPocketSphinx: {Kind: kindPocketSphinx, Language: "en", Models: c.Models},
		engineMandarin:   {Kind: kindSherpa, Language: "zh", builtin: models.Mandarin},
		kindCaptions:     {Kind: kindCaptions},
		kindKeyword:      {Kind: kindKeyword, Language: "en", Models: c.Models},
	}
	maps.Copy(all, c.Engines)
	return all
}

// engineOf is who hears a room: the engine that it asks for, or the one for its language. The small Mandarin model is taken
// only by its name: of what people say it hears next to nothing, and it does not fall silent over that.
func (c Config) engineOf(room domain.Context) domain.Hearing {
	if _, ok := c.engines()[room.Engine]; ok || room.Engine == engineNone {
		return c.rated(domain.Hearing{Engine: room.Engine})
	}
	h := domain.Hearing{Engine: c.Engine}
	if language := strings.ToLower(room.Spoken()); language != "" && c.Engine != engineNone {
		h = c.engineFor(language)
	}
	if room.Engine != "" {
		h.Trouble, h.About = domain.HearingUnknown, room.Engine
	}
	return c.rated(h)
}

// engineFor is who hears a language: the engine of the very tag, else of its base, else of a tag with the same base, the first
// by name; else asr.engine or PocketSphinx, where it is theirs.
func (c Config) engineFor(language string) domain.Hearing {
	tags := slices.SortedFunc(maps.Keys(c.Languages), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	for _, same := range []func(tag string) bool{
		func(tag string) bool { return tag == language },
		func(tag string) bool { return tag == base(language) },
		func(tag string) bool { return base(tag) == base(language) },
	} {
		if i := slices.IndexFunc(tags, func(tag string) bool { return same(strings.ToLower(tag)) }); i >= 0 {
			return domain.Hearing{Engine: c.Languages[tags[i]]}
		}
	}
	if of := c.engines()[c.Engine].Language; of == "" || base(of) == base(language) {
		return domain.Hearing{Engine: c.Engine}
	}
	if base(language) == "en" {
		return domain.Hearing{Engine: kindPocketSphinx}
	}
	return domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign, About: language}
}

// rated says where the engine that was chosen hears badly.
func (c Config) rated(h domain.Hearing) domain.Hearing {
	if h.Trouble == "" && c.engines()[h.Engine].builtin != "" {
		h.Trouble = domain.HearingWeak
	}
	return h
}

// base is a BCP 47 tag's language: "zh" of "zh-Hans-CN".
func base(tag string) string {
	language, _, _ := strings.Cut(strings.ToLower(tag), "-")
	return language
}

func (c Config) engineFaults() []string {
	var faults []string
	all := c.engines()
	names := strings.Join(append(slices.Sorted(maps.Keys(all)), engineNone), ", ")
	named := func(setting, name string) {
		if _, ok := all[name]; !ok && name != engineNone {
			faults = append(faults, fmt.Sprintf("%s: must be one of %s, is %q", setting, names, name))
		}
	}
	named("asr.engine", c.Engine)
	for tag, name := range c.Languages {
		named("asr.languages."+tag, name)
	}
	for name, e := range c.Engines {
		at := "asr.engines." + name
		if name == engineNone {
			faults = append(faults, at+": none hears nothing; choose another name")
		}
		if !slices.Contains(kinds, e.Kind) {
			faults = append(faults, fmt.Sprintf("%s.kind: must be one of %s, is %q", at, strings.Join(kinds, ", "), e.Kind))
		}
		if e.Kind == kindSherpa && e.Models == "" {
			faults = append(faults, at+".models: must name the folder of a model")
		}
		if e.Kind == kindWhisper {
			_, of := whisperConfig(e)
			for _, fault := range of {
				faults = append(faults, at+"."+fault)
			}
		}
		if e.Kind == kindCaptions {
			faults = append(faults, channelFaults(at, e)...)
		}
		if e.Rooms < 0 {
			faults = append(faults, fmt.Sprintf("%s.rooms: must be 0 (by measured cost) or more, is %d", at, e.Rooms))
		}
		if e.Recognisers < 0 {
			faults = append(faults, fmt.Sprintf("%s.recognisers: must be 0 (as asr.recognisers) or more, is %d", at, e.Recognisers))
		}
	}
	return faults
}

// engine is a way of hearing, at work.
type engine struct {
	name, language string
	listener
}

// listener is what an ear needs of the pool.
type listener interface {
	enter() bool // a live room; false: there is no place for it
	leave()
	ready() // soon to be wanted
	put(u *utterance)
	end(u *utterance, sound []byte)
	withdraw(u *utterance) bool
	abandon(u *utterance)
	deafness() string
}

// nobody listens.
type nobody struct{}

func (nobody) enter() bool              { return true }
func (nobody) leave()                   {}
func (nobody) ready()                   {}
func (nobody) put(u *utterance)         { u.answered(nil) }
func (nobody) end(*utterance, []byte)   {}
func (nobody) abandon(*utterance)       {}
func (nobody) withdraw(*utterance) bool { return false }
func (nobody) deafness() string         { return "nobody listens" }

// workers is how many recognisers an engine has at most.
func (c Config) workers(e EngineConfig) int {
	if e.Kind == kindWhisper {
		return 1 // of many requests
	}
	return cmp.Or(e.Recognisers, c.Recognisers)
}

// voice is the folder of the model that tells voice from other sound: the one configured, or the one that was downloaded;
// empty: none is.
func (c Config) voice() string {
	if c.Voice == engineNone {
		return ""
	}
	if c.Voice != "" {
		return c.Voice
	}
	folder, err := download.Folder()
	if err != nil {
		return ""
	}
	folder = filepath.Join(folder, "silero-vad")
	if m, err := speechmodels.Load(folder); err != nil || m.Kind != speechmodels.Silero {
		return ""
	}
	return folder
}

// makeEngines opens nothing: a pool loads its models when the first stream wants them.
func (s *Service) makeEngines(reg prometheus.Registerer) {
	s.engines = map[string]*engine{engineNone: {name: engineNone, listener: nobody{}}}
	for name, cfg := range s.cfg.engines() {
		if cfg.Kind == kindCaptions {
			s.engines[name] = &engine{name: name, listener: nobody{}}
			continue
		}
		p := newPool(s.cfg.workers(cfg), s.starter(cfg), s.log.With("engine", name),
			prometheus.WrapRegistererWith(prometheus.Labels{"engine": name}, reg))
		p.load.bound = cfg.Rooms
		s.pools = append(s.pools, p)
		s.engines[name] = &engine{name: name, language: cfg.Language, listener: p}
	}
}

// starter starts a recogniser of the kind; it returns when it has its models.
func (s *Service) starter(cfg EngineConfig) func(ctx context.Context) (ready, error) {
	return func(ctx context.Context) (ready, error) {
		if cfg.Kind == kindWhisper {
			return startWhisper(ctx, cfg)
		}
		return s.startChild(ctx, cfg)
	}
}

func (s *Service) startChild(ctx context.Context, cfg EngineConfig) (ready, error) {
	options := maps.Clone(cfg.Options)
	if options == nil {
		options = map[string]string{}
	}
	if cfg.Models != "" {
		options["models"] = cfg.Models
	}
	if cfg.builtin != "" {
		var err error
		if options["models"], err = models.Unpack(modelsFolder(), cfg.builtin); err != nil {
			return ready{}, err
		}
	}
	if s.cfg.Libraries != "" && (cfg.Kind == kindSherpa || cfg.Kind == kindSilero) {
		options["libraries"] = s.cfg.Libraries
	}
	process, err := s.media.Start(ctx, child.Recognise, &mediav1.ToChild{Message: &mediav1.ToChild_Recognise{
		Recognise: &mediav1.RecogniseOrder{Engine: cfg.Kind, Options: options}}})
	if err != nil {
		return ready{}, err
	}
	m, err := process.Receive()
	if err == nil && m.GetReady() == nil {
		err = errors.New("recogniser did not say that it is ready")
	}
	if err != nil {
		_ = process.Close()
		return ready{}, err
	}
	r := m.GetReady()
	return ready{recogniser: process, streams: int(r.Streams), partialEvery: time.Duration(r.PartialEvery), factor: r.RealTimeFactor}, nil
}

// modelsFolder is where models that come with liveclip are unpacked.
func modelsFolder() string {
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "liveclip", "models")
	}
	return filepath.Join(os.TempDir(), "liveclip-models-"+strconv.Itoa(os.Getuid()))
}

// wish is how a room shall be heard.
type wish struct {
	*engine
	hotwords []string // to be expected
	names    []string // as the operator writes them
}

// wish of a room, as its context says now.
func (r *room) wish() wish {
	said := r.context()
	return wish{engine: r.engines[r.cfg.engineOf(said).Engine], hotwords: expected(said, r.hotwords...), names: said.Hotwords}
}

func (r *room) context() domain.Context {
	if order, ok := r.standing(r); ok {
		return order.Context
	}
	return r.order.Context
}

// heardBy is who is to hear the room.
func (r *room) heardBy() domain.Hearing { return r.cfg.engineOf(r.context()) }

// heardWish is the wish of a broadcast whose sound is heard: captions can only take over when the next one begins.
func (r *room) heardWish() func() wish {
	last := r.wish()
	return func() wish {
		if now := r.wish(); r.cfg.kind(now.name) != kindCaptions {
			last = now
		}
		return last
	}
}

// silenced: its operator wants the room heard by nobody.
func (r *room) silenced() bool {
	h := r.heardBy()
	return h.Engine == engineNone && h.Trouble == ""
}

// listens: the room is heard by anybody at all.
func (r *room) listens() bool { return r.heardBy().Engine != engineNone && !r.captioned() }
