// Package motion draws short scenes: layers of shapes, text and pictures that slide, pop and shine over a background, at the
// picture rate, straight into the YUV 4:2:0 frames that an encoder takes.
//
// A scene is data (scene.go). Its player makes an image of every layer once (paint.go, shape.go, text.go), turns it into a
// sprite (sprite.go) whose empty pixels cost nothing, and lays the sprites over each frame at the place, size and strength
// that the frame's time says (move.go). Layers that do not depend on what a shot is about are the scene's base: their
// frames can be kept and drawn over.
package motion
