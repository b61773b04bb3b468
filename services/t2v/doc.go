// Package t2v turns a plan into a cut: the clip's picture and sound before finishing.
//
// A cut is an edit list over the recording, not a re-encode, so a plan of footage becomes one at once, also when its window
// ends in the future. A plan that opens with a template shot, or that has a generated one, goes through a queue of three
// lanes (live before manual before batch): each of its shots is made, put into the object store, and then the cut is. A
// shot that cannot be made does not hold the clip up: the cut goes on without it, with footage, and says so in its notes.
//
// It takes plan.made.v1, and follows clip.state.v1 for plans whose cut never came. It gives cut.ready.v1 and the step "cut"
// of clip.state.v1.
package t2v
