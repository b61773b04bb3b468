package recording

import (
	"context"

	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

// SendLines gives lines that others heard to the owner, which alone writes the transcript. Its errors are gRPC's, as the service
// Hearing documents them; NOT_FOUND also where the stream has no owner.
func (r *Reader) SendLines(ctx context.Context, ref domain.Ref, b domain.BroadcastID, lines []*recordingv1.SentLine, heardTo int64) (*recordingv1.TakeLinesReply, error) {
	client, err := r.owners.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	reply, err := client.TakeLines(ctx, &recordingv1.TakeLinesRequest{
		Tenant: string(ref.Tenant), Stream: string(ref.Stream), Broadcast: string(b), Lines: lines, HeardTo: heardTo})
	if err != nil {
		return nil, r.owners.failed(client, err)
	}
	return reply, nil
}
