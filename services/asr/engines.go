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

// EngineConfig is an engine that turns speech into lines, under a name of the operator's.
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
	kindSilero       = "silero"   // a voice detector: it recognises no words
	kindCaptions     = "captions" // lines that others wrote: nothing is recognised
	kindKeyword      = "keyword"
	kindWhisper      = "whisper"
)

var kinds = []string{kindPocketSphinx, kindKeyword, kindSherpa, kindWhisper, kindCaptions}

// engineMandarin uses the Mandarin model that comes with liveclip.
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

// engineOf is the engine of a room: the one that its context names, or the one for its language. The small Mandarin model is taken
// only by its name: of what people say it gets next to nothing right, and its lines look no worse for that.
func (c Config) engineOf(room domain.Context) domain.Hearing {
	if _, ok := c.engines()[room.Engine]; ok || room.Engine == engineNone {
		return c.noteWeakness(domain.Hearing{Engine: room.Engine})
	}
	h := domain.Hearing{Engine: c.Engine}
	if language := strings.ToLower(room.Spoken()); language != "" && c.Engine != engineNone {
		h = c.engineFor(language)
	}
	if room.Engine != "" {
		h.Trouble, h.About = domain.HearingUnknown, room.Engine
	}
	return c.noteWeakness(h)
}

// engineFor is the engine of a language: that of the very tag, else of its base language, else of the first tag by name with the
// same base; else asr.engine or PocketSphinx, if it is theirs.
func (c Config) engineFor(language string) domain.Hearing {
	tags := slices.SortedFunc(maps.Keys(c.Languages), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	for _, same := range []func(tag string) bool{
		func(tag string) bool { return tag == language },
		func(tag string) bool { return tag == baseLanguage(language) },
		func(tag string) bool { return baseLanguage(tag) == baseLanguage(language) },
	} {
		if i := slices.IndexFunc(tags, func(tag string) bool { return same(strings.ToLower(tag)) }); i >= 0 {
			return domain.Hearing{Engine: c.Languages[tags[i]]}
		}
	}
	if of := c.engines()[c.Engine].Language; of == "" || baseLanguage(of) == baseLanguage(language) {
		return domain.Hearing{Engine: c.Engine}
	}
	if baseLanguage(language) == "en" {
		return domain.Hearing{Engine: kindPocketSphinx}
	}
	return domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign, About: language}
}

// noteWeakness adds to a choice that its engine recognises badly.
func (c Config) noteWeakness(h domain.Hearing) domain.Hearing {
	if h.Trouble == "" && c.engines()[h.Engine].builtin != "" {
		h.Trouble = domain.HearingWeak
	}
	return h
}

