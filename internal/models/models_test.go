package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"liveclip/internal/domain"
)

// message builds protocol buffers.
type message []byte

func (m message) number(field, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, field<<3), v)
}

func (m message) bytes(field uint64, b []byte) message {
	return append(binary.AppendUvarint(binary.AppendUvarint(m, field<<3|2), uint64(len(b))), b...)
}

func (m message) pair(field uint64, key, value string) message {
	return m.bytes(field, message{}.bytes(1, []byte(key)).bytes(2, []byte(value)))
}

// onnx is a model's file, as far as its header goes.
func onnx(inputs int, metadata map[string]string, external ...string) []byte {
	graph := message{}.bytes(graphNode, message{}.bytes(4, []byte("Relu")))
	for range inputs {
		graph = graph.bytes(graphInput, message{}.bytes(valueName, []byte("x")))
	}
	for _, name := range external {
		graph = graph.bytes(graphInitialiser, message{}.pair(tensorExternal, "location", name))
	}
	graph = graph.bytes(graphOutput, message{}.bytes(valueName, []byte("y")))
	m := message{}.number(modelIR, 8).bytes(modelProducer, []byte("test")).bytes(modelGraph, graph)
	m = m.bytes(modelOpset, message{}.number(opsetVersion, 13))
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		m = m.pair(modelMetadata, key, metadata[key])
	}
	return m
}

// nemo is what a nemo-ctc model says of itself.
func nemo() map[string]string {
	out := map[string]string{}
	for _, key := range nemoStates {
		out[key] = "1"
	}
	return out
}

const someTokens = "<blk> 0\n三 1\n▁wow 2\n"

