// Package wording writes what was heard as it is read: 全场五折 as 全场5折, "nineteen ninety nine dollars" as "$19.99", with marks where
// the speaker paused. It exists because recognisers spell: without it nothing they give is fit for a subtitle.
//
// It takes a line's words with their times and gives the words to show, each with the time of what it stands for: the text of a
// line is its words joined, so that whoever shows words one by one shows the same as whoever shows the line. What is already
// written comes through as it is: writing twice changes nothing.
//
// The steps, each a file:
//
//	pieces.go      words are cut into characters, words and figures; full-width letters and traditional characters resolved
//	figures.go     numbers where they count, cost, measure or discount (chinese.go, english.go); 一起, 第二件 and "this one" stay
//	marks.go       marks where somebody paused, and at the end; each as wide as what it follows
//	letters.go     capitals of sentences, of "I" and of the names the room knows
//	join.go        spaces between words, and between Chinese and foreign ones
//
// number.go and money.go read numbers and amounts back as values; detection reads offers with them.
package wording
