// Package follow decides where a narrow crop stands in a wide picture, so that it follows whoever speaks: a face where a
// detector finds one, else what moves, else the middle. It is arithmetic only: pictures come in as brightness, positions
// go out.
//
// A look (look.go) at every picture finds scene cuts and what moves; some five times a second, and at a cut, faces are
// asked for. The subject (subject.go) is who of them is followed. The camera (camera.go) goes there as an operator would:
// it rests while the subject stays about where it is, sets out gently, never hurries, and jumps only where the scene does.
package follow
