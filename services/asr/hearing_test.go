package asr

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	speechmodels "liveclip/internal/models"
	"liveclip/internal/native"
	"liveclip/internal/native/nativetest"
)

// mandarin has the service hear with the model that comes with liveclip, whatever folder this test runs in.
func mandarin(t *testing.T) func(*Config) {
	found := nativetest.Libraries(t, native.Sherpa)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return func(c *Config) {
		c.Engine, c.Libraries = engineMandarin, found
	}
}

const espeakRate = 22050

// speak gives phrases as espeak-ng says them, each followed by a pause: raw 16-bit sound.
func speak(t *testing.T, pause time.Duration, phrases ...string) []byte {
	t.Helper()
	var out []byte
	for _, phrase := range phrases {
		wav, err := exec.Command("espeak-ng", "-v", "cmn-latn-pinyin", "-s", "150", "--stdout", phrase).Output()
		if err != nil {
			t.Fatalf("espeak-ng: %v", err)
		}
		if at := bytes.Index(wav, []byte("data")); at > 0 {
			wav = wav[at+8:]
		}
		out = append(append(out, wav[:len(wav)/2*2]...), make([]byte, int(pause*espeakRate/time.Second)*2)...)
	}
	return out
}

// pushSound publishes raw sound at its true pace.
func (s *station) pushSound(url string, sound []byte) *pusher {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "sound.raw")
	if err := os.WriteFile(file, sound, 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "s16le", "-ar", fmt.Sprint(espeakRate), "-ac", "1", "-i", file,
		"-c:a", "aac", "-b:a", "96k", "-ar", "44100", "-f", "flv", url)
	p := &pusher{cmd: cmd, stderr: new(logBuffer), ended: make(chan error, 1)}
	cmd.Stderr = p.stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.ended <- cmd.Wait(); close(p.ended) }()
	s.t.Cleanup(p.stop)
	return p
}

// characters that are Chinese.
func characters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Han, r) {
			return r
		}
		return -1
	}, text)
}

func TestAMandarinRoomIsHeardThoughItsRecogniserIsKilledAgainAndAgain(t *testing.T) {
	s := newGround(t).start(mandarin(t))
	s.awaitEars(engineMandarin)
	s.attach(domain.StreamState{Ref: ref("zh"), Source: domain.SourcePush, Context: domain.Context{Language: "zh"}})
	phrases := []string{"最后三分钟", "全场五折", "今天免运费", "只剩十件", "马上开抢"}
	s.pushSound(s.url("zh", s.keys.PushKey(ref("zh"))), append(make([]byte, espeakRate), speak(t, 1200*time.Millisecond, phrases...)...))
	killed := 0
	for partials := range 4 { // each time somebody is being heard
		s.await("a partial line", func(events []event.Event) bool {
			ids := map[string]bool{}
			for _, e := range events {
				if l, ok := e.Payload.(domain.TranscriptLine); ok && !l.Final {
					ids[l.ID] = true
				}
			}
			return len(ids) > partials || closedOf("zh")(events)
		})
		pool := s.service.engines[engineMandarin].listener.(*pool)
		var hearing []int
		s.until("a recogniser hears", func() bool { // one that dies over its model is another matter
			pool.mu.Lock()
			defer pool.mu.Unlock()
			hearing = children(t, "recognise")
			return pool.alive > 0 && len(hearing) > 0
		})
		for _, pid := range hearing {
			kill(t, pid)
			killed++
		}
	}
	events := s.await("closed", closedOf("zh"))
	lines := said(events, "zh")
	var heard []string
	for _, l := range lines {
		heard = append(heard, l.Text)
		if l.Engine != engineMandarin || l.Language != "zh" || len(l.Words) == 0 || characters(l.Text) == "" {
			t.Errorf("line %+v", l)
		}
	}
	t.Logf("%d killed; heard %q", killed, heard)
	if killed < 3 || len(lines) < len(phrases) {
		t.Errorf("%d recognisers were killed; of %d phrases %d were heard: %q", killed, len(phrases), len(lines), heard)
	}
	holdsPromise(t, events, "zh")
}

