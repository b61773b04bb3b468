// Package config reads settings from a YAML file, the environment and the command line, in that order of rising weight.
//
// One setting is t2v.workers in YAML, LIVECLIP_T2V_WORKERS in the environment and --t2v.workers on the command line. A
// name that no setting has is an error, and every fault is told at once.
package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

const envPrefix = "LIVECLIP_"

// notSettings are names in the environment that belong to tests and to the command line itself.
var notSettings = []string{"LIVECLIP_CONFIG", "LIVECLIP_CORPUS", "LIVECLIP_TEST_", "LIVECLIP_SERVER", "LIVECLIP_TOKEN"}

// Sources say where settings come from.
type Sources struct {
	File    string            // YAML; empty: none
	Environ []string          // as os.Environ gives it
	Flags   map[string]string // by setting name: "t2v.workers"
}

// Faults lists what is wrong with a configuration, a line each.
type Faults []string

func (f Faults) Error() string { return "configuration:\n  " + strings.Join(f, "\n  ") }

// Load fills a copy of defaults, a struct with koanf tags, from the sources. The error is Faults when the settings are at
// fault.
func Load[T any](defaults T, from Sources) (T, error) {
	known := koanf.New(".")
	if err := known.Load(structs.Provider(defaults, "koanf"), nil); err != nil {
		return defaults, fmt.Errorf("read default settings: %w", err)
	}
	names := known.Keys()
	given := koanf.New(".")
	var faults Faults
	if from.File != "" {
		if err := given.Load(file.Provider(from.File), yaml.Parser()); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return defaults, Faults{fmt.Sprintf("%s: no such file", from.File)}
			}
			return defaults, Faults{fmt.Sprintf("%s: %v", from.File, err)}
		}
		for _, key := range given.Keys() {
			if !has(names, key) {
				faults = append(faults, fmt.Sprintf("%s: %s: no such setting", from.File, key))
			}
		}
	}
	settings, wrong := fromEnvironment(names, from.Environ)
	faults = append(faults, wrong...)
	for key, value := range from.Flags {
		if !has(names, key) {
			faults = append(faults, fmt.Sprintf("--%s: no such setting", key))
		}
		settings[key] = value
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return defaults, faults
	}
	if err := given.Load(confmap.Provider(settings, "."), nil); err != nil {
		return defaults, fmt.Errorf("read settings: %w", err)
	}
	cfg := defaults
	decode := &mapstructure.DecoderConfig{
		Result:           &cfg,
		WeaklyTypedInput: true,
		ZeroFields:       true, // a list replaces the default one
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	}
	if err := given.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{Tag: "koanf", DecoderConfig: decode}); err != nil {
		return defaults, Faults(strings.Split(strings.TrimSpace(err.Error()), "\n"))
	}
	return cfg, nil
}

// has tells whether a name is a setting, an element of a list setting, or a key below a map setting.
func has(names []string, key string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return key == name || strings.HasPrefix(key, name+".") })
}

func fromEnvironment(names, environ []string) (map[string]any, Faults) {
	byVariable := make(map[string]string, len(names))
	for _, name := range names {
		byVariable[envPrefix+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = name
	}
	settings := map[string]any{}
	var faults Faults
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, envPrefix) || slices.ContainsFunc(notSettings, func(p string) bool { return strings.HasPrefix(variable, p) }) {
			continue
		}
		name, ok := byVariable[variable]
		if !ok {
			faults = append(faults, variable+": no such setting")
			continue
		}
		settings[name] = value
	}
	return settings, faults
}
