package node

import (
	"context"
	"errors"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"avportal/eventstore/node/filter"
	"avportal/eventstore/node/storage"
)

// readRequest is a checked ReadReq.
type readRequest struct {
	stream     string // "" for $all
	direction  storage.Direction
	from       uint64 // revision or position
	fromStart  bool
	fromEnd    bool
	count      uint64
	subscribe  bool
	filter     *filter.Filter
	interval   int // events examined between two checkpoints of a filtered subscription
	resolve    bool
	structured bool
}

// Read serves reads and subscriptions, of one stream or of $all.
func (s *streamsService) Read(req *streams.ReadReq, call streams.Streams_ReadServer) error {
	r, err := newReadRequest(req.GetOptions())
	if err != nil {
		return err
	}
	if err := s.node.allowRead(call.Context(), r); err != nil {
		return err
	}
	switch {
	case r.subscribe && r.stream == "":
		err = s.node.subscribeAll(r, call)
	case r.subscribe:
		err = s.node.subscribeStream(r, call)
	case r.stream == "":
		err = s.node.readAll(r, call)
	default:
		err = s.node.readStream(r, call)
	}
	return statusOf(call.Context(), err)
}

func (n *Node) allowRead(ctx context.Context, r readRequest) error {
	stream := r.stream
	if stream == "" {
		stream = "$all"
	}
	return n.allow(ctx, stream, opRead)
}

func newReadRequest(o *streams.ReadReq_Options) (r readRequest, err error) {
	if o == nil {
		return r, invalid("a read needs options")
	}
	r.resolve = o.GetResolveLinks()
	if o.GetReadDirection() == streams.ReadReq_Options_Backwards {
		r.direction = storage.Backwards
	}
	switch o.GetUuidOption().GetContent().(type) {
	case *streams.ReadReq_Options_UUIDOption_Structured:
		r.structured = true
	case *streams.ReadReq_Options_UUIDOption_String_:
	default:
		return r, invalid("a read needs the form of the ids")
	}
	switch c := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Count:
		r.count = c.Count
	case *streams.ReadReq_Options_Subscription:
		if r.subscribe = true; r.direction == storage.Backwards {
			return r, invalid("a subscription reads forwards")
		}
	default:
		return r, invalid("a read needs a count, or a subscription")
	}
	if r.filter, r.interval, err = readFilter(o); err != nil {
		return r, err
	}
	switch from := o.GetStreamOption().(type) {
	case *streams.ReadReq_Options_Stream:
		if r.filter != nil {
			return r, invalid("only $all can be filtered")
		}
		err = r.fromRevision(from.Stream)
	case *streams.ReadReq_Options_All:
		err = r.fromPosition(from.All)
	default:
		err = invalid("a read needs a stream, or $all")
	}
	return r, err
}

func (r *readRequest) fromRevision(o *streams.ReadReq_Options_StreamOptions) error {
	if r.stream = string(o.GetStreamIdentifier().GetStreamName()); r.stream == "" {
		return invalid("a stream needs a name")
	}
	switch at := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		r.from = min(at.Revision, math.MaxInt64)
	case *streams.ReadReq_Options_StreamOptions_Start:
		r.fromStart = true
	case *streams.ReadReq_Options_StreamOptions_End:
		r.from, r.fromEnd = math.MaxInt64, true
	default:
		return invalid("a read needs a revision to start from")
	}
	return nil
}

func (r *readRequest) fromPosition(o *streams.ReadReq_Options_AllOptions) error {
	switch at := o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		if r.from = at.Position.GetCommitPosition(); r.from < at.Position.GetPreparePosition() {
			return invalid("the commit position is less than the prepare position")
		}
	case *streams.ReadReq_Options_AllOptions_Start:
		r.fromStart = true
	case *streams.ReadReq_Options_AllOptions_End:
		r.from, r.fromEnd = math.MaxUint64, true
	default:
		return invalid("a read needs a position to start from")
	}
	return nil
}

// readAll reads at most count events of $all.
func (n *Node) readAll(r readRequest, call streams.Streams_ReadServer) error {
	page := newPage(n.db, r.structured, r.resolve)
	from, left := r.from, r.count
	for left > 0 {
		more := false
		err := n.db.ScanAll(from, r.direction, func(e *storage.Entry) bool {
			if page.full() {
				more = true
				return false
			}
			from = e.Position() // exclusive for the next page when reading backwards
			if r.direction == storage.Forwards {
				from++
			}
			if r.filter.Matches(e) && !filter.HiddenInAll(e) {
				page.add(e)
				left--
			}
			return left > 0
		})
		if err != nil {
			return err
		}
		if err := page.flush(call); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}

// readStream reads at most count events of one stream.
func (n *Node) readStream(r readRequest, call streams.Streams_ReadServer) error {
	page := newPage(n.db, r.structured, r.resolve)
	from, left := int64(r.from), r.count
	for {
		more := false
		err := n.db.ScanStream(r.stream, from, r.direction, func(e *storage.Entry) bool {
			if left == 0 {
				return false
			}
			if page.full() {
				more = true
				return false
			}
			page.add(e)
			left--
			from = e.Revision() + 1
			if r.direction == storage.Backwards {
				from = e.Revision() - 1
			}
			return left > 0
		})
		if errors.Is(err, storage.ErrStreamNotFound) {
			return call.Send(streamNotFound(r.stream))
		}
		if err != nil {
			return err
		}
		if err := page.flush(call); err != nil {
			return err
		}
		if !more || from < 0 {
			return nil
		}
	}
}

func streamNotFound(stream string) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
	}}}
}
