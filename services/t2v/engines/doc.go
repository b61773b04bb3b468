// Package engines makes text-to-video engines look alike: the project's own over proto/engine, any server with the
// OpenAI-style /v1/videos API (vLLM-Omni, SGLang, FastVideo), and Alibaba DashScope's asynchronous Wan API.
//
// Each takes one order and writes one MP4 into a file of bounded size, or gives a Fault that says whose fault it is: the
// engine is busy, away, answered wrongly, lacks memory, cannot do this order, or refuses its content. An order whose context
// ends is cancelled at the engine too. Secrets go into one header and nowhere else: no error and no log line has them.
//
// Package enginestest has a faithful stand-in of each, which fails in every way that the real ones do.
package engines
