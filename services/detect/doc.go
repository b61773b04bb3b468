// Package detect finds the moments of a room that sell: it turns what is said, how loud it is, what the shop does and how the
// audience answers into highlights, and says why.
//
// It takes broadcast.changed, stream.progress, transcript.line, sound.measured, audience.signal and stream.state, and gives
// highlight.found and, for the health of the audience's feeds, stream.progress.
//
// # The way of an event through the files
//
// service.go consumes the topics; partition.go merges one partition of them by media time and keeps its rooms (keeper.go). room.go
// takes up one broadcast's events in order: speech.go makes tokens of a line (fold.go; matcher.go and phrase.go look for phrases in
// them, sound.go also by their sound, number.go reads numbers), audience.go counts comments. The signals below (signal.go) give
// evidence, fusion.go adds it up to a score, window.go places the highlight. health.go publishes how the audience's feeds are.
// rules.go is what a rules file says; phrases.go lends its words to the recognisers. replay.go, chart.go and explain.go work on a
// kept log.
//
// # Rooms
//
// The heart is a room: one broadcast, kept in memory, bounded. Everything heard or sent is queued with its media time and
// taken up in media-time order: sound, product changes and comments as the picture goes on, lines up to 500 ms after their
// end, or when they come. Sound is taken up value by value (stretch.go), however it was cut into stretches on its way, and the
// picture waits for sound that is still being measured, unless its source stopped sending any. An archived broadcast waits for
// its lines, too. So the same broadcast gives the same highlights live, replayed after a crash, and from its own log; and from an
// archive, as long as its live recogniser was not behind by more than that. Only TriggeredAt, a wall clock, differs.
//
// # Signals
//
// Signals, each a file, look at what happens and give evidence: a named feature between 0 and 1, the media time it speaks of,
// and a sentence for a person in English and Chinese. What was said goes with it in fields (said.go): the phrases as heard and as
// printed, with their times, the price or discount in figures, and the time left; nobody reads them out of the sentence.
//
//	keywords.go   phrases, literally or by their sound (pinyin, stems, homophones); talk of another time beside them
//	prices.go     discounts and prices as values: 五折, 半价, 立减50, was 200 now 99, against the price of the product on show
//	countdown.go  three falling numbers
//	comments.go   distinct users in ten seconds against the room's own median; greetings, answers a host asked for, and one
//	              long text from many do not count
//	meaning.go    comments that want to buy, are excited, either of them, complain, laugh
//	rate.go       likes, gifts (a combo once), follows, orders
//	product.go    shown, listed, repriced, sold out
//	pitch.go      how a host sells: words of offers, calls to act, calls for attention; none of it a moment by itself
//	voice.go      how loud a sentence is against the host's last forty
//	loudness.go   a second's mean against the median of the last minute
//	reactions.go  laughter and applause
//	scene.go      the picture changes
//
// What the audience does is dated back by the room's lag (lag.go), which is learned: the comments' rate after what was said
// and sold is added up over moments, and where the sum begins to rise is the lag.
//
// The score of a moment is the logistic of a weighted sum of the features near it (fusion.go); the weights are the
// rules', and a highlight carries the features they were multiplied with. Where comments come and none answers yet,
// what is said waits for an answer, or for the host to go on selling: a call to act, a raised voice. At the threshold
// the highlight is published at once, while its window may still lie open: unless the moment has its highlight, the
// score has not fallen since the one before, the hour's budget asks for more, or a rule forbids it. The window
// (window.go) begins with the sentence of the moment (pitch.go: near the time that the audience's reaction is dated
// back to, the likeliest by what was said in it, by the step of the voice, by calls before and after it), a call for
// attention before it, or a change of product or picture near it, and ends with a sentence where one ends soon.
//
// # Weights and rules
//
// The weights are those of a logistic regression on training rooms, evened out by hand so that one known phrase is enough
// where no audience can be heard. They were chosen on training rooms, with the phrases of the rules and without any, and
// checked on validation rooms. The held-out rooms were measured once with them, and nothing was changed after that; detectors
// before this one were measured on the same rooms several times.
//
// Rules are data (load.go, check.go): YAML over the built-in file, with presets for kinds of rooms between the two (book.go),
// conditions in CEL (condition.go), and lists of phrases in files of their own. A changed file is taken up while the service
// runs (watch.go); one that cannot be read is logged, and the old rules stay.
//
// A partition number of the topics is one bus.Merger, whose rooms are kept with its offsets in one conditional write of the
// object store; two owners of one partition cannot both go on. Beside it every broadcast's log is kept (log.go), from which
// Replay says what rules would have made of it and Explain makes a page. Of a killed process up to half a minute of log is
// missing; of its rooms nothing.
package detect
