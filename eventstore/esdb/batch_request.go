package esdb

import (
	"encoding/binary"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"avportal/eventstore"
)

const contentType = "application/json"

// request is the whole of an append in one message.
func (b *batch) request(id int64, w write, deadline time.Duration) *streams.BatchAppendReq {
	options := &streams.BatchAppendReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(w.stream)},
		DeadlineOption:   &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(deadline)},
	}
	if w.expected == eventstore.NoStream {
		options.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		options.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(w.expected)}
	}
	messages := make([]*streams.BatchAppendReq_ProposedMessage, len(w.events))
	for i, e := range w.events {
		messages[i] = &streams.BatchAppendReq_ProposedMessage{
			Id:             structured(e.ID),
			Metadata:       map[string]string{"type": e.Type, "content-type": contentType},
			CustomMetadata: e.Metadata,
			Data:           e.Data,
		}
	}
	return &streams.BatchAppendReq{
		CorrelationId:    &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{LeastSignificantBits: id}}},
		Options:          options,
		ProposedMessages: messages,
		IsFinal:          true,
	}
}

func structured(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])), //nolint:gosec // the bits are what counts
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])), //nolint:gosec // the bits are what counts
	}}}
}
