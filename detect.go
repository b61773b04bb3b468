package main

type detectCommands struct {
	Eval detectEvalCommand `cmd:"" help:"Measure detection on labelled rooms, or on made ones whose moments are known."`
	Tune detectTuneCommand `cmd:"" help:"Fit the weights of the rules to what people approved, rejected and cut by hand."`
}
