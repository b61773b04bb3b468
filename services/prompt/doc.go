// Package prompt turns a highlight, or a person's request, into the plan of a clip: what is shown, what it is called, and,
// where shots are generated or filled in, with which words.
//
// It takes highlight.found, clip.requested, stream.state and broadcast.changed (how the room's pictures lie), and gives
// plan.made and clip.state (found, planned, failed).
//
// # The way of a highlight through the files
//
// service.go consumes highlights and requests, and contexts.go what operators know of each room. plan.go makes the plan: its shots
// from library.go (templates of words: template.go), their values from values.go, their final words from words.go, which asks
// model.go where one is configured and guard.go what must not be said.
//
// # Words
//
// Words come from a library of templates (YAML): prompts by language, hints for the action by kind of highlight, titles, and
// the fields of openings. A template names variables as ${name}; their values come from the stream's context and the
// highlight. An unknown name is a fault of the library, found when it is read; a missing value is replaced by the
// library's default for it. Values are outside input: they are cleaned and cut, and never read as templates.
//
// A title is worded by the highlight's kind, in the room's language, within sixty columns. It names the product that is on show,
// or the only one; else what the host said that a rule fired on, if that is of the title's language; else nothing. Which words
// fired, what price was named and how much time is left are fields of the highlight's reasons, never read out of their text;
// events of before have none, and get a title that needs none. A price that the host named comes before the listed one; where the
// two contradict each other, the clip tells none (told.go).
//
// A generated shot's template may say what every shot of it begins with, in words without variables: an engine makes that once.
//
// An opening comes from the request itself, else from what is configured for the highlight's kind, else from prompt.opening
// ("auto": by kind). Generated shots are worded by the library, in a language that the engine understands and within its
// length; a language model behind an OpenAI-compatible chat API may word them better (model.go): it gets facts as data, has
// 800 ms, and its answer is checked against a strict schema and against the facts; if it fails, the library's words stand. Every
// prompt has a version and a hash, and a seed that follows from the clip's ID. What must not be generated (forbidden.yaml) is
// refused here, before it costs an engine's time, and terms that may not be written are taken out of openings; the plan's
// notes say all of it.
//
// The plan is written once, in the object store, before it is announced. When a repeat finds one there, that one is announced
// again, whatever the library or the context say by now.
package prompt
