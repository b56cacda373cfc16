package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"

	"avportal/domain"
	"avportal/eventstore"
)

// followLog subscribes to the log over the connection that the appends take, so that an answer and the event that it is about
// arrive in one packet. What comes is decoded by hand. Unless it is live it ends where it has caught up.
func followLog(ctx context.Context, conn *grpc.ClientConn, after eventstore.Position, live bool) (feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	call, err := streams.NewStreamsClient(conn).Read(ctx, followRequest(after), grpc.ForceCodecV2(newMessages()))
	if err == nil {
		err = confirmed(call)
	}
	if err != nil {
		cancel()
		return feed{}, fmt.Errorf("subscribe: %w", err)
	}
	next := func() (eventstore.Recorded, bool, error) {
		for {
			m, err := receive(call)
			if err != nil {
				return eventstore.Recorded{}, false, err
			}
			f, _, err := m.next()
			switch {
			case err != nil:
				return eventstore.Recorded{}, false, fmt.Errorf("%w: %w", errFinal, err)
			case f.tag == 1<<3|bytesType:
				r, ours, err := readEvent(f.content)
				if err != nil {
					err = fmt.Errorf("%w: %w", errFinal, err)
				}
				return r, ours, err
			case f.tag == 8<<3|bytesType && !live: // caught up
				return eventstore.Recorded{}, false, io.EOF
			}
		}
	}
	return feed{next: next, close: cancel}, nil
}

// followRequest asks for all but system events. The server leaves those out, which matters: two of three events in the log
// are links.
func followRequest(after eventstore.Position) *streams.ReadReq {
	from := &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}
	if !after.IsZero() {
		from.AllOption = &streams.ReadReq_Options_AllOptions_Position{
			Position: &streams.ReadReq_Options_Position{CommitPosition: after.Commit, PreparePosition: after.Prepare},
		}
	}
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: from},
		CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
		FilterOption: &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
			Filter: &streams.ReadReq_Options_FilterOptions_EventType{
				EventType: &streams.ReadReq_Options_FilterOptions_Expression{Regex: `^[^\$].*`},
			},
			Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 512}, CheckpointIntervalMultiplier: 16,
		}},
		UuidOption: &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}},
	}}
}

// confirmed waits for the server to say that the subscription stands.
func confirmed(call grpc.ClientStream) error {
	m, err := receive(call)
	if err != nil {
		return err
	}
	if f, _, err := m.next(); err != nil || f.tag != 2<<3|bytesType {
		return errors.Join(errors.New("the server confirms no subscription"), err)
	}
	return nil
}

// receive takes a message. A subscription has no regular end, so the end of the call is none.
func receive(call grpc.ClientStream) (m message, err error) {
	if err = call.RecvMsg(&m); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// recorded reads a RecordedEvent. The bytes of the message are kept.
func recorded(m message) (r eventstore.Recorded, ours bool, err error) {
	r.Link = eventstore.NoStream
	var stream, created []byte
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return r, false, err
		}
		switch f.tag {
		case 1<<3 | bytesType:
			r.ID, err = message(f.content).uuid()
		case 2<<3 | bytesType:
			stream, err = streamName(f.content)
		case 3<<3 | varintType:
			r.Revision = eventstore.Revision(f.varint) //nolint:gosec // revisions stay below 2^63
		case 4<<3 | varintType:
			r.Position.Prepare = f.varint
		case 5<<3 | varintType:
			r.Position.Commit = f.varint
		case 6<<3 | bytesType:
			var key, value []byte
			key, value, err = message(f.content).strings()
			switch string(key) {
			case "type":
				r.Type = string(value)
			case "created":
				created = value
			}
		case 7<<3 | bytesType:
			r.RawMeta = f.content
		case 8<<3 | bytesType:
			r.Data = f.content
		}
		if err != nil {
			return r, false, err
		}
	}
	if r.Stream, err = domain.ParseStream(stream); err != nil {
		return r, false, nil //nolint:nilerr // not the portal's
	}
	ticks, err := strconv.ParseInt(string(created), 10, 64) // of 100 ns, since 1970
	if err != nil {
		return r, false, fmt.Errorf("%w: %d@%s was created at %q", errMalformed, r.Revision, stream, created)
	}
	r.At = time.Unix(0, ticks*100).UTC()
	return r, true, nil
}

func streamName(m message) (name []byte, err error) {
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return nil, err
		}
		if f.tag == 3<<3|bytesType {
			name = f.content
		}
	}
	return name, nil
}
