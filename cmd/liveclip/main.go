// Command liveclip turns live shopping rooms into published clips while the room is still live.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the linker for a release.
var version = "dev"

type commands struct {
	Up         upCommand         `cmd:"" help:"Run every service in one process, with an embedded Kafka-protocol broker and a child redis-server." example:"liveclip up --data ./data"`
	Serve      serveCommand      `cmd:"" help:"Run one or several services against real Kafka, Redis and an object store."`
	Attach     attachCommand     `cmd:"" help:"Attach a live room by its stream ID."`
	Detach     detachCommand     `cmd:"" help:"Detach a live room."`
	Clip       clipCommand       `cmd:"" help:"Clip what just happened, or what is about to."`
	Feed       feedCommand       `cmd:"" help:"Carry the comments of a platform's web feed to an attached room."`
	Recap      recapCommand      `cmd:"" help:"Make one reel of the best of a broadcast, with chapters."`
	Batch      batchCommand      `cmd:"" help:"Run recordings through the pipeline and leave clips, subtitles, an EDL and a page to look at."`
	Detect     detectCommands    `cmd:"" help:"Ask what detection notices, and how well."`
	Template   templateCommands  `cmd:"" help:"Show, draw and measure the openings."`
	ASR        asrCommands       `cmd:"" name:"asr" help:"Measure how well speech is heard."`
	Models     modelsCommands    `cmd:"" help:"Speech models that others publish: list them, download them."`
	Demo       demoCommand       `cmd:"" help:"Push a sample room by RTMP into an up of its own and watch its clips appear."`
	Deliveries deliveriesCommand `cmd:"" help:"What was sent to viewers."`
	Jobs       jobsCommands      `cmd:"" help:"See, pause and drain the queues; try dead jobs again."`
	Doctor     doctorCommand     `cmd:"" help:"Say what this machine has and lacks, and what each lack costs."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// stdio is where a command writes.
type stdio struct{ out, err io.Writer }

// failure is an error with the exit code it asks for.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func main() { os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdout, os.Stderr})) }

// run gives the exit code: 0 done, 1 failed, 2 a wrong command line.
func run(ctx context.Context, args []string, io stdio) int {
	flags, rest, err := splitSettings(args)
	if err != nil {
		fmt.Fprintln(io.err, "liveclip:", err)
		return 2
	}
	var cli commands
	exit := -1
	parser, err := kong.New(&cli, kong.Name("liveclip"), kong.UsageOnError(), kong.Writers(io.out, io.err),
		kong.Description("Turns live shopping rooms into published clips while the room is still live.\n把直播间的高光时刻，在直播还在进行时变成已发布的短视频。\n\nAny setting can be given as --section.name=value; see README.md."),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeLength)), kong.Exit(func(code int) { exit = code }),
		kong.Bind(io, flags), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(io.err, "liveclip:", err)
		return 1
	}
	command, err := parser.Parse(rest)
	if exit >= 0 { // --help was shown
		return exit
	}
	if err != nil {
		parser.FatalIfErrorf(err)
		return 2
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(io.err, "liveclip:", explanation(err))
		var f failure
		if errors.As(err, &f) {
			return f.code
		}
		return 1
	}
	return 0
}

// decodeLength reads a flag's length of time.
func decodeLength(ctx *kong.DecodeContext, target reflect.Value) error {
	if !ctx.Scan.Peek().IsValue() {
		return errors.New("needs a length of time, such as 90s or 3m")
	}
	value := ctx.Scan.Pop().String()
	length, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("must be a length of time, such as 90s or 3m, is %q", value)
	}
	target.SetInt(int64(length))
	return nil
}

// settingFlags are settings given on the command line, by name.
type settingFlags map[string]string

// splitSettings takes --section.name=value and --section.name value out of the arguments.
func splitSettings(args []string) (settingFlags, []string, error) {
	settings := settingFlags{}
	var rest []string
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		if args[i] == "--" {
			return settings, append(rest, args[i:]...), nil
		}
		name, value, given := strings.Cut(name, "=")
		if !isFlag || !strings.Contains(name, ".") {
			rest = append(rest, args[i])
			continue
		}
		if !given {
			if i++; i == len(args) {
				return nil, nil, fmt.Errorf("--%s: needs a value", name)
			}
			value = args[i]
		}
		settings[name] = value
	}
	return settings, rest, nil
}

type versionCommand struct{}

func (versionCommand) Run(io stdio) error {
	_, err := fmt.Fprintln(io.out, "liveclip", version)
	return err
}
