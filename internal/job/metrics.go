package job

import (
	"context"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
)

type metrics struct {
	ended     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	wait      *prometheus.HistogramVec
	waiting   *prometheus.GaugeVec
	recovered prometheus.Counter
}

func newMetrics(service string, reg prometheus.Registerer) *metrics {
	if reg != nil {
		reg = prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, reg)
	}
	make := promauto.With(reg)
	return &metrics{
		ended: make.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_job_ended_total", Help: "Attempts by how they ended: done, later, retry, failed, held, canceled.",
		}, []string{"kind", "how"}),
		seconds: make.NewHistogramVec(prometheus.HistogramOpts{
			Name: "liveclip_job_seconds", Help: "One attempt of one job.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 18),
		}, []string{"kind"}),
		wait: make.NewHistogramVec(prometheus.HistogramOpts{
			Name: "liveclip_job_wait_seconds", Help: "From when a job could begin to its first attempt.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 18),
		}, []string{"lane"}),
		recovered: make.NewCounter(prometheus.CounterOpts{
			Name: "liveclip_jobs_recovered_total", Help: "Jobs that ran again because their worker died.",
		}),
		waiting: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "liveclip_jobs", Help: "Jobs on the queues.",
		}, []string{"lane", "state"}),
	}
}

func (m *metrics) waited(t *asynq.Task, j Job) {
	if at, ok := enqueuedAt(t); ok && j.Attempt == 1 {
		m.wait.WithLabelValues(string(j.Lane)).Observe(max(0, time.Since(at).Seconds()))
	}
}

// watch looks at the queues' lengths until ctx ends.
func (m *metrics) watch(ctx context.Context, rdb redis.UniversalClient, service string, log *slog.Logger) {
	ticks := time.NewTicker(5 * time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for lane := range lanes {
			prefix := "asynq:{" + queueName(service, lane) + "}:"
			pipe := rdb.Pipeline()
			counts := map[string]*redis.IntCmd{
				"pending": pipe.LLen(ctx, prefix+"pending"), "active": pipe.LLen(ctx, prefix+"active"),
				"scheduled": pipe.ZCard(ctx, prefix+"scheduled"), "retry": pipe.ZCard(ctx, prefix+"retry"),
				"archived": pipe.ZCard(ctx, prefix+"archived"),
			}
			if _, err := pipe.Exec(ctx); err != nil {
				if ctx.Err() == nil {
					log.Warn("queues not measured", "service", service, "error", err)
				}
				break
			}
			for state, n := range counts {
				m.waiting.WithLabelValues(string(lane), state).Set(float64(n.Val()))
			}
		}
	}
}
