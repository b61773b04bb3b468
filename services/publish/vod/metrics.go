package vod

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	answers *prometheus.CounterVec
	sent    prometheus.Counter
	ended   prometheus.Counter
	by      [600]atomic.Pointer[prometheus.Counter] // of answers, by status
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liveclip_vod_answers_total", Help: "Answers of the VOD path."}, []string{"status"}),
		sent:    prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_vod_sent_bytes_total", Help: "Bytes of bodies sent on the VOD path."}),
		ended:   prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_vod_ended_total", Help: "Answers under way that were ended because their clip was taken down."}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.sent, m.ended} {
		if err := reg.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *metrics) answered(status int, sent int64) {
	if status < len(m.by) {
		counter := m.by[status].Load()
		if counter == nil { // looked up once: a look-up costs more than the rest of counting
			c := m.answers.WithLabelValues(strconv.Itoa(status))
			counter = &c
			m.by[status].Store(counter)
		}
		(*counter).Inc()
	}
	m.sent.Add(float64(sent))
}
