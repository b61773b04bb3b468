package main

import (
	"os"
	"strings"
	"testing"
)

func TestWhatDoctorSaysInChineseIsWhatItSays(t *testing.T) {
	var source strings.Builder
	for _, file := range []string{"doctor.go", "models.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for _, s := range doctorWords {
		// What is put together of several pieces is looked for in pieces.
		for piece := range strings.SplitSeq(strings.ReplaceAll(s.English, " (set t2v", "%s(set t2v"), "%s") {
			if !strings.Contains(source.String(), strings.Trim(piece, " ,:")) {
				t.Errorf("doctor does not say %q of %q", piece, s.English)
			}
		}
	}
}

func TestDoctorSaysWhatIsThereInTheReadersLanguage(t *testing.T) {
	f := finding{name: "hears zh", have: "house; 12 live rooms at once (0.08 s of a core for a second of sound)"}
	lack := finding{name: "disk", cost: "recordings need about 2.7 GB an hour and room at 6 Mbit/s"}
	for locale, want := range map[string]string{
		"en_US.UTF-8": "  has    hears zh         house; 12 live rooms at once (0.08 s of a core for a second of sound)\n" +
			"  lacks  disk             cost: recordings need about 2.7 GB an hour and room at 6 Mbit/s\n",
		"zh_CN.UTF-8": "  有  识别 zh          house；可同时听 12 个直播间（每秒声音用 0.08 秒单核）\n" +
			"  缺  磁盘             代价：6 Mbit/s 的直播间每小时约需 2.7 GB\n",
	} {
		t.Setenv("LC_ALL", locale)
		if got := f.String() + lack.String(); got != want {
			t.Errorf("in %s:\n%swant\n%s", locale, got, want)
		}
	}
}
