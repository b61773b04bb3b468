package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/opsclient"
)

// serverFlags say which liveclip to talk to.
type serverFlags struct {
	Server string `help:"Address of the ops API (${default})." default:"http://127.0.0.1:8080" env:"LIVECLIP_SERVER" placeholder:"URL"`
	Token  string `help:"Bearer token; without one, DIR/token of --data is read." env:"LIVECLIP_TOKEN"`
	Data   string `help:"Data folder of a local up, for its token." default:"data" type:"path"`
}

func (f serverFlags) client() (*opsclient.Client, error) {
	token := f.Token
	if token == "" {
		bytes, err := os.ReadFile(filepath.Join(f.Data, "token"))
		if err != nil {
			return nil, failure{2, fmt.Errorf("which token? give --token or LIVECLIP_TOKEN, or --data with the folder of a local up: %w", err)}
		}
		token = strings.TrimSpace(string(bytes))
	}
	if _, err := url.ParseRequestURI(f.Server); err != nil {
		return nil, failure{2, fmt.Errorf("--server: %w", err)}
	}
	return opsclient.New(f.Server, token), nil
}

type attachCommand struct {
	serverFlags
	StreamID streamArg `arg:"" help:"The room's stream ID."`
	Source   string    `arg:"" optional:"" help:"URL to pull, or 'push'; without it the configured template finds the room."`
	Host     string    `help:"The host's name, for titles."`
	Product  string    `help:"The product on show, for titles."`
	Price    string    `help:"Its price as shown."`
	Language string    `help:"Language of the room and its titles: zh or en; without it that of its names and words, and the default speech engine."`
	Engine   string    `help:"Speech engine that hears it: a name of asr.engines, captions (lines come with the stream or through the API), or none; without it the one for the language."`
	Hotwords []string  `help:"Words to be expected, beside the products." placeholder:"WORD,…"`
	Vertical *bool     `help:"Make a 9:16 rendition of every clip, too." negatable:""`
}

func (attachCommand) Help() string {
	return "What is not given stays as it was.\n\nExample: liveclip attach room-42 push --host 小美 --product 保温杯 --price ¥99\n         liveclip attach room-42 https://origin.example/live/room-42.flv --host 小美 --product 保温杯"
}

func (a attachCommand) Run(ctx context.Context, io stdio) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	details := map[string]any{}
	if a.Host != "" {
		details["host"] = a.Host
	}
	if a.Language != "" {
		details["language"] = a.Language
	}
	if a.Engine != "" {
		details["engine"] = a.Engine
	}
	if len(a.Hotwords) > 0 {
		details["hotwords"] = a.Hotwords
	}
	if a.Product != "" {
		details["products"] = []map[string]string{{"name": a.Product, "price": a.Price}}
	}
	if a.Vertical != nil {
		details["vertical"] = *a.Vertical
	}
	body := map[string]any{"context": details}
	if a.Source != "" {
		body["source"] = a.Source
	}
	var answer json.RawMessage
	if err := c.Call(ctx, http.MethodPut, "/v1/streams/"+string(a.StreamID), body, &answer); err != nil {
		return err
	}
	var stream struct {
		Push struct{ URL string }
	}
	if err := json.Unmarshal(answer, &stream); err == nil && stream.Push.URL != "" {
		_, err = fmt.Fprintf(io.out, "attached %s; push it to\n%s\n", a.StreamID, stream.Push.URL)
		return err
	}
	_, err = fmt.Fprintf(io.out, "attached %s; %s/v1/streams/%s shows its state\n", a.StreamID, c.Server, a.StreamID)
	return err
}

type detachCommand struct {
	serverFlags
	StreamID streamArg `arg:"" help:"The room's stream ID."`
}

func (detachCommand) Help() string { return "Example: liveclip detach room-42" }

func (d detachCommand) Run(ctx context.Context, io stdio) error {
	c, err := d.client()
	if err != nil {
		return err
	}
	if err := c.Call(ctx, http.MethodDelete, "/v1/streams/"+string(d.StreamID), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, "detached", d.StreamID)
	return err
}

type clipCommand struct {
	serverFlags
	StreamID streamArg     `arg:"" help:"The room's stream ID."`
	Before   time.Duration `help:"How much of what just happened." default:"20s"`
	After    time.Duration `help:"How much of what is about to happen." default:"5s"`
	Title    string        `help:"Title of the clip; without one it is written from what is said."`
	Vertical bool          `help:"Make a 9:16 rendition, too, that follows who speaks."`
	Opening  string        `help:"Open with this template (liveclip template list), or none; by default as configured."`
	Key      string        `help:"Idempotency key: the same key is the same clip." placeholder:"KEY"`
	Wait     bool          `help:"Wait until the clip is playable and print its URL; exit 1 with the reason when it never will be."`
	Within   time.Duration `help:"Wait no longer than this." default:"10m"`
}

func (clipCommand) Help() string {
	return "Example: liveclip clip room-42 --before 20s --after 5s --title 全场五折\n         liveclip clip room-42 --wait"
}

func (c clipCommand) Run(ctx context.Context, io stdio) error {
	ops, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"before_s": c.Before.Seconds(), "after_s": c.After.Seconds()}
	if c.Title != "" {
		body["title"] = c.Title
	}
	if c.Vertical {
		body["vertical"] = true
	}
	if c.Opening != "" {
		body["opening"] = c.Opening
	}
	var headers []string
	if c.Key != "" {
		headers = []string{"Idempotency-Key", c.Key}
	}
	var answer json.RawMessage
	if err := ops.Call(ctx, http.MethodPost, "/v1/streams/"+string(c.StreamID)+"/clips", body, &answer, headers...); err != nil {
		return err
	}
	if !c.Wait {
		return printJSON(io.out, answer)
	}
	var asked struct {
		ClipID string `json:"clip_id"`
	}
	if err := json.Unmarshal(answer, &asked); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	address, err := awaitClip(ctx, ops, asked.ClipID, io)
	if err == nil {
		fmt.Fprintln(io.out, address)
	}
	return err
}

func printJSON(w io.Writer, text json.RawMessage) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	_, err := fmt.Fprintln(w, pretty.String())
	return err
}

// streamArg is a stream ID on the command line.
type streamArg string

// Validate is called by the command line's parser.
func (s streamArg) Validate() error {
	_, err := domain.ParseStreamID(string(s))
	return err
}