// folder makes a model's folder.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func manifest(kind string, files map[string]string) []byte {
	var b strings.Builder
	b.WriteString("name: small\nkind: " + kind + "\nlanguage: zh\nsample_rate: 16000\nabout: a test\nlicence: none\nfiles:\n")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.WriteString("  " + name + ": " + strconv.Quote(files[name]) + "\n")
	}
	return []byte(b.String())
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestAModelThatIsWhollyThereIsVerified(t *testing.T) {
	model := onnx(5, nemo())
	files := map[string]string{"model.onnx": sum(model), "tokens.txt": sum([]byte(someTokens))}
	dir := folder(t, map[string][]byte{"model.onnx": model, "tokens.txt": []byte(someTokens), ManifestName: manifest(NemoCTC, files)})
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Verify()
	want := Verified{
		Manifest: Manifest{Name: "small", Kind: NemoCTC, Language: "zh", SampleRate: 16000, Files: files, About: "a test", Licence: "none", Folder: dir},
		Tokens:   []string{"<blk>", "三", "▁wow"},
		Headers: map[string]Header{only: {IR: 8, Opset: 13, Producer: "test", Inputs: []string{"x", "x", "x", "x", "x"}, Outputs: []string{"y"},
			Metadata: nemo(), Nodes: 1}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got.Path(only) != filepath.Join(dir, "model.onnx") || got.Path("joiner") != "" {
		t.Errorf("model is %q, joiner %q", got.Path(only), got.Path("joiner"))
	}
}

func TestWhatWouldEndTheProcessThatLoadsItIsNamedBefore(t *testing.T) {
	good := onnx(5, nemo())
	many := nemo()
	many["vocab_size"] = "5000"
	tokens := []byte(someTokens)
	for name, c := range map[string]struct {
		files map[string][]byte // beside a manifest that names them
		sum   string            // recorded for model.onnx
		want  error
		says  string
	}{
		"a file is missing":             {files: map[string][]byte{"tokens.txt": tokens}, want: ErrMissing, says: "model.onnx"},
		"tokens are missing":            {files: map[string][]byte{"model.onnx": good}, want: ErrMissing, says: "tokens.txt"},
		"a file is another":             {files: map[string][]byte{"model.onnx": good, "tokens.txt": tokens}, sum: strings.Repeat("0", 64), want: ErrHash, says: "recorded"},
		"cut short":                     {files: map[string][]byte{"model.onnx": good[:40], "tokens.txt": tokens}, want: ErrTruncated, says: "bytes are missing"},
		"empty":                         {files: map[string][]byte{"model.onnx": nil, "tokens.txt": tokens}, want: ErrTruncated, says: "empty"},
		"a page instead":                {files: map[string][]byte{"model.onnx": []byte("<html>404 不见了</html>"), "tokens.txt": tokens}, want: ErrNotONNX, says: "404"},
		"a stub of LFS":                 {files: map[string][]byte{"model.onnx": []byte("version https://git-lfs.github.com/spec/v1\noid"), "tokens.txt": tokens}, want: ErrNotONNX, says: "LFS"},
		"an archive":                    {files: map[string][]byte{"model.onnx": []byte("PK\x03\x04\x00\x00\x01"), "tokens.txt": tokens}, want: ErrNotONNX, says: "50 4b"},
		"a tensor, no model":            {files: map[string][]byte{"model.onnx": message{}.number(1, 3).number(2, 1), "tokens.txt": tokens}, want: ErrNotONNX, says: "no graph"},
		"another kind":                  {files: map[string][]byte{"model.onnx": onnx(5, nil), "tokens.txt": tokens}, want: ErrKind, says: "window_size"},
		"too few inputs":                {files: map[string][]byte{"model.onnx": onnx(1, nemo()), "tokens.txt": tokens}, want: ErrKind, says: "1 inputs"},
		"weights beside it are missing": {files: map[string][]byte{"model.onnx": onnx(5, nemo(), "model.data"), "tokens.txt": tokens}, want: ErrMissing, says: "model.data"},
		"weights from elsewhere":        {files: map[string][]byte{"model.onnx": onnx(5, nemo(), "../../etc/passwd"), "tokens.txt": tokens}, want: ErrMissing, says: "outside"},
		"made for a newer runtime":      {files: map[string][]byte{"model.onnx": append(message{}.number(modelIR, 99), good[2:]...), "tokens.txt": tokens}, want: ErrTooNew, says: "99"},
		"too few tokens":                {files: map[string][]byte{"model.onnx": onnx(5, many), "tokens.txt": tokens}, want: ErrTokens, says: "5000"},
		"a token twice":                 {files: map[string][]byte{"model.onnx": good, "tokens.txt": []byte("<blk> 0\n三 2\n")}, want: ErrTokens, says: "number 1"},
		"no blank":                      {files: map[string][]byte{"model.onnx": good, "tokens.txt": []byte("三 0\n")}, want: ErrTokens, says: "<blank>"},
		"no list of tokens":             {files: map[string][]byte{"model.onnx": good, "tokens.txt": good}, want: ErrTokens, says: "line"},
	} {
		t.Run(name, func(t *testing.T) {
			recorded := map[string]string{"model.onnx": c.sum, "tokens.txt": ""}
			if name == "tokens are missing" {
				delete(recorded, "tokens.txt")
			}
			c.files[ManifestName] = manifest(NemoCTC, recorded)
			m, err := Load(folder(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Verify(); !errors.Is(err, c.want) || !domain.IsPermanent(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

func TestATransducerIsOfATypeThatIsKnown(t *testing.T) {
	metadata := map[string]string{"model_type": "zipformer2"}
	for _, key := range zipformer2 {
		metadata[key] = "1"
	}
	decoder := onnx(1, map[string]string{"vocab_size": "3", "context_size": "2"})
	for name, c := range map[string]struct {
		encoder []byte
		want    error
	}{
		"known":   {onnx(3, metadata), nil},
		"unknown": {onnx(3, map[string]string{"model_type": "perceptron"}), ErrKind},
		"lacking": {onnx(3, map[string]string{"model_type": "zipformer2"}), ErrKind},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Load(folder(t, map[string][]byte{"encoder-epoch-99.onnx": []byte("unused"), "encoder-epoch-99.int8.onnx": c.encoder,
				"decoder-epoch-99.onnx": decoder, "joiner-epoch-99.int8.onnx": onnx(2, nil), "tokens.txt": []byte(someTokens), "README.md": []byte("hello")}))
			if err != nil || m.Kind != Transducer {
				t.Fatalf("loaded %+v, %v", m, err)
			}
			if _, err := m.Verify(); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAFolderWithoutAManifestIsToldByItsNames(t *testing.T) {
	for folderName, c := range map[string]struct {
		files          []string
		kind, language string
		err            error
	}{
		"sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20":   {[]string{"encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"}, Transducer, "zh,en", nil},
		"sherpa-onnx-streaming-paraformer-zh":                          {[]string{"encoder.int8.onnx", "decoder.int8.onnx", "tokens.txt"}, Paraformer, "zh", nil},
		"sherpa-onnx-streaming-zipformer-small-ctc-zh-int8-2025-04-01": {[]string{"model.int8.onnx", "tokens.txt", "bpe.model"}, Zipformer2CTC, "zh", nil},
		"sherpa-onnx-nemo-streaming-fast-conformer-ctc-en-80ms":        {[]string{"model.onnx", "tokens.txt"}, NemoCTC, "en", nil},
		"sherpa-onnx-streaming-t-one-russian-2025-09-08":               {[]string{"model.onnx", "tokens.txt"}, ToneCTC, "", nil},
		"voice":    {[]string{"silero_vad.onnx"}, Silero, "", nil},
		"pictures": {[]string{"a.jpg"}, "", "", ErrNoModel},
	} {
		t.Run(folderName, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), folderName)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m, err := Load(dir)
			if m.Kind != c.kind || m.Language != c.language || !errors.Is(err, c.err) {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "nowhere")); !errors.Is(err, ErrNoModel) || !domain.IsPermanent(err) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestAManifestAtFaultIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":          "\x00",
		"empty":            "",
		"unknown kind":     "kind: oracle\nfiles: {model.onnx: \"\"}",
		"unknown field":    "kind: nemo-ctc\ncolour: red\nfiles: {model.onnx: \"\"}",
		"no files":         "kind: nemo-ctc\n",
		"another rate":     "kind: nemo-ctc\nsample_rate: 8000\nfiles: {model.onnx: \"\"}",
		"outside":          "kind: nemo-ctc\nfiles: {../model.onnx: \"\"}",
		"an absolute path": "kind: nemo-ctc\nfiles: {/etc/passwd: \"\"}",
		"no hash":          "kind: nemo-ctc\nfiles: {model.onnx: md5}",
		"endless":          "kind: nemo-ctc\nabout: " + strings.Repeat("a", manifestMost),
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Parse([]byte(text)); !errors.Is(err, ErrManifest) {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

func TestRealModelsAreRead(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real models")
	}
	for name, want := range map[string][]string{
		"silero_vad_16k_op15.onnx": {"input", "state", "sr"},
		"yunet_n_dynamic.onnx":     {"input"},
	} {
		h, err := readHeader(filepath.Join(corpus, "models", name))
		if err != nil || !slices.Equal(h.Inputs, want) || h.Nodes == 0 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		data, err := os.ReadFile(filepath.Join(corpus, "models", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{len(data) - 1, len(data) / 2, 1000} {
			if _, err := ReadHeader(bytes.NewReader(data[:size]), int64(size)); !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotONNX) {
				t.Errorf("%s, the first %d bytes of it: %v", name, size, err)
			}
		}
	}
}

func FuzzHeadersOfAnythingAreReadOrRefused(f *testing.F) {
	good := onnx(5, nemo(), "weights")
	f.Add(good)
	f.Add(good[:50])
	f.Add([]byte("<html>"))
	f.Add([]byte{8, 8, 58, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHeader(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, ErrNotONNX) && !errors.Is(err, ErrTruncated) {
			t.Errorf("an error without a name: %v", err)
		}
		if err == nil && h.IR == 0 {
			t.Error("no version")
		}
	})
}

func FuzzTokensAreReadOrRefused(f *testing.F) {
	f.Add([]byte(someTokens))
	f.Add([]byte("<blk> 0\n0 0 0\n"))
	f.Add([]byte("<blk> 99999999999999999999"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseTokens(bytes.NewReader(data))
		if (err == nil) != (len(list) > 0) || err != nil && !errors.Is(err, ErrTokens) {
			t.Errorf("%d tokens, %v", len(list), err)
		}
	})
}

func FuzzManifestsAreReadOrRefused(f *testing.F) {
	f.Add(manifest(NemoCTC, map[string]string{"model.onnx": ""}))
	f.Add([]byte("kind: nemo-ctc\nfiles: {../a: x}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil && !errors.Is(err, ErrManifest) {
			t.Errorf("an error without a name: %v", err)
		}
		if err == nil && len(m.Files) == 0 {
			t.Error("no files")
		}
	})
}
