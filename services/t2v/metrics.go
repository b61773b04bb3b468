package t2v

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	cuts      prometheus.Counter
	shots     *prometheus.HistogramVec
	generated *prometheus.HistogramVec // by engine and outcome
	levels    *prometheus.CounterVec
	waiting   prometheus.Gauge
	ready     *prometheus.GaugeVec // by engine
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
		generated: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "liveclip_generate_seconds",
			Help:    "Time an engine took for a shot, by engine and outcome: made, canceled, or whose fault it was.",
			Buckets: []float64{0.5, 1, 2, 3, 4, 6, 8, 12, 20, 30, 60, 120, 300},
		}, []string{"engine", "outcome"}),
		levels: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_generated_shots_total",
			Help: "Shots generated, by the level of quality that the schedule had room for.",
		}, []string{"level"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "liveclip_generate_waiting",
			Help: "Shots that wait for an engine.",
		}),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "liveclip_engine_ready",
			Help: "Whether an engine is ready.",
		}, []string{"engine"}),
	}
	reg.MustRegister(m.cuts, m.shots, m.generated, m.levels, m.waiting, m.ready)
	return m
}