func TestSoundOfEveryKindIsHeardAndSilenceCostsNothing(t *testing.T) {
	s := newGround(t).start(nil)
	speech := "flite=text='the price drops to nineteen dollars':voice=rms,adelay=500:all=1,apad=pad_dur=1"
	kinds := map[string][]string{
		"8kHz":    {"-f", "lavfi", "-i", speech, "-ar", "8000", "-ac", "1"},
		"96kHz":   {"-f", "lavfi", "-i", speech, "-ar", "96000", "-ac", "2"},
		"5-1":     {"-f", "lavfi", "-i", speech, "-ar", "48000", "-ac", "6"},
		"clipped": {"-f", "lavfi", "-i", speech + ",volume=18dB", "-ar", "44100", "-ac", "1"},
		"offset":  {"-f", "lavfi", "-i", speech + ",dcshift=0.25", "-ar", "44100", "-ac", "1"},
		"silent":  {"-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono", "-t", "5"},
		"tone":    {"-f", "lavfi", "-i", "sine=f=440:r=44100", "-af", "volume=12dB", "-t", "12"},
	}
	folder := t.TempDir()
	for name, input := range kinds {
		file := filepath.Join(folder, name+".mp4")
		out, err := exec.Command("ffmpeg", slices.Concat([]string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "color=size=64x64:rate=10"}, input,
			[]string{"-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", file})...).CombinedOutput()
		if err != nil {
			t.Fatalf("ffmpeg: %v %s", err, out)
		}
		s.order(domain.StreamState{Ref: ref(name), Source: "file:" + file, Lane: domain.LaneBatch, Attached: true, Owner: "one"})
	}
	for name := range kinds {
		events := s.await(name+" closed", closedOf(name))
		text := ""
		for _, l := range said(events, name) {
			text += l.Text + " "
		}
		t.Logf("%s: %q", name, text)
		quiet := name == "silent" || name == "tone"
		if low := strings.ToLower(text); !quiet && !strings.Contains(low, "price") && !strings.Contains(low, "19") || name == "silent" && text != "" {
			t.Errorf("%s: heard %q", name, text)
		}
	}
}

