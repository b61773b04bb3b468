package main

import (
	"fmt"
	"html/template"
	"os"
	"strings"
	"time"

	"liveclip/services/t2v/schedule/simulated"
)

// hours simulates the hour that is promised something of, and two worse ones.
func (b *bench) hours(page string) error {
	var all []simulatedHour
	for _, c := range []struct {
		name, about string
		change      func(*simulated.Setting)
	}{
		{"90 % load", "200 rooms, four GPUs, 90 % of what they can do as asked", func(*simulated.Setting) {}},
		{"90 % load, one GPU away for five minutes", "the same, and one GPU breaks down in the middle", func(s *simulated.Setting) { s.Away = 5 * time.Minute }},
		{"a greedy room", "the same, and one room asks for half of the GPUs for itself beside all others", func(s *simulated.Setting) { s.Greedy = 0.5 }},
	} {
		setting := simulated.Hour()
		c.change(&setting)
		r := simulated.Run(setting)
		least, _ := r.LeastServed()
		all = append(all, newHour(c.name, c.about, r))
		b.add(c.name+": shots made late", 100*r.LateShare(), "%", "≤ 1")
		b.add(c.name+": least served room that asked for no more than its share", 100*least, "% made", "none starved")
		b.add(c.name+": made as asked", 100*float64(r.AsAsked)/float64(r.Asked), "% of those asked", "")
		b.add(c.name+": refused", 100*float64(r.Refused)/float64(r.Asked), "% of those asked", "")
	}
	f, err := os.Create(page)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return plot.Execute(f, all)
}

type simulatedHour struct {
	Name, About string
	Facts       []string
	Lines       []line
	Rooms       []bar
	Bars        []minuteBar
}

type line struct{ Name, Colour, Points string }

type bar struct {
	X, Asked, Made float64
	Title          string
}

type minuteBar struct{ X, AsAsked, Lighter, Refused, Late float64 }

const plotWidth, plotHeight = 960.0, 160.0

func newHour(name, about string, r simulated.Result) simulatedHour {
	h := simulatedHour{Name: name, About: about}
	h.Facts = []string{
		fmt.Sprintf("%d shots asked for, %d made, %d of them late (%.2f %%)", r.Asked, r.Made, r.Late, 100*r.LateShare()),
		fmt.Sprintf("%d as asked, %d lighter, %d refused", r.AsAsked, r.Made-r.AsAsked, r.Refused),
		fmt.Sprintf("GPUs busy for %.0f %%; from order to shot %.1f s in the median, %.1f s at p95", 100*r.Busy, r.Waited[0], r.Waited[1]),
	}
	minutes := len(r.Minutes)
	most := 1
	for _, m := range r.Minutes {
		most = max(most, m.Made+m.Refused)
	}
	step := plotWidth / float64(minutes)
	var waiting []string
	mostWaiting := 1
	for _, m := range r.Minutes {
		mostWaiting = max(mostWaiting, m.Waiting)
	}
	for i, m := range r.Minutes {
		scale := plotHeight / float64(most)
		h.Bars = append(h.Bars, minuteBar{float64(i) * step, float64(m.Made-m.Lighter) * scale, float64(m.Lighter) * scale, float64(m.Refused) * scale, float64(m.Late) * scale})
		waiting = append(waiting, fmt.Sprintf("%.1f,%.1f", (float64(i)+0.5)*step, plotHeight*(1-float64(m.Waiting)/float64(mostWaiting))))
	}
	h.Lines = []line{{fmt.Sprintf("waiting (most: %d)", mostWaiting), "#444", strings.Join(waiting, " ")}}
	mostAsked := 1.0
	for _, room := range r.Rooms {
		mostAsked = max(mostAsked, float64(room.Asked))
	}
	mostAsked = min(mostAsked, 60) // a greedy one is off the scale
	for i, room := range r.Rooms {
		h.Rooms = append(h.Rooms, bar{
			float64(i) * plotWidth / float64(len(r.Rooms)), min(1, float64(room.Asked)/mostAsked) * plotHeight, min(1, float64(room.Made)/mostAsked) * plotHeight,
			fmt.Sprintf("%s: %d asked, %d made, %d late", room.Name, room.Asked, room.Made, room.Late),
		})
	}
	return h
}

var plot = template.Must(template.New("").Funcs(template.FuncMap{
	"up":  func(h float64) float64 { return plotHeight - h },
	"add": func(a, b float64) float64 { return a + b },
}).Parse(`<!doctype html><meta charset="utf-8"><title>liveclip: a simulated hour of text-to-video</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}svg{width:100%;background:#fafafa;border:1px solid #ddd;margin:.4em 0 0}
h2{margin:2em 0 .2em}p{margin:.2em 0}.key span{display:inline-block;margin-right:1.2em}.key i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}</style>
<h1>A simulated hour of text-to-video</h1>
<p>Each bar above is a minute: shots as asked, made lighter, refused; below is a room, sorted by what it asked for. Hover over a room for its figures.</p>
{{range .}}<h2>{{.Name}}</h2><p>{{.About}}</p>{{range .Facts}}<p>{{.}}</p>{{end}}
<p class="key"><span><i style="background:#3b8f5a"></i>as asked</span><span><i style="background:#e0b040"></i>lighter</span><span><i style="background:#b9482f"></i>refused</span><span><i style="background:#444"></i>{{range .Lines}}{{.Name}}{{end}}</span></p>
<svg viewBox="0 0 960 160" role="img" aria-label="shots by minute">{{range .Bars}}<rect x="{{.X}}" y="{{up .AsAsked}}" width="13" height="{{.AsAsked}}" fill="#3b8f5a"/><rect x="{{.X}}" y="{{up (add .AsAsked .Lighter)}}" width="13" height="{{.Lighter}}" fill="#e0b040"/><rect x="{{.X}}" y="{{up (add (add .AsAsked .Lighter) .Refused)}}" width="13" height="{{.Refused}}" fill="#b9482f"/>{{end}}
{{range .Lines}}<polyline points="{{.Points}}" fill="none" stroke="{{.Colour}}" stroke-width="1.5"/>{{end}}</svg>
<svg viewBox="0 0 960 160" role="img" aria-label="shots by room">{{range .Rooms}}<g><title>{{.Title}}</title><rect x="{{.X}}" y="{{up .Asked}}" width="4" height="{{.Asked}}" fill="#ccc"/><rect x="{{.X}}" y="{{up .Made}}" width="4" height="{{.Made}}" fill="#3b8f5a"/></g>{{end}}</svg>
{{end}}`))
