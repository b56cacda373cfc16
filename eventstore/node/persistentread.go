package node

import (
	"errors"
	"io"

	proto "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"avportal/eventstore/node/persistent"
	"avportal/eventstore/node/storage"
)

// Read connects a consumer: events go out, acknowledgements come in.
func (s *persistentService) Read(call proto.PersistentSubscriptions_ReadServer) error {
	ctx := call.Context()
	first, err := call.Recv()
	if err != nil {
		return err
	}
	o := first.GetOptions()
	if o == nil {
		return invalid("the first message of a persistent subscription holds its options")
	}
	key := streamKey(o.GetStreamIdentifier(), o.GetAll() != nil, o.GetGroupName())
	if err := s.node.allow(ctx, key.Stream, opRead); err != nil {
		return err
	}
	_, text := o.GetUuidOption().GetContent().(*proto.ReadReq_Options_UUIDOption_String_)
	consumer := &persistent.Consumer{Name: "<unknown>", Username: accountOf(ctx).name}
	if p, ok := peer.FromContext(ctx); ok {
		consumer.From = p.Addr.String()
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok && len(md["connection-name"]) > 0 {
		consumer.Name = md["connection-name"][0]
	}
	if err := s.node.groups.Connect(key, consumer, int(o.GetBufferSize())); err != nil {
		return persistentStatus(ctx, key, err)
	}
	defer consumer.Close()
	err = call.Send(&proto.ReadResp{Content: &proto.ReadResp_SubscriptionConfirmation_{
		SubscriptionConfirmation: &proto.ReadResp_SubscriptionConfirmation{SubscriptionId: key.String()},
	}})
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- receiveAcks(call, consumer) }()
	for {
		select {
		case d := <-consumer.Deliveries():
			if err := call.Send(persistentEvent(d, !text)); err != nil {
				return err
			}
		case err := <-received:
			return err
		case <-consumer.Dropped():
			return persistentStatus(ctx, key, persistent.ErrDropped)
		case <-s.node.closing:
			return errClosing
		case <-s.node.Failed():
			return statusOf(ctx, s.node.Failure())
		}
	}
}

func receiveAcks(call proto.PersistentSubscriptions_ReadServer, consumer *persistent.Consumer) error {
	for {
		req, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case req.GetAck() != nil:
			consumer.Ack(uuids(req.GetAck().GetIds()))
		case req.GetNack() != nil:
			consumer.Nack(uuids(req.GetNack().GetIds()), nackAction(req.GetNack().GetAction()), req.GetNack().GetReason())
		default:
			return invalid("options may only be the first message of a persistent subscription")
		}
	}
}

func uuids(ids []*shared.UUID) []uuid.UUID {
	parsed := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if u, ok := parseUUID(id); ok {
			parsed = append(parsed, u)
		}
	}
	return parsed
}

func nackAction(a proto.ReadReq_Nack_Action) persistent.Action {
	switch a {
	case proto.ReadReq_Nack_Park:
		return persistent.Park
	case proto.ReadReq_Nack_Skip:
		return persistent.Skip
	case proto.ReadReq_Nack_Stop:
		return persistent.Stop
	default:
		return persistent.Retry
	}
}

// persistentEvent encodes one delivery. Unlike in reads, both records of a resolved link carry the link's position.
func persistentEvent(d persistent.Delivery, structured bool) *proto.ReadResp {
	original := d.Event
	if d.Link != nil {
		original = d.Link
	}
	position := original.Position()
	e := &proto.ReadResp_ReadEvent{
		Position: &proto.ReadResp_ReadEvent_CommitPosition{CommitPosition: position},
		Count:    &proto.ReadResp_ReadEvent_RetryCount{RetryCount: int32(d.RetryCount)},
	}
	if d.Event != nil {
		e.Event = persistentRecorded(d.Event, position, structured)
	}
	if d.Link != nil {
		e.Link = persistentRecorded(d.Link, position, structured)
	}
	return &proto.ReadResp{Content: &proto.ReadResp_Event{Event: e}}
}

func persistentRecorded(e *storage.Entry, position uint64, structured bool) *proto.ReadResp_ReadEvent_RecordedEvent {
	id := &shared.UUID{Value: &shared.UUID_String_{String_: e.ID().String()}}
	if structured {
		id = structuredUUID(e.ID())
	}
	contentType := "application/octet-stream"
	if e.JSON() {
		contentType = "application/json"
	}
	return &proto.ReadResp_ReadEvent_RecordedEvent{
		Id:               id,
		StreamIdentifier: &shared.StreamIdentifier{StreamName: e.AppendStream(nil)},
		StreamRevision:   uint64(e.Revision()),
		PreparePosition:  position,
		CommitPosition:   position,
		Metadata:         map[string]string{"type": string(e.Type()), "content-type": contentType, "created": string(e.Record.Created)},
		CustomMetadata:   e.Metadata(),
		Data:             e.AppendData(nil),
	}
}
