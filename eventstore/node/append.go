package node

import (
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"avportal/eventstore/node/storage"
)

type streamsService struct {
	streams.UnimplementedStreamsServer
	node *Node
}

// Append writes the events of one call as one atomic write.
func (s *streamsService) Append(call streams.Streams_AppendServer) error {
	a, err := s.receiveAppend(call)
	if err != nil {
		// If the call ends while the client is still sending, it sees EOF and never the status.
		drain(func() error {
			_, err := call.Recv()
			return err
		})
		return err
	}
	// A write that the caller has given up on is not made if it can be helped.
	a.Deadline, _ = call.Context().Deadline()
	if err := s.node.db.Write(call.Context(), a); err != nil {
		var wrong *storage.WrongExpectedVersionError
		if errors.As(err, &wrong) {
			return call.SendAndClose(wrongExpectedVersion(wrong))
		}
		return statusOf(call.Context(), err)
	}
	return call.SendAndClose(appendSuccess(a))
}

func (s *streamsService) receiveAppend(call streams.Streams_AppendServer) (*storage.Append, error) {
	ctx := call.Context()
	first, err := call.Recv()
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the first message of an append holds its options")
	}
	a := &storage.Append{Stream: string(first.GetOptions().GetStreamIdentifier().GetStreamName())}
	if first.GetOptions() == nil {
		return nil, invalid("the first message of an append holds its options")
	}
	if err := checkStreamName(a.Stream); err != nil {
		return nil, err
	}
	if err := s.node.allow(ctx, a.Stream, opWrite); err != nil {
		return nil, err
	}
	if a.Expected, err = expectedRevision(first.GetOptions()); err != nil {
		return nil, err
	}
	for size := 0; ; {
		req, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return nil, err
		}
		m := req.GetProposedMessage()
		if m == nil {
			return nil, invalid("options may only be the first message of an append")
		}
		id, ok := parseUUID(m.GetId())
		e := storage.Event{ID: id, Data: m.GetData(), Metadata: m.GetCustomMetadata()}
		if err := describe(ctx, &e, ok, m.GetMetadata()); err != nil {
			return nil, err
		}
		if size += appendSize(&e); size > s.node.config.MaxAppendSize {
			return nil, maximumAppendSizeExceeded(ctx, s.node.config.MaxAppendSize)
		}
		a.Events = append(a.Events, e)
	}
}

// describe fills in what a proposed event says about itself in its metadata map.
func describe(ctx context.Context, e *storage.Event, hasID bool, properties map[string]string) error {
	eventType, hasType := properties["type"]
	contentType, hasContentType := properties["content-type"]
	if !hasType || !hasContentType {
		return missingMetadata(ctx)
	}
	if err := checkEvent(hasID, eventType, e); err != nil {
		return err
	}
	e.Type, e.JSON = eventType, contentType == "application/json"
	return nil
}

func checkEvent(hasID bool, eventType string, e *storage.Event) error {
	switch {
	case !hasID || e.ID == [16]byte{}:
		return status.Error(codes.Unknown, "an event needs an id")
	case eventType == "":
		return status.Error(codes.Unknown, "an event needs a type")
	case !utf8.ValidString(eventType):
		// Readers decode the type as a protobuf string, and would fail on it for ever.
		return invalid("the type of an event must be UTF-8")
	}
	return nil
}

// appendSize is what an event counts against the maximum append size, as EventStoreDB counts it.
func appendSize(e *storage.Event) int { return len(e.Data) + len(e.Metadata) + 2*len(e.Type) }

func checkStreamName(name string) error {
	switch {
	case name == "" || name == "$$":
		return status.Error(codes.Unknown, "a stream needs a name")
	case name == "$all":
		return status.Error(codes.PermissionDenied, "$all is read-only")
	case len(name) > storage.MaxStreamName:
		return status.Errorf(codes.InvalidArgument, "a stream name has at most %d bytes", storage.MaxStreamName)
	}
	return nil
}

// revisionOptions is what the options of append, delete and tombstone have in common.
type revisionOptions interface {
	GetRevision() uint64
	GetNoStream() *shared.Empty
	GetAny() *shared.Empty
	GetStreamExists() *shared.Empty
}

func expectedRevision(o revisionOptions) (storage.Expected, error) {
	switch {
	case o.GetNoStream() != nil:
		return storage.NoStream, nil
	case o.GetAny() != nil:
		return storage.Any, nil
	case o.GetStreamExists() != nil:
		return storage.StreamExists, nil
	case !hasRevision(o):
		return 0, invalid("an expected revision is needed")
	}
	return exactRevision(o.GetRevision())
}

func hasRevision(o revisionOptions) bool {
	switch o := o.(type) {
	case *streams.AppendReq_Options:
		return o.ExpectedStreamRevision != nil
	case *streams.DeleteReq_Options:
		return o.ExpectedStreamRevision != nil
	case *streams.TombstoneReq_Options:
		return o.ExpectedStreamRevision != nil
	}
	return false
}

func exactRevision(revision uint64) (storage.Expected, error) {
	if revision > storage.TombstoneRevision {
		return 0, invalid("the expected revision is out of range")
	}
	return storage.Expected(revision), nil
}

// drain receives what the client is still sending, within bounds.
func drain(receive func() error) {
	const maxMessages = 100_000
	for range maxMessages {
		if receive() != nil {
			return
		}
	}
}

func appendSuccess(a *storage.Append) *streams.AppendResp {
	success := &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}},
		PositionOption: &streams.AppendResp_Success_Position{
			Position: &streams.AppendResp_Position{CommitPosition: a.Position, PreparePosition: a.Position},
		},
	}
	if a.Revision >= 0 {
		success.CurrentRevisionOption = &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(a.Revision)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: success}}
}

// wrongExpectedVersion is an answer and not an error; older clients read the fields named 20_6_0.
func wrongExpectedVersion(e *storage.WrongExpectedVersionError) *streams.AppendResp {
	type (
		wrong = streams.AppendResp_WrongExpectedVersion
		empty = shared.Empty
	)
	w := &wrong{
		CurrentRevisionOption:        &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &empty{}},
		CurrentRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &empty{}},
	}
	if e.Actual >= 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(e.Actual)}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(e.Actual)}
	}
	switch e.Expected {
	case storage.Any:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &empty{}}
	case storage.StreamExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &empty{}}
	case storage.NoStream:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: ^uint64(0)}
	default:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(e.Expected)}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(e.Expected)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}}
}
