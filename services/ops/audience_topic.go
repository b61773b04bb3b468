package ops

import (
	"context"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"liveclip/internal/domain"
	opsv1 "liveclip/proto/ops/v1"
)

// consumeAudience handles one message of ops.audience_topic. One that can never be used is dropped, counted and logged. An error
// is this service's own, and the message comes again.
func (s *Service) consumeAudience(ctx context.Context, value []byte) error {
	said, err := readAudienceRecord(value)
	if err == nil {
		ref := domain.Ref{Tenant: domain.Tenant(said.Tenant), Stream: domain.StreamID(said.StreamId)}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if _, err = s.acceptAudience(ctx, ref, said.Signals); err != nil && !isCallerFault(err) {
			return err
		}
	}
	if err != nil {
		s.metrics.audience.WithLabelValues("dropped").Add(float64(max(1, len(said.GetSignals()))))
		s.Log.Warn("audience message of no use", "topic", s.cfg.AudienceTopic, "error", err)
	}
	return nil
}

func readAudienceRecord(value []byte) (*opsv1.AudienceRecord, error) {
	var said opsv1.AudienceRecord
	if err := protojson.Unmarshal(value, &said); err != nil {
		return nil, badRequest("read audience message: %s", cleanDecodeError(err.Error()))
	}
	said.Tenant = tenantOf(said.Tenant)
	if _, err := domain.ParseTenant(said.Tenant); err != nil {
		return &said, badRequest("read audience message: %s", err)
	}
	if _, err := domain.ParseStreamID(said.StreamId); err != nil {
		return &said, badRequest("read audience message: %s", err)
	}
	if len(said.Signals) > maxSignals {
		return &said, badRequest("%d signals: at most %d a message", len(said.Signals), maxSignals)
	}
	return &said, nil
}
