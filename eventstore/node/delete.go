package node

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"avportal/eventstore/node/storage"
)

// Delete hides a stream; writing to it again makes it go on at its next revision.
func (s *streamsService) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	position, err := s.remove(ctx, storage.OpDelete, string(req.GetOptions().GetStreamIdentifier().GetStreamName()), req.GetOptions())
	if err != nil {
		return nil, err
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: position, PreparePosition: position},
	}}, nil
}

// Tombstone ends a stream for good.
func (s *streamsService) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	position, err := s.remove(ctx, storage.OpTombstone, string(req.GetOptions().GetStreamIdentifier().GetStreamName()), req.GetOptions())
	if err != nil {
		return nil, err
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: position, PreparePosition: position},
	}}, nil
}

func (s *streamsService) remove(ctx context.Context, operation storage.Operation, stream string, o revisionOptions) (uint64, error) {
	if err := checkStreamName(stream); err != nil {
		return 0, err
	}
	if err := s.node.allow(ctx, stream, opDelete); err != nil {
		return 0, err
	}
	expected, err := expectedRevision(o)
	if err != nil {
		return 0, err
	}
	a := &storage.Append{Stream: stream, Expected: expected, Operation: operation}
	err = s.node.db.Write(ctx, a)
	return a.Position, statusOf(ctx, err)
}
