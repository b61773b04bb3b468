package review

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	finished  *prometheus.HistogramVec
	verdicts  *prometheus.CounterVec
	published prometheus.Counter
	playable  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		finished: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "liveclip_finish_seconds",
			Help:    "Time from taking a clip up to its renditions in the store, the wait for its window's end included, by outcome.",
			Buckets: []float64{0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300},
		}, []string{"outcome"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_verdicts_total",
			Help: "Verdicts written, by verdict and by whom (rule or person).",
		}, []string{"verdict", "by"}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "liveclip_clips_published_total",
			Help: "Clips whose manifest was written: from then on they are playable.",
		}),
		playable: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "liveclip_trigger_to_playable_seconds",
			Help:    "Time from the trigger of a clip to its manifest.",
			Buckets: []float64{1, 2, 4, 6, 8, 12, 16, 24, 32, 60, 120, 300},
		}),
	}
	reg.MustRegister(m.finished, m.verdicts, m.published, m.playable)
	return m
}
