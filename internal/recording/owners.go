package recording

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	recordingv1 "liveclip/proto/recording/v1"
)

const lookForOwner = 2 * time.Second

// owners keeps one connection to each owner.
type owners struct {
	finder  Finder
	mu      sync.Mutex
	dialled map[string]*owner
}

type owner struct {
	recordingv1.RecordingClient
	recordingv1.HearingClient
	address string
	conn    *grpc.ClientConn
}

func newOwners(finder Finder) *owners { return &owners{finder: finder, dialled: map[string]*owner{}} }

func (o *owners) find(ctx context.Context, ref domain.Ref) (*owner, error) {
	address, ok, err := o.finder.FindAddress(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoOwner
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if client, ok := o.dialled[address]; ok {
		return client, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxPart+1<<20)))
	if err != nil {
		return nil, err
	}
	client := &owner{recordingv1.NewRecordingClient(conn), recordingv1.NewHearingClient(conn), address, conn}
	o.dialled[address] = client
	return client, nil
}

// watch calls gone when the stream has another owner, or none: one that can't be reached any more may never say so.
func (o *owners) watch(ctx context.Context, ref domain.Ref, client *owner, gone func()) {
	look := time.NewTicker(lookForOwner)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if address, ok, err := o.finder.FindAddress(ctx, ref); err == nil && (!ok || address != client.address) {
			gone()
			return
		}
	}
}

// failed forgets an owner that can't be reached: its successor has another address.
func (o *owners) failed(client *owner, err error) error {
	if status.Code(err) != codes.Unavailable {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dialled[client.address] == client {
		delete(o.dialled, client.address)
		_ = client.conn.Close()
	}
	return err
}

func (o *owners) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for address, client := range o.dialled {
		_ = client.conn.Close()
		delete(o.dialled, address)
	}
}
