package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

type recapCommand struct {
	serverFlags
	StreamID  streamArg     `arg:"" help:"The room's stream ID."`
	Length    time.Duration `help:"At most so long." default:"3m"`
	Broadcast string        `help:"Broadcast ID; without it the newest."`
	Title     string        `help:"Title of the recap; without one it is written."`
	Key       string        `help:"Idempotency key: the same key is the same recap." placeholder:"KEY"`
}

func (recapCommand) Help() string {
	return "It shows the clips that together say most of the broadcast, in order of time, each a chapter; none that is nearly another.\n\nExample: liveclip recap room-42 --length 3m"
}

func (r recapCommand) Run(ctx context.Context, io stdio) error {
	ops, err := r.client()
	if err != nil {
		return err
	}
	body := map[string]any{"length_s": r.Length.Seconds(), "broadcast_id": r.Broadcast, "title": r.Title}
	var headers []string
	if r.Key != "" {
		headers = []string{"Idempotency-Key", r.Key}
	}
	var answer json.RawMessage
	if err := ops.Call(ctx, http.MethodPost, "/v1/streams/"+string(r.StreamID)+"/recaps", body, &answer, headers...); err != nil {
		return err
	}
	return printJSON(io.out, answer)
}
