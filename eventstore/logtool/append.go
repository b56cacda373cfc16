package logtool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	// maxUnderWay and maxBytesUnderWay bound what was sent to a server and is not answered.
	maxUnderWay      = 1024
	maxBytesUnderWay = 8 << 20
	appendDeadline   = 30 * time.Second
)

// appender writes to a server. It sends one event after the other over one stream, without waiting for the answers, and
// each with its exact revision: a server answers a repeat as if it were new.
type appender struct {
	*server
	call   streams.Streams_BatchAppendClient
	cancel context.CancelFunc

	mu      sync.Mutex
	changed sync.Cond
	waiting map[int64]*Event // by correlation id
	sent    int64
	bytes   int
	err     error           // the first that matters
	ended   bool            // nothing is received any more
	gone    map[string]bool // streams that are deleted here, and not yet in what was written
}

func newAppender(ctx context.Context, s *server) (*appender, error) {
	ctx, cancel := context.WithCancel(ctx)
	call, err := s.streams.BatchAppend(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	a := &appender{server: s, call: call, cancel: cancel, waiting: map[int64]*Event{}, gone: map[string]bool{}}
	a.changed.L = &a.mu
	go a.receive()
	return a, nil
}

// stop ends the stream of appends; what is under way may be written or not.
func (a *appender) stop() {
	a.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.ended {
		a.changed.Wait()
	}
}

func (a *appender) submit(_ context.Context, e *Event) error {
	a.mu.Lock()
	for a.err == nil && (len(a.waiting) >= maxUnderWay || a.bytes > maxBytesUnderWay) {
		a.changed.Wait()
	}
	if a.err != nil {
		defer a.mu.Unlock()
		return a.err
	}
	a.sent++
	correlation := a.sent
	a.waiting[correlation] = e
	a.bytes += e.size()
	a.mu.Unlock()
	if err := a.call.Send(request(correlation, e)); err != nil && !errors.Is(err, io.EOF) { // after io.EOF the receiver learns more
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

func (a *appender) drain(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && len(a.waiting) > 0 {
		a.changed.Wait()
	}
	return a.err
}

// finish drains, and says whether the target has deleted streams that the source has not.
func (a *appender) finish(ctx context.Context) error {
	if err := a.drain(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for stream := range a.gone {
		return fmt.Errorf("%w: stream %q is deleted in the target only", ErrDiffers, stream)
	}
	return nil
}

func (a *appender) receive() {
	for {
		answer, err := a.call.Recv()
		a.mu.Lock()
		if err != nil {
			a.failLocked(fmt.Errorf("append: %w", err))
			a.ended = true
			a.changed.Broadcast()
			a.mu.Unlock()
			return
		}
		correlation := answer.GetCorrelationId().GetStructured().GetLeastSignificantBits()
		e := a.waiting[correlation]
		if e == nil {
			a.failLocked(errors.New("append: the server has answered what was not asked"))
		} else {
			a.settleLocked(e, answer)
			delete(a.waiting, correlation)
			a.bytes -= e.size()
		}
		a.changed.Broadcast()
		a.mu.Unlock()
	}
}

func (a *appender) failLocked(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *appender) settleLocked(e *Event, answer *streams.BatchAppendResp) {
	if ok := answer.GetSuccess(); ok != nil {
		if got := ok.GetCurrentRevision(); got != uint64(e.Revision) { //nolint:gosec // never negative
			a.failLocked(fmt.Errorf("%w: event %d of %q was written at revision %d", ErrDiffers, e.Revision, e.Stream, got))
		}
		return
	}
	refusal := answer.GetError()
	code := codes.Code(refusal.GetCode()) //nolint:gosec // codes are small
	for _, detail := range refusal.GetDetails() {
		switch {
		case detail.MessageIs((*shared.StreamDeleted)(nil)):
			// It was deleted in an earlier attempt, after this event was written.
			a.gone[strings.TrimPrefix(e.Stream, "$$")] = true
			return
		case detail.MessageIs((*shared.WrongExpectedVersion)(nil)):
			a.failLocked(fmt.Errorf("%w: event %d of %q is another one, or has no event before it", ErrDiffers, e.Revision, e.Stream))
			return
		case detail.MessageIs((*shared.Timeout)(nil)):
			code = codes.DeadlineExceeded
		}
	}
	if code == codes.OK {
		code = codes.Unknown
	}
	a.failLocked(fmt.Errorf("append event %d of %q: %w", e.Revision, e.Stream, status.Error(code, refusal.GetMessage())))
}

func (a *appender) last(ctx context.Context, stream string) (*Event, error) {
	e, err := a.event(ctx, stream, math.MaxInt64)
	if errors.Is(err, errDeleted) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.gone[strings.TrimPrefix(stream, "$$")] = true
	}
	return e, err
}

func (a *appender) tombstone(ctx context.Context, stream string) error {
	var trailer metadata.MD
	_, err := a.streams.Tombstone(ctx, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}},
	}}, grpc.Trailer(&trailer))
	if err != nil && exception(trailer) != "stream-deleted" {
		return fmt.Errorf("delete stream %q: %w", stream, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.gone, stream)
	return nil
}

func request(correlation int64, e *Event) *streams.BatchAppendReq {
	o := &streams.BatchAppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(e.Stream)},
		ExpectedStreamPosition: &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}},
		DeadlineOption:         &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(appendDeadline)},
	}
	if e.Revision > 0 {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(e.Revision - 1)}
	}
	contentType := "application/octet-stream"
	if e.JSON {
		contentType = "application/json"
	}
	return &streams.BatchAppendReq{
		CorrelationId: &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{LeastSignificantBits: correlation}}},
		Options:       o,
		ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{
			Id: structured(e.ID), Metadata: map[string]string{"type": e.Type, "content-type": contentType},
			CustomMetadata: e.Metadata, Data: e.Data,
		}},
		IsFinal: true,
	}
}
