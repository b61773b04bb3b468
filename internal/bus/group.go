package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/event"
)

const (
	heartbeat        = 500 * time.Millisecond // also how soon a member learns of a rebalance
	sessionTimeout   = 6 * time.Second        // a killed member's partitions go to others after it; the brokers' least
	rebalanceTimeout = 10 * time.Second
	handBack         = 4 * time.Second // for what is in hand when partitions are given up; less than sessionTimeout
	commitPeriod     = 200 * time.Millisecond
)

// assignment is what a member of a group holds until ctx, the generation's, ends. Commits are fenced by the generation.
type assignment struct {
	*kafka.Generation
	group    string // without the prefix
	readings []*reading
}

// join is a member of the group until ctx ends, and calls hold with each assignment. hold returns when its context, the
// assignment's, has ended and everything is given back; if it returns earlier the member joins anew.
func (b *Bus) join(ctx context.Context, group string, topics []event.Topic, hold func(ctx context.Context, a assignment)) error {
	if err := b.configured(); err != nil {
		return err
	}
	names := make([]string, len(topics))
	byName := map[string]event.Topic{}
	for i, t := range topics {
		names[i] = b.topicName(t)
		byName[names[i]] = t
		// A topic created after the group has met would stay unread.
		if _, err := b.partitions(ctx, names[i]); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: b.config.Prefix + group, Brokers: b.config.Brokers, Topics: names,
		Dialer:            b.dialer(),
		GroupBalancers:    []kafka.GroupBalancer{wholeNumbers{}},
		HeartbeatInterval: heartbeat, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: 300 * time.Millisecond, StartOffset: kafka.FirstOffset,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", group, err)
	}
	defer members.Close() // ends the generation, waits for hold, leaves the group

	for {
		generation, err := members.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if !errors.Is(err, kafka.RebalanceInProgress) {
				b.log.Warn("joining the group did not succeed yet", "group", group, "error", err)
			}
			continue // the group itself paces its tries
		}
		held := assignment{Generation: generation, group: group}
		for name, partitions := range generation.Assignments {
			for _, p := range partitions {
				held.readings = append(held.readings, &reading{topic: byName[name], partition: p.ID, next: p.Offset})
			}
		}
		b.metrics.rebalances.WithLabelValues(group).Inc()
		b.log.Debug("partitions assigned", "group", group, "generation", generation.ID, "partitions", len(held.readings))
		generation.Start(func(g context.Context) {
			// The library's context has no parent of its own.
			ctx, cancel := context.WithCancel(g)
			defer cancel()
			if len(held.readings) == 0 {
				<-ctx.Done()
				return
			}
			hold(ctx, held)
		})
	}
}

// wholeNumbers gives a partition number of all topics to one member. kafka-go's own range assignor counts along lists of
// partitions that brokers send in any order, another for each topic.
type wholeNumbers struct{}

func (wholeNumbers) ProtocolName() string { return "liveclip-whole-numbers" }

func (wholeNumbers) UserData() ([]byte, error) { return nil, nil }

// AssignGroups counts on all members having the same topics.
func (wholeNumbers) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	assigned := kafka.GroupMemberAssignments{}
	if len(members) == 0 {
		return assigned
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
		assigned[m.ID] = map[string][]int{}
	}
	slices.Sort(ids)
	numbers := 0
	for _, p := range partitions {
		numbers = max(numbers, p.ID+1)
	}
	for _, p := range partitions {
		to := assigned[ids[p.ID*len(ids)/numbers]]
		to[p.Topic] = append(to[p.Topic], p.ID)
	}
	return assigned
}

// commit stores next offsets for the group. An error that says the partitions belong to others by now is lost.
func (b *Bus) commit(a assignment, next map[*reading]int64) (err error, lost bool) {
	offsets := map[string]map[int]int64{}
	for r, offset := range next {
		name := b.topicName(r.topic)
		if offsets[name] == nil {
			offsets[name] = map[int]int64{}
		}
		offsets[name][r.partition] = offset
	}
	err = a.CommitOffsets(offsets)
	lost = errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) || errors.Is(err, kafka.FencedInstanceID)
	return err, lost
}
