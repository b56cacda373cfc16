package esdb

import (
	"context"
	"errors"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore"
)

// appendUnary makes one attempt with the official client, for servers without BatchAppend. It releases the link when
// the client has returned, which may be long after the caller has left.
func (s *Store) appendUnary(ctx context.Context, l *link, w write) (eventstore.Position, error) {
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, s.callTimeout)
	defer cancel()
	select {
	case s.calls <- struct{}{}:
	case <-call.Done():
		s.release(l)
		return eventstore.Position{}, call.Err()
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-s.calls; s.release(l) }()
		result, err := l.client.AppendToStream(call, w.stream, client.AppendToStreamOptions{ExpectedRevision: w.revision()}, w.data()...)
		if err != nil {
			done <- outcome{err: refusalOf(err)}
			return
		}
		done <- outcome{position: eventstore.Position{Commit: result.CommitPosition, Prepare: result.PreparePosition}}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-call.Done():
		o.err = errSilent
	}
	if o.err != nil && over(ctx) != nil {
		o.err = leaving(ctx, began)
	}
	if o.err != nil && breaks(o.err) {
		s.retire(l, o.err)
	}
	return o.position, o.err
}

// refusalOf gives an error of the client the meaning that eventstore knows.
func refusalOf(err error) error {
	if e := (*client.Error)(nil); errors.As(err, &e) && e.Code() == client.ErrorCodeWrongExpectedVersion {
		return errors.Join(eventstore.ErrConflict, err)
	}
	return err
}

func (w write) revision() client.ExpectedRevision {
	if w.expected == eventstore.NoStream {
		return client.NoStream{}
	}
	return client.Revision(uint64(w.expected))
}

func (w write) data() []client.EventData {
	events := make([]client.EventData, len(w.events))
	for i, e := range w.events {
		events[i] = client.EventData{EventID: e.ID, EventType: e.Type, ContentType: client.ContentTypeJson, Data: e.Data, Metadata: e.Metadata}
	}
	return events
}
