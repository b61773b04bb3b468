package main

import (
	"context"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// bars draws progress when the output is a terminal.
type bars struct{ progress *mpb.Progress }

func newBars(ctx context.Context, stdio stdio) *bars {
	if file, ok := stdio.out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return &bars{}
	}
	return &bars{mpb.NewWithContext(ctx, mpb.WithOutput(stdio.out), mpb.WithWidth(40))}
}

func (b *bars) wait() {
	if b.progress != nil {
		b.progress.Wait()
	}
}

// bar is nil inside when nothing is drawn.
type bar struct{ *mpb.Bar }

func (b *bars) add(name string, length time.Duration) *bar {
	if b.progress == nil {
		return &bar{}
	}
	return &bar{b.progress.AddBar(max(1, length.Milliseconds()),
		mpb.PrependDecorators(decor.Name(name+" "), decor.Percentage()),
		mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO)))}
}

func (b *bar) set(at time.Duration) {
	if b.Bar != nil {
		b.SetCurrent(at.Milliseconds())
	}
}

func (b *bar) end() {
	if b.Bar != nil {
		b.SetTotal(-1, true)
	}
}
