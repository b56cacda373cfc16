package node

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	proto "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"

	"avportal/eventstore/node/filter"
	"avportal/eventstore/node/persistent"
)

// persistentService translates between the protocol and the package persistent.
type persistentService struct {
	proto.UnimplementedPersistentSubscriptionsServer
	node *Node
}

// persistentStatus translates what the package persistent answers.
func persistentStatus(ctx context.Context, key persistent.Key, err error) error {
	names := []string{"stream-name", key.Stream, "group-name", key.Group}
	var refused *persistent.RefusedError
	switch {
	case errors.Is(err, persistent.ErrExists):
		return fail(ctx, codes.AlreadyExists, err.Error(), "persistent-subscription-exists", names...)
	case errors.Is(err, persistent.ErrNotFound):
		return fail(ctx, codes.NotFound, err.Error(), "persistent-subscription-does-not-exist", names...)
	case errors.Is(err, persistent.ErrTooManyConsumers):
		return fail(ctx, codes.FailedPrecondition, err.Error(), "maximum-subscribers-reached", names...)
	case errors.Is(err, persistent.ErrDropped):
		return fail(ctx, codes.Canceled, err.Error(), "persistent-subscription-dropped", names...)
	case errors.As(err, &refused):
		return fail(ctx, codes.Internal, err.Error(), "persistent-subscription-failed", append(names, "reason", refused.Reason)...)
	}
	return statusOf(ctx, err)
}

func streamKey(id *shared.StreamIdentifier, isAll bool, group string) persistent.Key {
	if isAll {
		return persistent.Key{Stream: persistent.All, Group: group}
	}
	return persistent.Key{Stream: string(id.GetStreamName()), Group: group}
}

// Create makes a group.
func (s *persistentService) Create(ctx context.Context, req *proto.CreateReq) (*proto.CreateResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	c := persistent.Config{Settings: settingsOf(o.GetSettings(), o.GetSettings().GetConsumerStrategy())}
	switch from := o.GetStreamOption().(type) {
	case *proto.CreateReq_Options_All:
		c.Key = streamKey(nil, true, o.GetGroupName())
		switch at := from.All.GetAllOption().(type) {
		case *proto.CreateReq_AllOptions_Position:
			c.StartFrom.At = at.Position.GetCommitPosition()
		case *proto.CreateReq_AllOptions_End:
			c.StartFrom.End = true
		}
		var err error
		if c.Filter, err = groupFilter(from.All.GetFilter()); err != nil {
			return nil, err
		}
	case *proto.CreateReq_Options_Stream:
		c.Key = streamKey(from.Stream.GetStreamIdentifier(), false, o.GetGroupName())
		switch at := from.Stream.GetRevisionOption().(type) {
		case *proto.CreateReq_StreamOptions_Revision:
			c.StartFrom.At = at.Revision
		case *proto.CreateReq_StreamOptions_End:
			c.StartFrom.End = true
		}
	default: // clients older than the option
		c.Key = streamKey(o.GetStreamIdentifier(), false, o.GetGroupName()) //nolint:staticcheck // deprecated for clients
		c.StartFrom = oldStart(o.GetSettings().GetRevision())               //nolint:staticcheck // deprecated for clients
	}
	return &proto.CreateResp{}, persistentStatus(ctx, c.Key, s.node.groups.Create(ctx, c))
}

// Update replaces the settings of a group.
func (s *persistentService) Update(ctx context.Context, req *proto.UpdateReq) (*proto.UpdateResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	c := persistent.Config{Settings: settingsOf(o.GetSettings(), "")}
	switch from := o.GetStreamOption().(type) {
	case *proto.UpdateReq_Options_All:
		c.Key = streamKey(nil, true, o.GetGroupName())
		switch at := from.All.GetAllOption().(type) {
		case *proto.UpdateReq_AllOptions_Position:
			c.StartFrom.At = at.Position.GetCommitPosition()
		case *proto.UpdateReq_AllOptions_End:
			c.StartFrom.End = true
		}
	case *proto.UpdateReq_Options_Stream:
		c.Key = streamKey(from.Stream.GetStreamIdentifier(), false, o.GetGroupName())
		switch at := from.Stream.GetRevisionOption().(type) {
		case *proto.UpdateReq_StreamOptions_Revision:
			c.StartFrom.At = at.Revision
		case *proto.UpdateReq_StreamOptions_End:
			c.StartFrom.End = true
		}
	default:
		c.Key = streamKey(o.GetStreamIdentifier(), false, o.GetGroupName()) //nolint:staticcheck // deprecated for clients
		c.StartFrom = oldStart(o.GetSettings().GetRevision())               //nolint:staticcheck // deprecated for clients
	}
	return &proto.UpdateResp{}, persistentStatus(ctx, c.Key, s.node.groups.Update(ctx, c))
}

