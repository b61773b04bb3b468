package vod

import (
	"fmt"
	"math"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
)

// linker makes the link to a file beside a text, under the grant the text was asked with.
type linker func(file string) (string, error)

// links makes several, and keeps the first error.
type links struct {
	to  linker
	err error
}

func (l *links) link(file string) string {
	made, err := l.to(file)
	if l.err == nil {
		l.err = err
	}
	return made
}

// masterPlaylist names a media playlist per rendition of the first one's shape: a player goes from one to another as
// the network allows, and a tall picture after a wide one is not the same picture. Subtitles are a rendition to be
// chosen by the viewer, not chosen by itself: they may be in the picture already.
func masterPlaylist(rendered domain.Rendered, indexes []sidecar.Index, to linker) ([]byte, error) {
	l := links{to: to}
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n")
	independent := true
	for _, x := range indexes {
		independent = independent && x.Independent()
	}
	if independent {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	group := ""
	if rendered.Subtitles != "" {
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"words\",NAME=\"Subtitles\",DEFAULT=NO,AUTOSELECT=NO,URI=%q\n", l.link("subtitles.m3u8"))
		group = `,SUBTITLES="words"`
	}
	for i, rendition := range rendered.Renditions {
		if tall(rendition) != tall(rendered.Renditions[0]) {
			continue
		}
		peak, average := bandwidth(indexes[i])
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d", peak, average)
		if rendition.Width > 0 && rendition.Height > 0 {
			fmt.Fprintf(&b, ",RESOLUTION=%dx%d", rendition.Width, rendition.Height)
		}
		if indexes[i].Codecs != "" {
			fmt.Fprintf(&b, ",CODECS=%q", indexes[i].Codecs)
		}
		fmt.Fprintf(&b, "%s\n%s\n", group, l.link(rendition.Profile+".m3u8"))
	}
	return []byte(b.String()), l.err
}

func tall(r domain.Rendition) bool { return r.Height > r.Width }

// mediaPlaylist lists the fragments of a rendition as byte ranges of its file.
func mediaPlaylist(rendition domain.Rendition, x sidecar.Index, to linker) ([]byte, error) {
	file, err := to(rendition.Profile + ".mp4")
	longest := 0.0
	for _, f := range x.Fragments {
		longest = max(longest, f.LengthS)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-PLAYLIST-TYPE:VOD\n", max(1, int(math.Round(longest))))
	if x.Independent() {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n", file, x.Header)
	for _, f := range x.Fragments {
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", f.LengthS, f.Size, f.Offset, file)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return []byte(b.String()), err
}

// subtitlesPlaylist is the whole WebVTT file as one segment.
func subtitlesPlaylist(length float64, to linker) ([]byte, error) {
	file, err := to("subtitles.vtt")
	return fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:%.6f,\n%s\n#EXT-X-ENDLIST\n",
		max(1, int(math.Round(length))), length, file), err
}

// bandwidth is the peak over a fragment and the average, in bits per second.
func bandwidth(x sidecar.Index) (peak, average int64) {
	var bits, seconds float64
	for _, f := range x.Fragments {
		bits += float64(f.Size) * 8
		seconds += f.LengthS
		if f.LengthS > 0 {
			peak = max(peak, int64(math.Ceil(float64(f.Size)*8/f.LengthS)))
		}
	}
	if seconds > 0 {
		average = int64(math.Ceil(bits / seconds))
	}
	return max(peak, average, 1), max(average, 1)
}
