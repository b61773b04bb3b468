package main

type detectCommands struct {
	Explain detectExplainCommand `cmd:"" default:"withargs" help:"Say what the rules make of a room, in a page: what fired, what nearly did, what was missing. Changes nothing."`

	Eval detectEvalCommand `cmd:"" help:"Measure detection on labelled rooms, or on made ones whose moments are known."`
	Tune detectTuneCommand `cmd:"" help:"Fit the weights of the rules to what people approved, rejected and cut by hand."`
}
