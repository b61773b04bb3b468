// Package roomgen makes live selling rooms whose moments are known: what a room log holds, and the labels beside it. It is
// what detection is measured on where no labelled recordings are at hand, and knows nothing of how detection works.
//
// A room is a script (a host greets, talks about one product after another, and now and then announces something that
// sells), heard through a recogniser that mishears, with a crowd that answers late. Much of it is meant to mislead: talk of
// past sales, sale phrases let fall in passing, comments the host asked for, laughter, trouble with the sound, accounts that
// repeat themselves, many accounts that write the same, noise, moments that nobody answers, feeds that are missing or stop.
//
// Every constant is in rooms.yaml, every phrase in phrases.yaml. They are assumptions of the kind that is written about such
// rooms, not fitted to recordings: a figure measured here says how well signals are weighed against each other under these
// assumptions, and does not say what a real room gives. What flatters: hosts speak from some fifty phrasings per language;
// sentences of one room do not depend on each other; the crowd's answer has one shape. What a label is: from a second before
// the moment's first sentence, also where that one only calls for attention, to a second and a half after its last, give or
// take what people differ by.
//
// Rooms of the held-out split speak some phrases that no training room does. Which rooms those are is fixed by their seeds,
// and what they are made from by the two data files: the hashes of both are frozen in heldout.sha256. Rooms of the validation
// split speak the training rooms' phrases, and nothing was fitted to them.
package roomgen
