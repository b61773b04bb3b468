package speech

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/speech/speechtest"
)

func open(t *testing.T) *Recogniser {
	t.Helper()
	models, err := FindModels(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenSphinx(models)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// say speaks between two pauses, as utterances are cut.
func say(t *testing.T, voice, text string) []int16 {
	return speechtest.Sound(t, "-f", "lavfi", "-i", "flite=text='"+text+"':voice="+voice, "-af", "adelay=300:all=1,apad=pad_dur=0.4")
}

// live hears samples as they would come, in steps of 100 ms.
func live(t *testing.T, r *Recogniser, known Channel, samples []int16) (partials []string, final Result) {
	t.Helper()
	u := begin(t, r, Known{Channel: known})
	for len(samples) > 0 {
		step := min(SampleRate/10, len(samples))
		u.Hear(samples[:step])
		work(t, r, u)
		samples = samples[step:]
		partials = append(partials, u.Partial().Text)
	}
	return partials, end(t, r, u)
}

func begin(t *testing.T, e Engine, known Known) Utterance {
	t.Helper()
	u, err := e.Begin(known)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func work(t *testing.T, e Engine, of ...Utterance) {
	t.Helper()
	for slices.ContainsFunc(of, Utterance.Busy) {
		if err := e.Work(of); err != nil {
			t.Fatal(err)
		}
	}
}

func end(t *testing.T, e Engine, u Utterance) Result {
	t.Helper()
	u.End()
	work(t, e, u)
	final, err := u.Final()
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
	return final
}

// whole hears an utterance that is known from its beginning to its end.
func whole(t *testing.T, e Engine, samples []int16) Result {
	t.Helper()
	u := begin(t, e, Known{})
	u.Hear(samples)
	return end(t, e, u)
}

func TestSellingWordsAreMostlyHeardWordForWordInEveryVoiceLiveAndWhole(t *testing.T) {
	r := open(t)
	said, entire, piecemeal := 0, 0, 0
	for _, voice := range []string{"slt", "rms", "awb"} {
		for _, text := range []string{"last three minutes", "the price drops to nineteen dollars", "only ten left", "free shipping today"} {
			samples := say(t, voice, text)
			result := whole(t, r, samples)
			_, final := live(t, r, result.Channel, samples)
			t.Logf("%s %q: whole %q, live %q", voice, text, result.Text, final.Text)
			said++
			if result.Text == text {
				entire++
			}
			if final.Text == text {
				piecemeal++
			}
		}
	}
	if entire < said*3/4 || piecemeal < said*3/4 {
		t.Errorf("of %d phrases %d were heard whole and %d live", said, entire, piecemeal)
	}
}

func TestTheFirstUtteranceOfAVoiceIsHeardAsWellLiveAsWhole(t *testing.T) {
	r := open(t)
	for _, voice := range []string{"slt", "rms", "awb"} {
		for _, text := range []string{"flash sale", "only three minutes left", "twenty percent off everything"} {
			samples := say(t, voice, text)
			want := whole(t, r, samples)
			if _, first := live(t, r, nil, samples); first.Text != want.Text || len(first.Channel) != len(want.Channel) {
				t.Errorf("%s %q: live %+v, whole %+v", voice, text, first, want)
			}
		}
	}
}

func TestWhatARecogniserLearntOfAVoiceServesAnother(t *testing.T) {
	one, other := open(t), open(t)
	learnt := whole(t, one, say(t, "slt", "this jacket is made of soft cotton")).Channel
	samples := say(t, "slt", "everything is half price today")
	_, here := live(t, one, learnt, samples)
	if _, there := live(t, other, learnt, samples); !reflect.DeepEqual(here, there) || reflect.DeepEqual(here.Channel, learnt) {
		t.Errorf("heard %+v, and %+v; known before: %v", here, there, learnt)
	}
}

func TestSoundWithoutWordsTeachesNothing(t *testing.T) {
	r := open(t)
	learnt := whole(t, r, say(t, "slt", "flash sale")).Channel
	if _, after := live(t, r, learnt, make([]int16, SampleRate/2)); after.Text != "" || !reflect.DeepEqual(after.Channel, learnt) {
		t.Errorf("heard %+v, known before: %v", after, learnt)
	}
}

func TestWordsHaveTimesWithinTheirUtterance(t *testing.T) {
	r := open(t)
	samples := slices.Concat(make([]int16, SampleRate), say(t, "rms", "the price drops to nineteen dollars")) // a second of silence before
	length := time.Duration(len(samples)) * time.Second / SampleRate
	for range 2 { // times count from each utterance's own beginning
		_, result := live(t, r, nil, samples)
		if len(result.Words) != 6 {
			t.Fatalf("heard %q", result.Text)
		}
		last := 1100 * time.Millisecond
		for _, w := range result.Words {
			if w.Start < last-20*time.Millisecond || w.End <= w.Start || w.End > length || w.Confidence <= 0 || w.Confidence > 1 {
				t.Errorf("word %+v after %v in an utterance of %v", w, last, length)
			}
			last = w.End
		}
	}
}

func TestPartialLinesGrowTowardsTheFinalOne(t *testing.T) {
	partials, final := live(t, open(t), nil, say(t, "slt", "free shipping for everyone"))
	if !strings.Contains(strings.Join(partials, "|"), "free shipping") || final.Text != "free shipping for everyone" {
		t.Errorf("partials %q, final %q", partials, final.Text)
	}
}

func TestAnUtteranceThatNeverEndedIsDroppedByTheNext(t *testing.T) {
	r := open(t)
	u := begin(t, r, Known{})
	u.Hear(say(t, "rms", "today only"))
	work(t, r, u)
	if _, final := live(t, r, nil, say(t, "rms", "flash sale")); final.Text != "flash sale" {
		t.Errorf("heard %q", final.Text)
	}
}

func TestNothingHasNoWords(t *testing.T) {
	r := open(t)
	for name, samples := range map[string][]int16{"nothing": nil, "a blink": make([]int16, 10)} {
		t.Run(name, func(t *testing.T) {
			if result := whole(t, r, samples); !reflect.DeepEqual(result, Result{}) {
				t.Errorf("heard %+v", result)
			}
		})
	}
}

func TestReadSpeechIsMostlyUnderstood(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real recordings")
	}
	r := open(t)
	for name, want := range map[string]string{
		"librispeech-1995-1837-0001":                "sorrow life so much the loss itself but the fantasy the hopes dreams built around it",
		"sense_and_sensibility_01_austen_64kb-0870": "and leisure to consider how much there might be in his power to do for",
		"jfk": "my fellow what your country can do for you what you can do for your",
		"sense_and_sensibility_01_austen_64kb-0880":  "he was not young man",
		"librispeech-1995-1837-0001 heard piecemeal": "the loss itself but the fantasy the hopes dreams",
	} {
		t.Run(name, func(t *testing.T) {
			file, piecemeal := strings.CutSuffix(name, " heard piecemeal")
			samples := speechtest.Sound(t, "-i", filepath.Join(corpus, "speech", file+".wav"))
			result := whole(t, r, samples)
			if piecemeal {
				_, result = live(t, r, result.Channel, samples)
			}
			heard := strings.Fields(result.Text)
			found := 0
			for _, word := range strings.Fields(want) {
				for i := range heard {
					if heard[i] == word {
						heard, found = heard[i+1:], found+1
						break
					}
				}
			}
			if wanted := len(strings.Fields(want)); found*10 < wanted*7 {
				t.Errorf("%d of %d words in order in %q", found, wanted, result.Text)
			}
		})
	}
}

func TestAWholeUtteranceIsHeardTheSameAfterOneThatCamePiecemeal(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS names no folder of real recordings")
	}
	r := open(t)
	samples := speechtest.Sound(t, "-i", filepath.Join(corpus, "speech", "jfk.wav"))
	before := whole(t, r, samples)
	live(t, r, nil, say(t, "rms", "this jacket is made of soft cotton"))
	if after := whole(t, r, samples); after.Text != before.Text {
		t.Errorf("heard %q, then %q", before.Text, after.Text)
	}
}

func TestAMissingModelIsAClearPermanentError(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"folder":         {"models": t.TempDir()},
		"unknown option": {"colour": "red"},
		"file":           {"acoustic": "/nowhere", "language": "/nowhere", "dictionary": "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := FindModels(options); !domain.IsPermanent(err) {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
	if _, err := OpenSphinx(Models{"/nowhere", "/nowhere", "/nowhere"}); !domain.IsPermanent(err) || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("got %v", err)
	}
}

func TestABrokenModelIsAnErrorWhereTheLibraryAllows(t *testing.T) {
	folder := t.TempDir()
	good, err := FindModels(nil)
	if err != nil {
		t.Fatal(err)
	}
	good.Language = filepath.Join(folder, "lm.bin")
	if err := os.WriteFile(good.Language, []byte("no language model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSphinx(good); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestWordsAreCleaned(t *testing.T) {
	for in, want := range map[string]string{"the(2)": "the", "<sil>": "", "</s>": "", "[NOISE]": "", "++UH++": "", "Off": "off", "i'm": "i'm"} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}
