package node

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"avportal/eventstore/node/storage"
)

// maxUnanswered bounds the appends of one BatchAppend call that were received and not answered yet.
const maxUnanswered = 16384

// batchAppend is one write of a BatchAppend call.
type batchAppend struct {
	storage.Append
	call        *batchCall
	correlation []byte
}

// batchCall carries the answers of one BatchAppend call from the commits to the one goroutine that sends them.
type batchCall struct {
	node *Node
	ctx  context.Context // knows who makes the call
	room chan struct{}   // one token per unanswered append

	mu       sync.Mutex
	answered []*batchAppend
	wake     chan struct{}
}

// BatchAppend takes writes from a stream and answers each when it is durable, in the order of the commits.
func (s *streamsService) BatchAppend(stream streams.Streams_BatchAppendServer) error {
	call := &batchCall{node: s.node, ctx: stream.Context(), room: make(chan struct{}, maxUnanswered), wake: make(chan struct{}, 1)}
	received := make(chan error, 1)
	go func() { received <- call.receive(stream) }()
	var end error
	for ended := false; ; {
		select {
		case <-call.wake:
			if err := call.answer(stream); err != nil {
				return err
			}
		case end = <-received:
			ended, received = true, nil
		case <-s.node.closing:
			ended, end = true, errClosing
			if len(call.room) > 0 {
				// What was received is written, so it is answered.
				select {
				case <-call.wake:
					if err := call.answer(stream); err != nil {
						return err
					}
				case <-stream.Context().Done():
					return stream.Context().Err()
				}
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		if ended && len(call.room) == 0 {
			return end
		}
	}
}

// receive submits what arrives until the client ends the call or makes a mistake that leaves no way to answer.
func (c *batchCall) receive(stream streams.Streams_BatchAppendServer) error {
	parts := map[string]*batchRequest{}
	partBytes := 0
	for {
		var message received
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := decodeBatchRequest(message.data)
		if err != nil || len(r.correlation) == 0 {
			return invalid("a message of a batch append needs a correlation id and must be well formed")
		}
		request := &r
		if first, known := parts[string(r.correlation)]; known {
			first.join(&r)
			request = first
		} else if !r.hasOptions {
			return invalid("the first message with a correlation id holds the options")
		}
		if !request.final {
			if partBytes += len(message.data); partBytes > maxMessageSize {
				return status.Error(codes.ResourceExhausted, "too many unfinished batch appends")
			}
			parts[string(r.correlation)] = request
			continue
		}
		if delete(parts, string(r.correlation)); len(parts) == 0 {
			partBytes = 0
		}
		select {
		case c.room <- struct{}{}:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-c.node.closing:
			return errClosing
		}
		c.submit(request)
	}
}

// join adds a later part of a batch.
func (r *batchRequest) join(part *batchRequest) {
	r.events = append(r.events, part.events...)
	r.size += part.size
	r.final = part.final
	if r.problem == "" {
		r.problem = part.problem
	}
}

func (c *batchCall) submit(r *batchRequest) {
	a := &batchAppend{call: c, correlation: r.correlation, Append: storage.Append{
		Stream: string(r.stream), Expected: r.expected, Events: r.events, Deadline: r.deadline,
	}}
	a.Done = func(*storage.Append) { c.done(a) }
	if a.Err = c.check(r, a.Stream); a.Err != nil {
		c.done(a)
		return
	}
	c.node.db.Submit(&a.Append)
}

func (c *batchCall) check(r *batchRequest, stream string) error {
	switch {
	case r.problem != "":
		return badRequest(r.problem)
	case !r.hasExpected:
		return badRequest("an expected stream position is needed")
	case r.size > c.node.config.MaxAppendSize:
		return errTooLarge
	}
	if err := checkStreamName(stream); err != nil {
		return err
	}
	return c.node.allow(c.ctx, stream, opWrite)
}

type badRequest string

func (e badRequest) Error() string { return string(e) }

var errTooLarge = errors.New("the append is too large")

// done is called by the goroutine that finishes commits.
func (c *batchCall) done(a *batchAppend) {
	c.mu.Lock()
	c.answered = append(c.answered, a)
	first := len(c.answered) == 1
	c.mu.Unlock()
	if first {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// answer sends everything that is answered by now.
func (c *batchCall) answer(stream streams.Streams_BatchAppendServer) error {
	c.mu.Lock()
	answered := c.answered
	c.answered = nil
	c.mu.Unlock()
	var arena []byte
	for _, a := range answered {
		<-c.room
		start := len(arena)
		arena = appendBatchEcho(arena, a.correlation, a.Stream, a.Expected)
		if a.Err == nil {
			arena = appendBatchSuccess(arena, a.Revision, a.Position)
		} else {
			arena = c.appendError(arena, a)
		}
		if err := stream.SendMsg(frame(arena[start:len(arena):len(arena)])); err != nil {
			return err
		}
	}
	return nil
}

func (c *batchCall) appendError(dst []byte, a *batchAppend) []byte {
	s := c.errorStatus(a)
	encoded, err := proto.Marshal(s)
	if err != nil { // only for text that is not UTF-8, of which none gets here
		encoded = nil
	}
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	return protowire.AppendBytes(dst, encoded)
}

// errorStatus packs an error as clients of BatchAppend match on it: by the type of its detail.
func (c *batchCall) errorStatus(a *batchAppend) *rpcstatus.Status {
	var wrong *storage.WrongExpectedVersionError
	var deleted *storage.StreamDeletedError
	var bad badRequest
	var code codes.Code
	detail := proto.Message(&shared.Unknown{})
	switch err := a.Err; {
	case errors.As(err, &wrong):
		code, detail = codes.AlreadyExists, wrongVersionDetail(wrong)
	case errors.As(err, &deleted):
		code, detail = codes.NotFound, &shared.StreamDeleted{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(deleted.Stream)}}
	case errors.Is(err, errTooLarge):
		code, detail = codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(min(c.node.config.MaxAppendSize, math.MaxUint32))}
	case errors.As(err, &bad):
		code, detail = codes.InvalidArgument, &shared.BadRequest{Message: bad.Error()}
	case errors.Is(err, storage.ErrDeadline):
		code, detail = codes.DeadlineExceeded, &shared.Timeout{}
	case status.Code(err) == codes.PermissionDenied:
		code, detail = codes.PermissionDenied, &shared.AccessDenied{}
	default:
		code = status.Code(statusOf(context.Background(), err))
	}
	s := &rpcstatus.Status{Code: int32(code), Message: a.Err.Error()}
	if packed, err := anypb.New(detail); err == nil {
		s.Details = []*anypb.Any{packed}
	}
	return s
}

func wrongVersionDetail(e *storage.WrongExpectedVersionError) proto.Message {
	w := &shared.WrongExpectedVersion{
		CurrentStreamRevisionOption: &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}},
	}
	if e.Actual >= 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(e.Actual)}
	}
	switch e.Expected {
	case storage.Any:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case storage.StreamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case storage.NoStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(e.Expected)}
	}
	return w
}
