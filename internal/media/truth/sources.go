package truth

// Sources are recordings of the kinds that come in: with pictures out of order and not, with groups that refer to the one
// before, with pictures at uneven times, at the usual rates of pictures and sound.
func Sources() []Source {
	x264 := func(more ...string) []string {
		return append([]string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "23"}, more...)
	}
	aac := []string{"-c:a", "aac", "-b:a", "128k"}
	return []Source{
		{Name: "bframes-25", Rate: "25", Frames: 25 * 12, Sound: 48000, Video: x264("-g", "50", "-bf", "3"), Audio: aac},
		{Name: "pyramid-30", Rate: "30", Frames: 30 * 12, First: 1000, Sound: 44100, Video: x264("-g", "60", "-bf", "5", "-b_strategy", "2", "-x264-params", "b-pyramid=normal:ref=4"), Audio: aac},
		{Name: "live-30", Rate: "30", Frames: 30 * 12, Sound: 44100, Video: x264("-g", "60", "-tune", "zerolatency", "-profile:v", "baseline"), Audio: aac},
		{Name: "open-25", Rate: "25", Frames: 25 * 12, Sound: 48000, Video: x264("-g", "40", "-bf", "3", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0"), Audio: aac},
		{Name: "sixty", Rate: "60", Frames: 60 * 10, Sound: 48000, Video: x264("-g", "120", "-bf", "2"), Audio: aac},
		{Name: "ntsc", Rate: "30000/1001", Frames: 360, Sound: 44100, Video: x264("-g", "75", "-bf", "2"), Audio: aac, Container: "flv"},
		{Name: "uneven", Rate: "25", Frames: 25 * 10, Sound: 48000, Video: x264("-g", "50", "-bf", "2"), Audio: aac,
			Times: "(N+0.35*mod(N,3)+4*floor(N/40))/25/TB"},
		{Name: "transport", Rate: "25", Frames: 25 * 10, Sound: 48000, Video: x264("-g", "50", "-bf", "3"), Audio: aac, Container: "ts"},
		{Name: "hevc", Rate: "25", Frames: 25 * 8, Sound: 48000, Audio: aac,
			Video: []string{"-c:v", "libx265", "-preset", "superfast", "-crf", "23", "-tag:v", "hvc1", "-x265-params", "keyint=40:bframes=3:open-gop=1:scenecut=0:log-level=none:pools=1:frame-threads=1"}},
	}
}
