package main

type detectCommands struct {
	Eval detectEvalCommand `cmd:"" help:"Measure detection on labelled rooms, or on made ones whose moments are known."`
}
