package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is a package as `go list` knows it.
type listed struct {
	ImportPath string
	Imports    []string
	CgoFiles   []string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,CgoFiles,Deps", "liveclip/...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// service gives the name of the service a package belongs to, or "".
func service(path string) string {
	rest, ok := strings.CutPrefix(path, "liveclip/services/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func TestNoServiceImportsAnother(t *testing.T) {
	for _, p := range packages(t) {
		own := service(p.ImportPath)
		if own == "" {
			continue
		}
		for _, imported := range p.Imports {
			if other := service(imported); other != "" && other != own {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func TestNothingInternalImportsAService(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "liveclip/internal/") && !strings.HasPrefix(p.ImportPath, "liveclip/proto/") {
			continue
		}
		for _, imported := range p.Imports {
			if service(imported) != "" {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func TestAServiceDoesNotKnowHowItIsRun(t *testing.T) {
	for _, p := range packages(t) {
		if service(p.ImportPath) != "" && (slices.Contains(p.Imports, "liveclip/internal/app") || slices.Contains(p.Imports, "liveclip/internal/embedded")) {
			t.Errorf("%s imports app or embedded", p.ImportPath)
		}
	}
}

// Each library has one home, so that it can be changed in one place.
var homes = map[string][]string{
	"github.com/segmentio/kafka-go":                     {"liveclip/internal/bus"},
	"github.com/hibiken/asynq":                          {"liveclip/internal/job"},
	"github.com/asticode/go-astiav":                     {"liveclip/internal/media"},
	"github.com/twmb/franz-go/pkg/kfake":                {"liveclip/internal/embedded"},
	"github.com/yutopp/go-rtmp":                         {"liveclip/services/asr"},
	"github.com/minio/minio-go/v7":                      {"liveclip/internal/blob"},
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime": {"liveclip/services/ops", "liveclip/proto/ops/v1"},
}

func TestEveryLibraryHasOneHome(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for library, allowed := range homes {
				if imported != library && !strings.HasPrefix(imported, library+"/") {
					continue
				}
				if !slices.ContainsFunc(allowed, func(home string) bool { return p.ImportPath == home || strings.HasPrefix(p.ImportPath, home+"/") }) {
					t.Errorf("%s imports %s, whose home is %v", p.ImportPath, imported, allowed)
				}
			}
		}
	}
}

func TestTheDomainNeedsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "liveclip/internal/domain" {
			continue
		}
		for _, dependency := range p.Deps {
			if first, _, _ := strings.Cut(dependency, "/"); strings.Contains(first, ".") {
				t.Errorf("internal/domain depends on %s", dependency)
			}
		}
	}
}

func TestAllCIsInLiveclipMedia(t *testing.T) {
	native := map[string]bool{}
	all := packages(t)
	for _, p := range all {
		if len(p.CgoFiles) > 0 || slices.Contains(p.Deps, "github.com/asticode/go-astiav") {
			native[p.ImportPath] = true
		}
	}
	liveclip := slices.IndexFunc(all, func(p listed) bool { return p.ImportPath == "liveclip/cmd/liveclip" })
	for _, dependency := range all[liveclip].Deps {
		if native[dependency] {
			t.Errorf("liveclip links %s", dependency)
		}
	}
	for path := range native {
		if !strings.HasPrefix(path, "liveclip/internal/media") && !strings.HasPrefix(path, "liveclip/internal/speech") && path != "liveclip/cmd/liveclip-media" {
			t.Errorf("%s has C in it", path)
		}
	}
}
