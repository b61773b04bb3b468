package t2v

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// mediaChild is what the shot maker needs of the media child.
type mediaChild interface {
	Render(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error)
	Probe(ctx context.Context, file string) (*mediav1.Probed, error)
	Look(ctx context.Context, file string) (*mediav1.Looked, error)
}

// shotMaker makes one shot at a time into a local file.
type shotMaker struct {
	cfg       Config
	drawer    *Drawer
	generator generator
	media     mediaChild
	now       func() time.Time
}

// frame is a picture size in pixels.
type frame struct{ width, height int }

// inAspect is the frame turned to an aspect, "portrait", "landscape" or "square"; any other leaves it. A profile's box is turned
// the same way when the room's picture asks for it.
func (f frame) inAspect(aspect string) frame {
	if aspect == "square" {
		side := min(f.width, f.height)
		return frame{side, side}
	}
	if aspect == "portrait" && f.width > f.height || aspect == "landscape" && f.width < f.height {
		return frame{f.height, f.width}
	}
	return f
}

// aspect is which of a template's places hold in the frame.
func (f frame) aspect() string {
	switch {
	case f.width*10 > f.height*11:
		return "landscape"
	case f.height*10 > f.width*11:
		return "portrait"
	}
	return "square"
}

// largestFrame is the frame of the plan's largest profile: a shot made for it can be scaled down for the others.
func largestFrame(plan domain.Plan) frame {
	largest := frame{1280, 720}
	for i, p := range plan.Profiles {
		if i == 0 || p.Width*p.Height > largest.width*largest.height {
			largest = frame{p.Width, p.Height}
		}
	}
	return largest
}

// childMedia asks liveclip-media, one child per request.
type childMedia struct{ starter *child.Starter }

func (m childMedia) Render(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	answer, err := m.request(ctx, child.Render, &mediav1.ToChild{Message: &mediav1.ToChild_Render{Render: order}})
	if err != nil {
		return nil, err
	}
	if answer.GetRendered() == nil {
		return nil, fmt.Errorf("render %s: no answer", order.GetOut())
	}
	return answer.GetRendered(), nil
}

func (m childMedia) Probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	answer, err := m.request(ctx, child.Probe, &mediav1.ToChild{Message: &mediav1.ToChild_Probe{Probe: &mediav1.ProbeOrder{
		Url: file, AllowedSchemes: []string{"file"},
	}}})
	if err != nil {
		return nil, err
	}
	if answer.GetProbed() == nil {
		return nil, fmt.Errorf("probe %s: no answer", file)
	}
	return answer.GetProbed(), nil
}

func (m childMedia) Look(ctx context.Context, file string) (*mediav1.Looked, error) {
	answer, err := m.request(ctx, child.Look, &mediav1.ToChild{Message: &mediav1.ToChild_Look{Look: &mediav1.LookOrder{File: file}}})
	if err != nil {
		return nil, err
	}
	if answer.GetLooked() == nil {
		return nil, fmt.Errorf("look at %s: no answer", file)
	}
	return answer.GetLooked(), nil
}

// request gives the last message before Done, nil if there was none.
func (m childMedia) request(ctx context.Context, mode child.Mode, order *mediav1.ToChild) (*mediav1.FromChild, error) {
	process, err := m.starter.Start(ctx, mode, order)
	if err != nil {
		return nil, err
	}
	defer func() { _ = process.Close() }()
	if err := process.CloseSend(); err != nil {
		return nil, err
	}
	var answer *mediav1.FromChild
	for {
		message, err := process.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return answer, nil
		case err != nil:
			return nil, err
		case message.GetDone() == nil:
			answer = message
		}
	}
}
