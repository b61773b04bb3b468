// Package speech recognises words. It is C behind a Go face: only liveclip-media links it, and only its recogniser children
// load models.
//
// An Engine loads its models once and hears as many utterances side by side as it can (engine.go). PocketSphinx (sphinx.go)
// hears one at a time, and goes over an utterance a second time when it has ended; its search is kept narrow, because somebody
// waits then. It hears a voice the better the more it knows of its channel, so what it learnt goes back with every result and
// comes with the voice's next utterance, to whichever recogniser; the first, of which nothing is known, is heard again from its beginning once
// there is enough of it. Its keyword mode (keyword.go) looks a second time where it may have heard a phrase: that is believed the more
// readily the surer the spotter was and the nearer the language model's sounds are, by limits set on the voices slt and rms of
// flite. Sherpa (sherpa.go) is sherpa-onnx with its streaming models: transducers (conformer, LSTM, zipformer, zipformer2),
// paraformer, zipformer2-CTC, NeMo-CTC and T-one; windows of all open utterances are decoded together.
//
// The libraries of sherpa-onnx (1.12.15) and the ONNX Runtime 1.17.1 it brings, 21 MB, are opened with dlopen when a model is
// loaded (sherpa_api.c): linked, every recorder and finisher would map them, and a machine without them could not record. A
// recorder stays at 32 MB, a recogniser with the Mandarin model that comes with liveclip takes 65 MB (proportional set size),
// however many rooms it hears. The layout of the C structures is of that one version, which is checked.
//
// The library ends the process over a model that it does not like, so a model is verified first (internal/models): presence,
// hash, header, what its kind needs. What passes and still kills costs a recogniser, and after three in a row the engine is
// called deaf, with the reason.
//
// A model tells when a token was noticed, not where it ends: pieces.go makes words with times of tokens. Where a
// model's folder has homophones.txt, the characters it guessed by their sound are settled by their neighbours
// (homophones.go). measure.go finds what hearing costs here. Package voice beside it tells voice from other sound.
package speech
