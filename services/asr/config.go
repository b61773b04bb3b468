package asr

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"time"

	"liveclip/internal/models"
)

// Config is the part "asr" of the configuration.
type Config struct {
	Process       string        `koanf:"process"`        // this process's ID, which no other alive has; one that stays the same takes its streams up again at once after a kill; empty: the host's name and a random part
	RTMP          string        `koanf:"rtmp"`           // where pushes are listened for; empty: no pushes
	RTMPAdvertise string        `koanf:"rtmp_advertise"` // rtmp://host:port that publishers reach it by; empty: from rtmp
	RPC           string        `koanf:"rpc"`            // where the hot tail is served
	Advertise     string        `koanf:"advertise"`      // host:port that finishers reach it by; empty: the address of rpc
	Spool         string        `koanf:"spool"`          // folder on local disk for what is not in the store yet
	Streams       int           `koanf:"streams"`        // owned at once at most; 0: no bound
	Archives      int           `koanf:"archives"`       // archived recordings taken in at once at most; others wait their turn
	Publishers    int           `koanf:"publishers"`     // RTMP connections at once at most
	Engine        string        `koanf:"engine"`         // of speech: pocketsphinx, a name of engines, or none
	Models        string        `koanf:"models"`         // folder of PocketSphinx's models; empty: where the distribution puts them
	Voice         string        `koanf:"voice"`          // folder of a Silero model that tells voice from music and noise; empty: the one that `liveclip models` got, if any; none: by loudness
	Libraries     string        `koanf:"libraries"`      // folder of sherpa-onnx's libraries; empty: beside liveclip-media, where make build puts them
	Hotwords      string        `koanf:"hotwords"`       // file of words that every room may say, one a line, beside its products; the first 1,000 are used
	Recognisers   int           `koanf:"recognisers"`    // of an engine, shared by all streams
	Rejoin        time.Duration `koanf:"rejoin"`         // a source back within it continues its broadcast
	Segment       time.Duration `koanf:"segment"`        // least length of a stored segment
	KeepHot       time.Duration `koanf:"keep_hot"`       // how long a stored segment stays in the spool
	Part          time.Duration `koanf:"part"`           // of a live recording, the greatest length: how late its tail can be read
	Idle          time.Duration `koanf:"idle"`           // a source that gives nothing for so long is taken for gone
	Behind        time.Duration `koanf:"behind"`         // live speech not heard after so long is skipped
	CaptionWait   time.Duration `koanf:"caption_wait"`   // how long a live room's lines are waited for that come through the API, by a sender that does not say how far it is
	Drain         time.Duration `koanf:"drain"`          // how long the last words may take at shutdown
	Retention     Retention     `koanf:"retention"`      // of recordings in the store
	SpoolBytes    int64         `koanf:"spool_bytes"`    // of a stream, on local disk while the store can't be reached: beyond it its oldest segments are lost; 0: no bound
	AllowPrivate  bool          `koanf:"allow_private"`  // pull also from private and loopback addresses
	AllowFiles    bool          `koanf:"allow_files"`    // record local files outside the batch lane, at their own pace

	Engines   map[string]EngineConfig `koanf:"engines"`   // of speech, by name, beside those built in
	Languages map[string]string       `koanf:"languages"` // which of them hears a room whose context says this language
}

// Retention bounds what is kept of a stream's recordings. What an open clip needs stays in any case.
type Retention struct {
	Age   time.Duration `koanf:"age"`   // 0: for ever
	Bytes int64         `koanf:"bytes"` // of all its broadcasts together; 0: no bound
}

// Defaults suit two cores.
func Defaults() Config {
	return Config{
		RTMP:        "127.0.0.1:1935",
		RPC:         "127.0.0.1:0",
		Archives:    max(2, runtime.NumCPU()),
		Publishers:  256,
		Engine:      kindPocketSphinx,
		Recognisers: max(1, runtime.NumCPU()/2),
		Rejoin:      20 * time.Second,
		Segment:     6 * time.Second,
		KeepHot:     60 * time.Second,
		Part:        250 * time.Millisecond,
		Idle:        15 * time.Second, // ffmpeg holds one track back for 10 s when the other has nothing
		Behind:      10 * time.Second,
		CaptionWait: 6 * time.Second, // a sentence, and a captioner's or another recogniser's delay
		Drain:       10 * time.Second,
		Retention:   Retention{Age: 7 * 24 * time.Hour, Bytes: 500e9}, // a week at 6 Mbit/s
		SpoolBytes:  20e9,
		Engines:     map[string]EngineConfig{},
		Languages:   map[string]string{},
	}
}

// Faults lists everything that is wrong with c.
func (c Config) Faults() []string {
	var faults []string
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	address := func(name, value string) {
		if _, _, err := net.SplitHostPort(value); err != nil {
			fault(true, "asr.%s: must be host:port, is %q", name, value)
		}
	}
	if c.RTMP != "" {
		address("rtmp", c.RTMP)
	}
	if u, err := url.Parse(c.RTMPAdvertise); c.RTMPAdvertise != "" {
		fault(err != nil || u.Scheme != "rtmp" || u.Host == "", "asr.rtmp_advertise: must be rtmp://host:port, is %q", c.RTMPAdvertise)
	}
	address("rpc", c.RPC)
	if c.Advertise != "" {
		address("advertise", c.Advertise)
	}
	fault(c.Spool == "", "asr.spool: must name a folder on local disk")
	fault(c.Streams < 0, "asr.streams: must be 0 (no bound) or more, is %d", c.Streams)
	fault(c.Archives < 1, "asr.archives: must be at least 1, is %d", c.Archives)
	fault(c.Publishers < 1, "asr.publishers: must be at least 1, is %d", c.Publishers)
	faults = append(faults, c.engineFaults()...)
	if _, err := os.Stat(c.Hotwords); c.Hotwords != "" && err != nil {
		fault(true, "asr.hotwords: %v", err)
	}
	if _, err := models.Load(c.Voice); c.Voice != "" && c.Voice != engineNone && err != nil {
		fault(true, "asr.voice: %v", err)
	}
	fault(c.Recognisers < 1, "asr.recognisers: must be at least 1, is %d (asr.engine none listens to nothing)", c.Recognisers)
	positive := func(name string, d, least time.Duration) {
		fault(d < least, "asr.%s: must be at least %v, is %v", name, least, d)
	}
	fault(c.Rejoin < 0, "asr.rejoin: must be 0 or more, is %v", c.Rejoin)
	positive("segment", c.Segment, time.Second)
	positive("keep_hot", c.KeepHot, 0)
	positive("part", c.Part, 50*time.Millisecond)
	positive("idle", c.Idle, time.Second)
	positive("behind", c.Behind, time.Second)
	positive("caption_wait", c.CaptionWait, 0)
	positive("drain", c.Drain, time.Second)
	fault(c.Retention.Age < 0 || c.Retention.Age > 0 && c.Retention.Age < time.Hour, "asr.retention.age: must be 0 (for ever) or at least 1h, is %v", c.Retention.Age)
	fault(c.Retention.Bytes < 0, "asr.retention.bytes: must be 0 (no bound) or more, is %d", c.Retention.Bytes)
	fault(c.SpoolBytes != 0 && c.SpoolBytes < 100e6, "asr.spool_bytes: must be 0 (no bound) or at least 100000000, is %d", c.SpoolBytes)
	return faults
}
