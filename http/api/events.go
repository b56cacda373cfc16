package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"avportal/eventstore"
	"avportal/http/api/changes"
)

// Of the event stream.
const (
	heartbeat    = 15 * time.Second       // so that proxies don't take the connection for dead
	slowClient   = 10 * time.Second       // who does not take a message for so long is cut off
	perMessage   = 200                    // changes
	gather       = 100 * time.Millisecond // between two messages, so that a busy time does not become as many of them
	resetMessage = "event: reset\ndata: {}\n\n"
)

// streamEvents serves GET /events: what changes within the caller's reach. It stands apart from the generated routes, since
// it writes as long as the connection lives.
func (s *server) streamEvents(w http.ResponseWriter, r *http.Request) {
	after, err := lastEventID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	c := callOf(ctx)
	closed, ok := s.limits.openStream(c.id)
	if !ok {
		s.fail(w, r, errManyStreams)
		return
	}
	defer closed()
	begin, done := context.WithTimeout(ctx, 2*time.Second)
	reader, position, err := s.Changes.From(begin, c.actor.Tenant, after)
	done()
	reset := errors.Is(err, changes.ErrLost)
	if err != nil && !reset {
		s.fail(w, r, err)
		return
	}
	out := s.beginStream(w)
	out.write(fmt.Sprintf("id: %s\n: from here on\n\n", position))
	if reset {
		out.write(fmt.Sprintf("id: %s\n%s", position, resetMessage))
	}
	for out.err == nil {
		wait, done := context.WithTimeout(ctx, heartbeat)
		events, err := s.nextChanges(wait, reader)
		done()
		// A token may have been revoked since, a session have ended. What the vault can't tell ends the stream as well: the client
		// comes back.
		if _, authErr := s.identify(ctx, r); authErr != nil || err != nil || ctx.Err() != nil || s.closing() {
			return
		}
		if len(events) == 0 {
			out.write(": still here\n\n")
			continue
		}
		message, err := s.changeMessage(ctx, c, events)
		if err != nil {
			s.Log.WarnContext(ctx, "event stream ended", "request_id", requestID(ctx), "err", err)
			return
		}
		out.write(message)
		select {
		case <-time.After(gather):
		case <-ctx.Done():
		}
	}
}

// beginStream makes an answer a stream of events.
func (s *server) beginStream(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := &stream{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{}) // the request has been read; nothing more is expected
	return out
}

// nextChanges waits for changes, or for the end of the time or of the process.
func (s *server) nextChanges(ctx context.Context, r *changes.Reader) ([]eventstore.Recorded, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.Closing != nil {
		go func() {
			select {
			case <-s.Closing:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return r.Next(ctx, perMessage)
}

func (s *server) closing() bool {
	select {
	case <-s.Closing:
		return true
	default:
		return false
	}
}

func lastEventID(r *http.Request) (eventstore.Position, error) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		return eventstore.Position{}, nil
	}
	p, err := eventstore.ParsePosition(id)
	if err != nil {
		return p, invalidRequest("Last-Event-ID", "pattern", "This is not a position.")
	}
	return p, nil
}

// changeMessage is one message about events; those beyond the caller's reach only move its id.
func (s *server) changeMessage(ctx context.Context, c *call, events []eventstore.Recorded) (string, error) {
	position := events[len(events)-1].Position.String()
	message := Change{Position: position}
	told := map[string]bool{}
	for _, e := range events {
		visible, err := s.log.Visible(ctx, c.actor, e)
		if err != nil {
			return "", err
		}
		key := string(e.Stream.Kind) + "/" + e.Stream.ID + "/" + e.Type
		if !visible || told[key] {
			continue
		}
		told[key] = true
		message.Changes = append(message.Changes, ChangedObject{Id: e.Stream.ID, Kind: SubjectKind(e.Stream.Kind), Type: e.Type})
	}
	if len(message.Changes) == 0 {
		return fmt.Sprintf("id: %s\n\n", position), nil
	}
	data, err := json.Marshal(message)
	return fmt.Sprintf("id: %s\nevent: changed\ndata: %s\n\n", position, data), err
}

// stream writes messages, each at once and within bounds of time.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (o *stream) write(message string) {
	if o.err != nil {
		return
	}
	o.err = o.control.SetWriteDeadline(time.Now().Add(slowClient))
	if o.err == nil || errors.Is(o.err, http.ErrNotSupported) {
		_, o.err = o.w.Write([]byte(message))
	}
	if o.err == nil {
		o.err = o.control.Flush()
	}
}
