package t2v

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	cuts  prometheus.Counter
	shots *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		cuts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "liveclip_cuts_total",
			Help: "Cuts made.",
		}),
		shots: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "liveclip_shot_seconds",
			Help:    "Time to make a template or generated shot, by kind and outcome.",
			Buckets: []float64{0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 15, 30, 60},
		}, []string{"kind", "outcome"}),
	}
	reg.MustRegister(m.cuts, m.shots)
	return m
}
