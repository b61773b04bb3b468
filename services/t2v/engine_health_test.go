package t2v

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/standing"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/schedule"
)

// moody is an engine that is well, does not answer in time, or is gone.
type moody struct {
	engines.Engine
	mood string
}

func (m *moody) Health(ctx context.Context) (engines.Health, error) {
	switch m.mood {
	case "slow":
		<-ctx.Done()
		return engines.Health{}, ctx.Err()
	case "gone":
		return engines.Health{}, &engines.Fault{Kind: engines.Away, Err: errors.New("connection refused")}
	}
	return engines.Health{Ready: true}, nil
}

func TestAnEngineThatIsSlowToAnswerOnceIsNotGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		moods []string
		want  standing.State
	}{
		"slow once":               {[]string{"well", "slow"}, standing.Ready},
		"slow once, now and then": {[]string{"well", "slow", "well", "slow"}, standing.Ready},
		"slow twice in a row":     {[]string{"well", "slow", "slow"}, standing.Away},
		"slow from the first":     {[]string{"slow"}, standing.Away},
		"gone":                    {[]string{"well", "gone"}, standing.Away},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &moody{}
				d := &dispatcher{log: slog.New(slog.DiscardHandler), now: time.Now, metrics: newMetrics(prometheus.NewRegistry()),
					scheduler: schedule.New(schedule.Shipped(), time.Now), pending: map[string]chan decision{}}
				one := &dispatchedEngine{cfg: engines.Config{Name: "one"}, engine: e}
				d.scheduler.Add(schedule.Engine{Name: "one", Slots: 1})
				for _, e.mood = range c.moods {
					if d.checkHealth(t.Context(), one) != (e.mood == "well") {
						t.Errorf("%s: taken for something else", e.mood)
					}
				}
				if got := d.scheduler.Standings()[0]; got.State != c.want {
					t.Errorf("it stands as %+v, want %s", got, c.want)
				}
			})
		})
	}
}
