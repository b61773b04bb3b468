package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"time"

	"github.com/mozillazg/go-pinyin"

	"liveclip/internal/domain"
)

// spokenEnglish and spokenMandarin are said by synthetic voices.
var (
	spokenEnglish = []string{
		"welcome back everyone the next one is a winter jacket", "last three minutes everything is half price", "the price drops to nineteen dollars",
		"only ten left in stock so do not wait", "this cup keeps your coffee hot until the afternoon", "free shipping for everyone today",
		"today only you get fifty percent off", "the blue ones are selling fast", "put it in the washing machine with other clothes",
		"this is your last chance to order", "buy one and get one free", "thank you for coming and please tell your friends",
	}
	spokenMandarin = []string{
		"最后三分钟全场五折", "欢迎来到我们的直播间", "这款保温杯今天只要九十九块", "库存不多了大家抓紧下单", "买一送一还包邮", "这件衣服面料很舒服",
		"想要的宝宝扣一", "价格直接降到五十九块九", "限时抢购马上开始", "现在下单立减二十块",
	}
	voicesEnglish  = []string{"slt", "rms", "awb"}
	voicesMandarin = [][]string{{"-v", "cmn-latn-pinyin", "-s", "150"}, {"-v", "cmn-latn-pinyin+f2", "-s", "165"}, {"-v", "cmn-latn-pinyin+m3", "-s", "140"}}
)

// noiseLevels of the synthetic sets: signal to noise in dB; 0: none.
var noiseLevels = []struct {
	name  string
	ratio float64
}{{"clean", 0}, {"20 dB", 20}, {"10 dB", 10}}

// spokenItems are said now, and kept for each level of noise.
func spokenItems(ctx context.Context) ([]recordingItem, error) {
	var all []recordingItem
	add := func(said, voice, language, name string, sound []byte) {
		for _, level := range noiseLevels {
			heard := noisy(sound, level.ratio, uint64(len(all)))
			all = append(all, recordingItem{Set: name + ", " + level.name, Name: voice + ": " + said, Said: said, language: language,
				words: edges(said, sound), sound: func(context.Context) ([]byte, error) { return heard, nil }})
		}
	}
	for i, text := range spokenEnglish {
		voice := voicesEnglish[i%len(voicesEnglish)]
		sound, err := sayEnglish(ctx, voice, text)
		if err != nil {
			return nil, err
		}
		add(text, voice, "en", "synthetic English", sound)
	}
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		return all, nil //nolint:nilerr // English alone is measured then
	}
	for i, text := range spokenMandarin {
		voice := voicesMandarin[i%len(voicesMandarin)]
		sound, err := sayMandarin(ctx, voice, text)
		if err != nil {
			return nil, err
		}
		add(text, voice[1], "zh", "synthetic Mandarin", sound)
	}
	return all, nil
}

// between is the silence before and after what is said.
const between = "adelay=400:all=1,apad=pad_dur=0.8"

func sayEnglish(ctx context.Context, voice, text string) ([]byte, error) {
	return soundOf(ctx, "-f", "lavfi", "-i", fmt.Sprintf("flite=text='%s':voice=%s", text, voice), "-af", between)
}

// sayMandarin spells the text in pinyin: espeak-ng 1.51 reads characters out in English letters.
func sayMandarin(ctx context.Context, voice []string, text string) ([]byte, error) {
	var syllables []string
	for _, of := range pinyin.Pinyin(text, pinyin.Args{Style: pinyin.Tone3}) {
		syllables = append(syllables, of[0])
	}
	command := exec.CommandContext(ctx, "espeak-ng", append(append([]string{}, voice...), "--stdout", strings.Join(syllables, " "))...)
	wave, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("espeak-ng: %w", err)
	}
	return soundFrom(ctx, wave, between)
}

func soundFrom(ctx context.Context, wave []byte, filter string) ([]byte, error) {
	command := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", "pipe:0", "-af", filter, "-ar", "16000", "-ac", "1", "-f", "s16le", "-")
	command.Stdin = strings.NewReader(string(wave))
	return command.Output()
}

// level of a frame of 10 ms in dB of full scale.
func frameLevels(sound []byte) []float64 {
	levels := make([]float64, len(sound)/320)
	for i := range levels {
		sum := 1.0
		for at := i * 320; at < (i+1)*320; at += 2 {
			v := float64(int16(uint16(sound[at]) | uint16(sound[at+1])<<8))
			sum += v * v
		}
		levels[i] = 10 * math.Log10(sum/160/(32768*32768))
	}
	return levels
}

// edges are the words of what a clean voice says, with the two times that can be told without a recogniser: where the first one
// begins and the last one ends.
func edges(said string, sound []byte) []domain.Word {
	var words []domain.Word
	for _, field := range strings.Fields(said) {
		if languageOf(field) == "zh" {
			for _, r := range field {
				words = append(words, domain.Word{Text: string(r), Start: -1, End: -1})
			}
			continue
		}
		words = append(words, domain.Word{Text: field, Start: -1, End: -1})
	}
	levels := frameLevels(sound)
	first, last := -1, -1
	for i, level := range levels {
		if level > -50 {
			if first < 0 {
				first = i
			}
			last = i + 1
		}
	}
	if n := len(words); n > 0 && first >= 0 {
		words[0].Start, words[n-1].End = time.Duration(first)*10*time.Millisecond, time.Duration(last)*10*time.Millisecond
	}
	return words
}

// noisy adds noise, the same for the same seed, so many dB below what is said; 0: none. It is brown below and white above, as
// rooms and fans are.
func noisy(sound []byte, ratio float64, seed uint64) []byte {
	if ratio == 0 {
		return sound
	}
	speech, frames := 0.0, 0
	for _, level := range frameLevels(sound) {
		if level > -50 {
			speech += math.Pow(10, level/10)
			frames++
		}
	}
	random := rand.New(rand.NewPCG(seed, 7))
	noise := make([]float64, len(sound)/2)
	slow, power := 0.0, 0.0
	for i := range noise {
		white := random.NormFloat64()
		slow = 0.98*slow + 0.2*white
		noise[i] = slow + 0.3*white
		power += noise[i] * noise[i]
	}
	scale := 32768 * math.Sqrt(speech/float64(max(1, frames))/math.Pow(10, ratio/10)/(power/float64(max(1, len(noise)))))
	out := make([]byte, len(sound))
	for i := range noise {
		v := float64(int16(uint16(sound[2*i])|uint16(sound[2*i+1])<<8)) + scale*noise[i]
		s := uint16(int16(max(-32768, min(32767, v))))
		out[2*i], out[2*i+1] = byte(s), byte(s>>8)
	}
	return out
}