func oldStart(revision uint64) persistent.StartFrom {
	return persistent.StartFrom{End: revision == math.MaxUint64, At: revision}
}

// settings is what the settings of create and update have in common.
type settings interface {
	GetResolveLinks() bool
	GetExtraStatistics() bool
	GetMaxRetryCount() int32
	GetMinCheckpointCount() int32
	GetMaxCheckpointCount() int32
	GetMaxSubscriberCount() int32
	GetLiveBufferSize() int32
	GetReadBatchSize() int32
	GetHistoryBufferSize() int32
	GetMessageTimeoutTicks() int64
	GetMessageTimeoutMs() int32
	GetCheckpointAfterTicks() int64
	GetCheckpointAfterMs() int32
}

func settingsOf(s settings, strategy string) persistent.Settings {
	return persistent.Settings{
		ResolveLinks: s.GetResolveLinks(), ExtraStatistics: s.GetExtraStatistics(),
		MessageTimeout:     duration(s.GetMessageTimeoutTicks(), s.GetMessageTimeoutMs()),
		CheckpointAfter:    duration(s.GetCheckpointAfterTicks(), s.GetCheckpointAfterMs()),
		MaxRetryCount:      int(s.GetMaxRetryCount()),
		MinCheckpointCount: int(s.GetMinCheckpointCount()), MaxCheckpointCount: int(s.GetMaxCheckpointCount()),
		MaxConsumers: int(s.GetMaxSubscriberCount()), LiveBufferSize: int(s.GetLiveBufferSize()),
		ReadBatchSize: int(s.GetReadBatchSize()), HistoryBufferSize: int(s.GetHistoryBufferSize()),
		Strategy: strategyOf(s, strategy),
	}
}

// duration reads the one of two forms that is set: ticks of 100 ns, or milliseconds.
func duration(ticks int64, ms int32) time.Duration {
	if ticks > 0 {
		return time.Duration(min(ticks, math.MaxInt64/100)) * 100
	}
	return time.Duration(ms) * time.Millisecond
}

// strategyOf reads the name, or the number by which older clients (and the official Go client) name the strategy.
func strategyOf(s settings, name string) persistent.Strategy {
	if name != "" {
		return persistent.Strategy(name)
	}
	var number int32
	switch s := s.(type) {
	case *proto.CreateReq_Settings:
		number = int32(s.GetNamedConsumerStrategy()) //nolint:staticcheck // deprecated for clients
	case *proto.UpdateReq_Settings:
		number = int32(s.GetNamedConsumerStrategy())
	}
	switch proto.CreateReq_ConsumerStrategy(number) {
	case proto.CreateReq_DispatchToSingle:
		return persistent.DispatchToSingle
	case proto.CreateReq_Pinned:
		return persistent.Pinned
	case proto.CreateReq_RoundRobin:
		return persistent.RoundRobin
	}
	return persistent.Strategy(strconv.Itoa(int(number)))
}

// groupFilter reads the filter of a group to $all. Its checkpoint interval is ignored: the group's own settings say
// when it writes checkpoints.
func groupFilter(f *proto.CreateReq_AllOptions_FilterOptions) (*filter.Expression, error) {
	if f == nil {
		return nil, nil
	}
	var e filter.Expression
	switch by := f.GetFilter().(type) {
	case *proto.CreateReq_AllOptions_FilterOptions_StreamIdentifier:
		e = filterExpression(false, by.StreamIdentifier)
	case *proto.CreateReq_AllOptions_FilterOptions_EventType:
		e = filterExpression(true, by.EventType)
	default:
		return nil, invalid("a filter is by stream name or by event type")
	}
	if _, err := filter.New(e); err != nil {
		return nil, invalid(err.Error())
	}
	return &e, nil
}

// Delete ends a group.
func (s *persistentService) Delete(ctx context.Context, req *proto.DeleteReq) (*proto.DeleteResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	key := streamKey(o.GetStreamIdentifier(), o.GetAll() != nil, o.GetGroupName())
	return &proto.DeleteResp{}, persistentStatus(ctx, key, s.node.groups.Delete(ctx, key))
}

// ReplayParked gives parked events out again.
func (s *persistentService) ReplayParked(ctx context.Context, req *proto.ReplayParkedReq) (*proto.ReplayParkedResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	key := streamKey(o.GetStreamIdentifier(), o.GetAll() != nil, o.GetGroupName())
	if o.GetStopAt() < 0 {
		return nil, invalid("the number to stop at must not be negative")
	}
	return &proto.ReplayParkedResp{}, persistentStatus(ctx, key, s.node.groups.Replay(ctx, key, o.GetStopAt()))
}

// RestartSubsystem drops all consumers and starts every group from its checkpoint.
func (s *persistentService) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	return &shared.Empty{}, statusOf(ctx, s.node.groups.Restart())
}
