// Package speech recognises words. It is C behind a Go face: only liveclip-media links it.
//
// An Engine loads its models once and hears as many utterances side by side as it can (engine.go). PocketSphinx (sphinx.go)
// hears one at a time.
package speech