// killer is a model with which nothing is wrong until it is loaded: the library ends its process over it.
func killer(t *testing.T) string {
	t.Helper()
	folder, ours := t.TempDir(), filepath.Join("models", "mandarin-commerce")
	for _, name := range []string{"model.onnx", "tokens.txt"} {
		data, err := os.ReadFile(filepath.Join(ours, name))
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Replace(data, []byte("\x22\x04Conv"), []byte("\x22\x04Gone"), 1) // an operator that no runtime has
		if name == "model.onnx" && bytes.Equal(changed, data) {
			t.Fatal("the model has no such operator")
		}
		if err := os.WriteFile(filepath.Join(folder, name), changed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	manifest := "kind: nemo-ctc\nlanguage: zh\nsample_rate: 16000\nfiles: {model.onnx: \"\", tokens.txt: \"\"}\n"
	if err := os.WriteFile(filepath.Join(folder, "model.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := speechmodels.Load(folder); err != nil {
		t.Fatal(err)
	} else if _, err := m.Verify(); err != nil {
		t.Fatalf("the model must pass for one that can be loaded: %v", err)
	}
	return folder
}

func TestAModelThatKillsItsRecogniserAndAServerThatIsDownCostNoOtherRoomAnything(t *testing.T) {
	model, found := killer(t), nativetest.Libraries(t, native.Sherpa)
	s := newGround(t).start(func(c *Config) {
		c.Libraries = found
		c.Engines = map[string]EngineConfig{
			"kills": {Kind: kindSherpa, Language: "zh", Models: model},
			"down":  {Kind: kindWhisper, Options: map[string]string{"url": "http://127.0.0.1:1/v1", "timeout": "1s"}},
		}
	})
	path := makeFile(t, "talk.mp4", "the price drops to nineteen dollars", "free shipping today")
	open := func(id, engine string) {
		s.order(domain.StreamState{Ref: ref(id), Attached: true, Source: "file://" + path, Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: engine}})
	}
	rooms := map[string]string{"kills": "abort", "down": "127.0.0.1:1", kindPocketSphinx: ""} // by engine: why it is deaf
	for engine := range rooms {
		open(engine, engine)
	}
	for engine, why := range rooms {
		lines := said(s.await(engine+" closed", closedOf(engine)), engine)
		if why == "" {
			if len(lines) != 2 {
				t.Errorf("%s: lines %+v", engine, lines)
			}
			continue
		}
		if deaf := s.service.engines[engine].deafness(); len(lines) != 0 || !strings.Contains(deaf, why) || !strings.Contains(s.logged.String(), why) {
			t.Errorf("%s: deaf because %q, lines %+v", engine, deaf, lines)
		}
		open("after-"+engine, engine) // a room that comes later is recorded, and says at once that nobody hears it
		events := s.await("the room after it closed", closedOf("after-"+engine))
		told, recorded := 0, time.Duration(0)
		for _, e := range events {
			if p, ok := e.Payload.(domain.StreamProgress); ok && e.Stream == domain.StreamID("after-"+engine) && p.By == "asr" {
				told, recorded = told+1, max(recorded, p.RecordedTo)
				if p.Health[domain.SignalSpeech] != domain.HealthMissing {
					t.Errorf("%s: health %v", engine, p.Health)
				}
			}
		}
		if told == 0 || recorded < 3*time.Second {
			t.Errorf("%s: %d marks, %v recorded", engine, told, recorded)
		}
	}
}

func TestMusicIsNeverGivenToARecogniserWhereAVoiceDetectorIs(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real models")
	}
	found, folder := nativetest.Libraries(t, native.ONNXRuntime), t.TempDir()
	if err := os.Symlink(filepath.Join(corpus, "models", "silero_vad_16k_op15.onnx"), filepath.Join(folder, "silero_vad.onnx")); err != nil {
		t.Fatal(err)
	}
	s := newGround(t).start(func(c *Config) { c.Voice, c.Libraries = folder, found })
	s.service.voiceDetector.preload()
	s.until("voice detector", func() bool { return s.service.voiceDetector.present() })
	// Chords with a beat, then somebody speaks.
	music := "aevalsrc='0.3*(0.55+0.45*sin(2*PI*2*t))*(sin(2*PI*220*t)+sin(2*PI*277*t)+sin(2*PI*330*t)+0.4*sin(2*PI*660*t))':d=20:s=44100"
	speech := "flite=text='the price drops to nineteen dollars':voice=rms,aresample=44100,apad=pad_dur=1"
	file := filepath.Join(t.TempDir(), "music.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "color=size=64x64:rate=10", "-f", "lavfi", "-i", music, "-f", "lavfi", "-i", speech,
		"-filter_complex", "[1][2]concat=n=2:v=0:a=1[a]", "-map", "0:v", "-map", "[a]", "-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v %s", err, out)
	}
	s.order(domain.StreamState{Ref: ref("music"), Source: "file:" + file, Lane: domain.LaneBatch, Attached: true, Owner: "one"})
	lines := said(s.await("closed", closedOf("music")), "music")
	heard := testutil.ToFloat64(s.service.engines[kindPocketSphinx].listener.(*pool).heardSeconds)
	if len(lines) != 1 || !strings.Contains(lines[0].Text, "19") || heard > 5 {
		t.Errorf("%.1f s of 24 s went to the recogniser; lines %+v", heard, lines)
	}
}
