package vod

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	answers *prometheus.CounterVec
	sent    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liveclip_vod_answers_total", Help: "Answers of the VOD path."}, []string{"status"}),
		sent:    prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_vod_sent_bytes_total", Help: "Bytes of bodies sent on the VOD path."}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.sent} {
		if err := reg.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m metrics) answered(status int, sent int64) {
	m.answers.WithLabelValues(strconv.Itoa(status)).Inc()
	m.sent.Add(float64(sent))
}
