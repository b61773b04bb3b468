package sound

import "slices"

// applause gives how sure it is that the whole window is applause; 0: it is not.
func applause(window []frame, floor float64) float64 {
	flat := sorted(window, func(f frame) float64 { return f.flatness })
	voiced := sorted(window, func(f frame) float64 { return f.voiced })
	levels := sorted(window, func(f frame) float64 { return f.level })
	bands := sorted(window, func(f frame) float64 { return f.band })
	level, spread := quantile(levels, 0.5), quantile(bands, 0.9)-quantile(bands, 0.1)
	centroid := quantile(sorted(window, func(f frame) float64 { return f.centroid }), 0.5)
	switch {
	case level < audible || level < floor+above:
		return 0
	case quantile(flat, 0.2) < 0.07 || quantile(voiced, 0.5) > 0.5: // speech and music are tonal most of the time
		return 0
	case spread > 7: // speech breathes
		return 0
	case spread < 2.4: // a machine's noise is steadier than hands
		return 0
	case centroid < 1000 || centroid > 4500: // rumble, hiss
		return 0
	}
	return between(quantile(flat, 0.5), 0.07, 0.2)
}

func sorted(window []frame, of func(frame) float64) []float64 {
	values := make([]float64, len(window))
	for i, f := range window {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}

// between is 0 below low, 1 above high, and at least 0.1 where something is there at all.
func between(v, low, high float64) float64 {
	if v < low {
		return 0
	}
	return max(0.1, min(1, (v-low)/(high-low)))
}
