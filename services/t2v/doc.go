// Package t2v turns a plan into a cut: the clip's picture and sound before finishing.
//
// A cut is an edit list over the recording, not a re-encode, so a plan of footage becomes one at once, also when its window
// ends in the future. A plan that opens with a template shot, or that has a generated one, goes through a queue of three
// lanes (live before manual before batch): each of its shots is made, put into the object store, and then the cut is. A
// shot that cannot be made does not hold the clip up: the cut goes on without it, with footage, and says so in its notes.
//
// # The way of a plan through the files
//
// plan.go cuts a plan of footage at once (cut.go), and queues a plan with shots to make (internal/job); shots.go takes it up;
// shot_maker.go and generated.go order one shot of the dispatcher; dispatcher.go asks the schedule (package schedule: earliest
// deadline first, by learned costs, quality given up before a shot, the fullest share before another's), has an engine make it
// (package engines: three kinds behind one interface), and looks at what came; engine_health.go asks after the engines'
// health, and engine_status.go publishes it; cost_store.go keeps what shots cost over a restart. What fails is sorted by whose
// fault it is: a busy engine is left alone for a while, one that is away or answers wrongly is followed by another, and is
// left alone when it fails three times in a row; a refused content is asked of nobody else. A shot whose moment is past
// (t2v.fresh) gives way to footage, and the cut says so. cancel.go stops the shots of a clip that is wanted no more.
//
// # Template shots, and what is measured
//
// Template shots (drawer.go) are openings as data (templates/, template.go; template_fill.go, template_scene.go): layers that move over a base. The base is the
// same for every shot of a size and length and is kept, named by the hash of all it depends on; while there is leisure the
// bases of all templates are made ahead (bases.go; bases_prune.go removes old ones). Product, prices, picture, clock and voice
// line are filled in for each shot. Words are outside input: cleaned, cut, never read as templates. Pictures come from public
// addresses or the tenant's own keys, and are looked at before they are decoded; one that is no good is left out, with a note.
//
// A generated shot is measured (quality.go): one that is black, frozen, blurred or flickers is made again from another seed,
// and then gives way to its template or to footage (shot_make.go). How every shot was made lies beside it in the store, and is told
// with the cut.
//
// It takes plan.made.v1 and clip.decided.v1, and follows clip.state.v1 for plans whose cut never came. gallery.go draws
// template shots outside a service. It gives cut.ready.v1 and the step "cut" of clip.state.v1.
package t2v
