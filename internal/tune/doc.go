// Package tune makes music and sounds by computing them: beds that run under a clip and short openings for its templates.
// Nothing of it was recorded; a tune is a few numbers, and comes out the same every time.
package tune