// baseLanguage is a BCP 47 tag's language: "zh" of "zh-Hans-CN".
func baseLanguage(tag string) string {
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

// engine is an engine that is running.
type engine struct {
	name, language string
	listener
}

// listener is what a transcriber needs of a pool.
type listener interface {
	admitRoom() bool // a live room; false: there is no place for it
	releaseRoom()
	preload() // it is needed soon
	enqueue(u *utterance)
	endUtterance(u *utterance, sound []byte)
	withdraw(u *utterance) bool
	abandon(u *utterance)
	deafness() string
}

// noListener recognises nothing.
type noListener struct{}

func (noListener) admitRoom() bool                 { return true }
func (noListener) releaseRoom()                    {}
func (noListener) preload()                        {}
func (noListener) enqueue(u *utterance)            { u.onHeard(nil) }
func (noListener) endUtterance(*utterance, []byte) {}
func (noListener) abandon(*utterance)              {}
func (noListener) withdraw(*utterance) bool        { return false }
func (noListener) deafness() string                { return "nobody listens" }

// workers is how many recognisers an engine has at most.
func (c Config) workers(e EngineConfig) int {
	if e.Kind == kindWhisper {
		return 1 // that sends many requests at once
	}
	return cmp.Or(e.Recognisers, c.Recognisers)
}

// voiceModel is the folder of the voice detector's model: the one configured, else the one that was downloaded; empty: there is
// none.
func (c Config) voiceModel() string {
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
	s.engines = map[string]*engine{engineNone: {name: engineNone, listener: noListener{}}}
	for name, cfg := range s.cfg.engines() {
		if cfg.Kind == kindCaptions {
			s.engines[name] = &engine{name: name, listener: noListener{}}
			continue
		}
		p := newPool(s.cfg.workers(cfg), s.starter(cfg), s.log.With("engine", name),
			prometheus.WrapRegistererWith(prometheus.Labels{"engine": name}, reg))
		p.load.maxRooms = cfg.Rooms
		s.pools = append(s.pools, p)
		s.engines[name] = &engine{name: name, language: cfg.Language, listener: p}
	}
}

// starter starts a recogniser of the kind; it returns when it has its models.
func (s *Service) starter(cfg EngineConfig) func(ctx context.Context) (loadedRecogniser, error) {
	return func(ctx context.Context) (loadedRecogniser, error) {
		if cfg.Kind == kindWhisper {
			return startWhisper(ctx, cfg)
		}
		return s.startChild(ctx, cfg)
	}
}

func (s *Service) startChild(ctx context.Context, cfg EngineConfig) (loadedRecogniser, error) {
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
			return loadedRecogniser{}, err
		}
	}
	if s.cfg.Libraries != "" && (cfg.Kind == kindSherpa || cfg.Kind == kindSilero) {
		options["libraries"] = s.cfg.Libraries
	}
	process, err := s.media.Start(ctx, child.Recognise, &mediav1.ToChild{Message: &mediav1.ToChild_Recognise{
		Recognise: &mediav1.RecogniseOrder{Engine: cfg.Kind, Options: options}}})
	if err != nil {
		return loadedRecogniser{}, err
	}
	m, err := process.Receive()
	if err == nil && m.GetReady() == nil {
		err = errors.New("recogniser did not say that it is ready")
	}
	if err != nil {
		_ = process.Close()
		return loadedRecogniser{}, err
	}
	r := m.GetReady()
	return loadedRecogniser{recogniser: process, streams: int(r.Streams), partialEvery: time.Duration(r.PartialEvery), factor: r.RealTimeFactor}, nil
}

// modelsFolder is where models that come with liveclip are unpacked.
func modelsFolder() string {
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "liveclip", "models")
	}
	return filepath.Join(os.TempDir(), "liveclip-models-"+strconv.Itoa(os.Getuid()))
}

// hearingSettings is how a room is to be heard: by which engine, and what that is told to expect.
type hearingSettings struct {
	*engine
	hotwords []string // to be expected
	names    []string // as the operator writes them
}

// hearingSettings of the room, as its context says now.
func (r *room) hearingSettings() hearingSettings {
	said := r.context()
	return hearingSettings{engine: r.engines[r.cfg.engineOf(said).Engine], hotwords: expectedHotwords(said, r.hotwords...), names: said.Hotwords}
}

func (r *room) context() domain.Context {
	if order, ok := r.newestState(r); ok {
		return order.Context
	}
	return r.order.Context
}

// chosenHearing is the engine that is to hear the room now.
func (r *room) chosenHearing() domain.Hearing { return r.cfg.engineOf(r.context()) }

// transcriberSettings gives the settings of a broadcast that has a transcriber: captions take over only with the next broadcast.
func (r *room) transcriberSettings() func() hearingSettings {
	last := r.hearingSettings()
	return func() hearingSettings {
		if now := r.hearingSettings(); r.cfg.kind(now.name) != kindCaptions {
			last = now
		}
		return last
	}
}

// hearingOff reports whether the operator wants no engine to hear the room.
func (r *room) hearingOff() bool {
	h := r.chosenHearing()
	return h.Engine == engineNone && h.Trouble == ""
}

// needsSound reports whether an engine that recognises sound is to hear the room.
func (r *room) needsSound() bool { return r.chosenHearing().Engine != engineNone && !r.usesCaptions() }
