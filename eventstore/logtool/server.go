package logtool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"avportal/eventstore/esdb"
)

// server is a log that is reached over the network.
type server struct {
	conn     *grpc.ClientConn
	streams  streams.StreamsClient
	patience time.Duration
}

// defaultPatience is how long a server may be away, or refuse for lack of room, before a tool gives up.
const defaultPatience = time.Minute

func dial(ctx context.Context, connectionString string, patience time.Duration, logger *slog.Logger) (*server, error) {
	conn, err := esdb.Dial(ctx, connectionString, logger)
	if err != nil {
		return nil, err
	}
	if patience <= 0 {
		patience = defaultPatience
	}
	return &server{conn: conn, streams: streams.NewStreamsClient(conn), patience: patience}, nil
}

func (s *server) close() error { return s.conn.Close() }

// head is the position of the last event of any stream, 0 for an empty log.
func (s *server) head(ctx context.Context) (uint64, error) {
	o := allOptions(nil, streams.ReadReq_Options_Backwards)
	o.CountOption = &streams.ReadReq_Options_Count{Count: 1}
	for e, err := range s.read(ctx, o) {
		if err != nil {
			return 0, err
		}
		return e.Position, nil
	}
	return 0, nil
}

// events reads what a copy carries, up to a position (inclusive) and from one on, 0 for the start. While the server is
// away it waits, and goes on behind what it has yielded.
func (s *server) events(ctx context.Context, from, until uint64) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		next, last, began := from, uint64(0), false
		retry := newRetry(s.patience)
		for {
			o := allOptions(position(next), streams.ReadReq_Options_Forwards)
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: filter()}
			err := error(nil)
			for e, problem := range s.read(ctx, o) {
				if err = problem; err != nil {
					break
				}
				if began && e.Position <= last { // a position that was never handed out may be refused, so the last one is asked for again
					continue
				}
				if e.Position > until {
					return
				}
				last, next, began = e.Position, e.Position, true
				retry.progress()
				if carried(e.Stream) && !yield(e, nil) {
					return
				}
			}
			if err == nil {
				return
			}
			if !transient(err) || !retry.wait(ctx) {
				yield(nil, fmt.Errorf("read the log: %w", err))
				return
			}
		}
	}
}

// backwards reads what a copy carries from the end on.
func (s *server) backwards(ctx context.Context) iter.Seq2[*Event, error] {
	o := allOptions(nil, streams.ReadReq_Options_Backwards)
	o.FilterOption = &streams.ReadReq_Options_Filter{Filter: filter()}
	return s.read(ctx, o)
}

// errUnreadable says that a stream has no such event, or hides it.
var errUnreadable = errors.New("no such event")

// errDeleted says that a stream is tombstoned.
var errDeleted = errors.New("the stream is deleted")

// event reads one event of a stream, the last one at revision math.MaxInt64.
func (s *server) event(ctx context.Context, stream string, revision int64) (*Event, error) {
	at := &streams.ReadReq_Options_StreamOptions{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}}
	direction := streams.ReadReq_Options_Forwards
	if revision == math.MaxInt64 {
		at.RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
		direction = streams.ReadReq_Options_Backwards
	} else {
		at.RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: uint64(revision)} //nolint:gosec // never negative
	}
	o := readOptions(direction)
	o.StreamOption = &streams.ReadReq_Options_Stream{Stream: at}
	o.CountOption = &streams.ReadReq_Options_Count{Count: 1}
	for e, err := range s.read(ctx, o) {
		if err != nil {
			return nil, err
		}
		if revision != math.MaxInt64 && e.Revision != revision {
			break
		}
		return e, nil
	}
	return nil, errUnreadable
}

// read makes one call and yields the events of its answer.
func (s *server) read(ctx context.Context, o *streams.ReadReq_Options) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		call, err := s.streams.Read(ctx, &streams.ReadReq{Options: o})
		for err == nil {
			var answer *streams.ReadResp
			if answer, err = call.Recv(); err != nil {
				break
			}
			recorded := answer.GetEvent().GetEvent()
			if recorded == nil {
				continue // a message about the stream
			}
			var e *Event
			if e, err = eventOf(recorded); err == nil && !yield(e, nil) {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if call != nil && exception(call.Trailer()) == "stream-deleted" {
			err = errDeleted
		}
		yield(nil, err)
	}
}

func exception(trailer metadata.MD) string {
	if values := trailer.Get("exception"); len(values) > 0 {
		return values[0]
	}
	return ""
}

func eventOf(r *streams.ReadResp_ReadEvent_RecordedEvent) (*Event, error) {
	m := r.GetMetadata()
	created, err := strconv.ParseInt(m["created"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the time stamp of event %d of %q: %w", r.GetStreamRevision(), r.GetStreamIdentifier().GetStreamName(), err)
	}
	e := &Event{
		Position: r.GetCommitPosition(), Stream: string(r.GetStreamIdentifier().GetStreamName()),
		Revision: int64(r.GetStreamRevision()), //nolint:gosec // revisions stay below 2^63
		Type:     m["type"], JSON: m["content-type"] == "application/json", Created: created,
		Data: r.GetData(), Metadata: r.GetCustomMetadata(),
	}
	id := r.GetId().GetStructured()
	binary.BigEndian.PutUint64(e.ID[:8], uint64(id.GetMostSignificantBits()))  //nolint:gosec // the bits are what counts
	binary.BigEndian.PutUint64(e.ID[8:], uint64(id.GetLeastSignificantBits())) //nolint:gosec // the bits are what counts
	return e, nil
}

func structured(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])), //nolint:gosec // the bits are what counts
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])), //nolint:gosec // the bits are what counts
	}}}
}
