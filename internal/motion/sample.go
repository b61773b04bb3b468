package motion

import (
	"image"

	"golang.org/x/image/vector"
)

// Sample is a picture of a product for showing templates: a tumbler with a lid, on nothing.
func Sample(side int) *image.RGBA {
	s := float64(side)
	dst := image.NewRGBA(image.Rect(0, 0, side, side))
	part := func(x, y, w, h, radius, angle float64, colours ...string) {
		mask := image.NewAlpha(dst.Bounds())
		raster := vector.NewRasterizer(side, side)
		roundedPath(raster, x*s, y*s, w*s, h*s, radius*s)
		raster.Draw(mask, dst.Bounds(), image.Opaque, image.Point{})
		over(dst, mask, newRamp(colours, angle, w*s, h*s), int(x*s), int(y*s))
	}
	part(0.26, 0.925, 0.48, 0.05, 0.025, 0, "#00000000", "#0000005A", "#00000000")
	part(0.67, 0.40, 0.17, 0.30, 0.085, 0, "#2C7BE5", "#174A9C") // the handle, and what is seen through it
	hole(dst, 0.715, 0.455, 0.075, 0.19, 0.0375)
	part(0.30, 0.24, 0.40, 0.70, 0.07, 0, "#123E8A", "#2F86F6", "#8CC4FF", "#2F86F6", "#1B57B8", "#0F3474") // the body
	part(0.30, 0.56, 0.40, 0.12, 0, 0, "#C9D6E8", "#FFFFFF", "#FFFFFF", "#E4ECF7", "#A9BAD3")               // its band
	part(0.30, 0.885, 0.40, 0.055, 0.03, 0, "#5C6470", "#E6EAF0", "#FFFFFF", "#AEB6C2", "#4A515C")
	part(0.275, 0.17, 0.45, 0.10, 0.03, 0, "#3A414B", "#D9DEE6", "#FFFFFF", "#9AA3AF", "#2E343D") // the lid
	part(0.36, 0.09, 0.28, 0.095, 0.04, 0, "#2A3038", "#6E7884", "#AEB7C2", "#4C5560", "#1E2329")
	part(0.375, 0.30, 0.035, 0.56, 0.0175, 90, "#FFFFFFA0", "#FFFFFF20") // light along it
	part(0.44, 0.60, 0.12, 0.04, 0.02, 0, "#2F86F6", "#1B57B8")
	return dst
}

// hole takes away what was drawn in a rounded box.
func hole(dst *image.RGBA, x, y, w, h, radius float64) {
	s := float64(dst.Bounds().Dx())
	mask := image.NewAlpha(dst.Bounds())
	raster := vector.NewRasterizer(dst.Bounds().Dx(), dst.Bounds().Dy())
	roundedPath(raster, x*s, y*s, w*s, h*s, radius*s)
	raster.Draw(mask, dst.Bounds(), image.Opaque, image.Point{})
	for i, m := range mask.Pix {
		for c := range 4 {
			dst.Pix[4*i+c] = uint8(uint32(dst.Pix[4*i+c]) * uint32(255-m) / 255)
		}
	}
}
