// Package prompt turns a highlight, or a person's request, into the plan of a clip: what is shown, what it is called, and,
// where shots are generated or filled in, with which words.
//
// It takes highlight.found, clip.requested and stream.state, and gives plan.made and clip.state (found, planned, failed).
//
// Words come from a library of templates (YAML): prompts by language, hints for the action by kind of highlight, titles, and
// the fields of openings. A template names variables as ${name}; their values come from the stream's context and the
// highlight. A name nobody knows is a fault of the library, found when it is read; a value nobody gave is replaced by the
// library's default for it. Values are outside input: they are cleaned and cut, and never read as templates.
//
// The plan is written once, in the object store, before it is announced. When a repeat finds one there, that one is announced
// again, whatever the library or the context say by now.
package prompt
