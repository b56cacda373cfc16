package node

import (
	"context"
	"math"
	"strconv"

	proto "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"

	"avportal/eventstore/node/persistent"
)

// GetInfo describes one group.
func (s *persistentService) GetInfo(ctx context.Context, req *proto.GetInfoReq) (*proto.GetInfoResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	key := streamKey(o.GetStreamIdentifier(), o.GetAll() != nil, o.GetGroupName())
	info, err := s.node.groups.Info(key)
	if err != nil {
		return nil, persistentStatus(ctx, key, err)
	}
	return &proto.GetInfoResp{SubscriptionInfo: subscriptionInfo(info)}, nil
}

// List describes the groups of a stream, of $all, or all of them.
func (s *persistentService) List(ctx context.Context, req *proto.ListReq) (*proto.ListResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	stream := ""
	if of := req.GetOptions().GetListForStream(); of != nil {
		stream = streamKey(of.GetStream(), of.GetAll() != nil, "").Stream
		if stream == "" {
			return nil, invalid("a stream needs a name")
		}
	}
	infos, err := s.node.groups.List(stream)
	if err != nil {
		return nil, persistentStatus(ctx, persistent.Key{Stream: stream}, err)
	}
	resp := &proto.ListResp{}
	for _, info := range infos {
		resp.Subscriptions = append(resp.Subscriptions, subscriptionInfo(info))
	}
	return resp, nil
}

func subscriptionInfo(i persistent.Info) *proto.SubscriptionInfo {
	s := &proto.SubscriptionInfo{
		EventSource: i.Stream, GroupName: i.Group, Status: i.Status,
		AveragePerSecond: i.AveragePerSecond, TotalItems: i.Total, CountSinceLastMeasurement: i.SinceMeasurement,
		LastCheckpointedEventPosition: i.LastCheckpointed, LastKnownEventPosition: i.LastKnown,
		ResolveLinkTos: i.ResolveLinks, StartFrom: startFrom(i.Config),
		MessageTimeoutMilliseconds: int32(min(i.MessageTimeout.Milliseconds(), math.MaxInt32)),
		ExtraStatistics:            i.ExtraStatistics, MaxRetryCount: int32(i.MaxRetryCount),
		LiveBufferSize: int32(i.LiveBufferSize), BufferSize: int32(i.HistoryBufferSize), ReadBatchSize: int32(i.ReadBatchSize),
		CheckPointAfterMilliseconds: int32(min(i.CheckpointAfter.Milliseconds(), math.MaxInt32)),
		MinCheckPointCount:          int32(i.MinCheckpointCount), MaxCheckPointCount: int32(i.MaxCheckpointCount),
		ReadBufferCount: int32(i.Buffered), RetryBufferCount: int32(i.Retrying),
		TotalInFlightMessages: int32(i.InFlight), OutstandingMessagesCount: int32(i.InFlight + i.Retrying),
		NamedConsumerStrategy: string(i.Strategy), MaxSubscriberCount: int32(i.MaxConsumers), ParkedMessageCount: i.Parked,
	}
	for _, c := range i.Consumers {
		s.Connections = append(s.Connections, &proto.SubscriptionInfo_ConnectionInfo{
			From: c.From, Username: c.Username, ConnectionName: c.Name,
			AverageItemsPerSecond: c.AveragePerSecond, TotalItems: c.Total, CountSinceLastMeasurement: c.SinceMeasurement,
			AvailableSlots: int32(c.FreeSlots), InFlightMessages: int32(c.InFlight),
		})
	}
	return s
}

// startFrom is text that clients parse: a revision, or a position, -1 for the end.
func startFrom(c persistent.Config) string {
	at := strconv.FormatUint(c.StartFrom.At, 10)
	if c.StartFrom.End {
		at = "-1"
	}
	if c.Stream == persistent.All {
		return "C:" + at + "/P:" + at
	}
	return at
}
