package bus

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	published      *prometheus.CounterVec
	publishSeconds prometheus.Histogram
	consumed       *prometheus.CounterVec
	failed         *prometheus.CounterVec
	dead           *prometheus.CounterVec
	unreadable     *prometheus.CounterVec
	handleSeconds  *prometheus.HistogramVec
	lag            *prometheus.GaugeVec
	rebalances     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	make := promauto.With(reg)
	return &metrics{
		published: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_published_total", Help: "Events acknowledged by the brokers.",
		}, []string{"topic"}),
		publishSeconds: make.NewHistogram(prometheus.HistogramOpts{
			Name: "liveclip_bus_publish_seconds", Help: "From Publish to the brokers' acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		consumed: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_consumed_total", Help: "Events handled.",
		}, []string{"group", "topic"}),
		failed: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_failed_total", Help: "Tries of an event that failed.",
		}, []string{"group", "topic"}),
		dead: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_dead_total", Help: "Events that went to the dead letters.",
		}, []string{"group", "topic", "reason"}),
		unreadable: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_unreadable_total", Help: "Batches of records that are damaged and were skipped.",
		}, []string{"topic"}),
		handleSeconds: make.NewHistogramVec(prometheus.HistogramOpts{
			Name: "liveclip_bus_handle_seconds", Help: "One try of one event.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"group", "topic"}),
		lag: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "liveclip_bus_lag_events", Help: "Events of the partitions held here that are not handled yet.",
		}, []string{"group", "topic"}),
		rebalances: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_bus_generations_total", Help: "Times the group's partitions were given out anew.",
		}, []string{"group"}),
	}
}
