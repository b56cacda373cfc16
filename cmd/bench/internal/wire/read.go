package wire

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Reader reads from one server.
type Reader struct{ conn *grpc.ClientConn }

// NewReader connects to a node, or to what answers like one.
func NewReader(address string) (*Reader, error) {
	conn, err := dial(address)
	return &Reader{conn}, err
}

// Close ends the connection.
func (r *Reader) Close() error { return r.conn.Close() }

const readMethod = "/event_store.client.streams.Streams/Read"

// Read makes one read and hands each answer over, which is valid until the next, until the read or keep ends it. It
// returns how many events there were.
func (r *Reader) Read(ctx context.Context, o *streams.ReadReq_Options, limit int, keep func(answer []byte)) (events int, err error) {
	request, err := proto.Marshal(&streams.ReadReq{Options: o})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, readMethod)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(call.SendMsg(&message{request}), call.CloseSend()); err != nil {
		return 0, err
	}
	for m := (message{}); events < limit; {
		if err := call.RecvMsg(&m); errors.Is(err, io.EOF) {
			return events, nil
		} else if err != nil {
			return events, err
		}
		if isEvent(m.data) {
			events++
		}
		if keep != nil {
			keep(m.data)
		}
	}
	return events, nil
}

// isEvent tells an event from what else may stand in the answers of a read. The field number of an event is 1.
func isEvent(answer []byte) bool { return len(answer) > 0 && answer[0] == 1<<3|2 }

// Stream are the options of a read of one stream from its beginning.
func Stream(name string) *streams.ReadReq_Options {
	o := options()
	o.StreamOption = &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)}, RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
	}}
	return o
}

// All are the options of a read of the whole log, without the links of the projections.
func All() *streams.ReadReq_Options {
	o := options()
	o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}}
	o.FilterOption = &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Regex: `^[^\$].*`}},
		Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 10_000}, CheckpointIntervalMultiplier: 1,
	}}
	return o
}

// Subscription makes a subscription of the options of a read.
func Subscription(o *streams.ReadReq_Options) *streams.ReadReq_Options {
	o.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	return o
}

func options() *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		CountOption: &streams.ReadReq_Options_Count{Count: 1 << 40},
		UuidOption:  &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}},
	}
}
