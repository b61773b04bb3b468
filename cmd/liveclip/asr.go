package main

type asrCommands struct {
	Eval asrEvalCommand `cmd:"" help:"Measure speech engines against what was said: errors, times, latency, cost."`
}
