package detect

import (
	"maps"

	"liveclip/internal/domain"
)

// feeds are the feeds whose health detect tells: the others' belongs to who records them.
var feeds = []struct {
	name string
	kind domain.SignalKind
}{
	{signalComments, domain.SignalComment}, {signalLikes, domain.SignalLike}, {signalGifts, domain.SignalGift},
	{signalFollows, domain.SignalFollow}, {signalOrders, domain.SignalOrder}, {signalProduct, domain.SignalProduct},
}

// healthOf gives the health of a feed at the mark.
func (r *room) healthOf(name string) domain.Health {
	for _, f := range feeds {
		if f.name == name {
			return r.Audience.health(f.kind, r.Mark)
		}
	}
	return domain.HealthMissing
}

// feedHealth gives the health of the comment feed and of every other feed that ever said something.
func (r *room) feedHealth() map[string]domain.Health {
	health := map[string]domain.Health{}
	for _, f := range feeds {
		if _, known := r.Audience.Feeds[f.kind]; known || f.name == signalComments {
			health[f.name] = r.healthOf(f.name)
		}
	}
	return health
}

// tellHealth gives the health when it changed, or was last told too long ago, or always is asked for; nil otherwise.
func (r *room) tellHealth(always bool) map[string]domain.Health {
	health := r.feedHealth()
	if !always && maps.Equal(health, r.Health) && r.Mark-r.Told < healthEvery {
		return nil
	}
	r.Health, r.Told = health, r.Mark
	return health
}
