// Package sound tells what is heard in a room beside speech: applause, so far.
//
// It looks at short spectra, with no model and at next to no cost: applause is a broad, unvoiced noise, restless but never
// pausing, well above the room's own floor, that lasts longer than a second and a half. A machine's hum or hiss is too
// steady for it, speech too tonal and too uneven. Laughter is not told: its rhythm alone does not set it apart from speech.
package sound
