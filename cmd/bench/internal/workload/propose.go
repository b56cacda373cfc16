package workload

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

func collect[S domain.State[S]](s *S, c domain.Command[S]) ([]domain.Event, error) {
	events, err := c.Decide(*s)
	if err != nil {
		return nil, fmt.Errorf("workload: %T: %w", c, err)
	}
	for _, e := range events {
		*s = (*s).Evolve(e)
	}
	return events, nil
}

func evolve[S domain.State[S]](f *Fleet, yield func(Append) error, c domain.Command[S], s *S) error {
	events, err := collect(s, c)
	if err != nil {
		return err
	}
	return f.propose(c.Stream(), events, yield)
}

func decide[S domain.State[S]](f *Fleet, yield func(Append) error, c domain.Command[S], s S) error {
	return evolve(f, yield, c, &s)
}

// propose yields events for a stream whose revision is kept here.
func (f *Fleet) propose(s domain.Stream, events []domain.Event, yield func(Append) error) error {
	after, ok := f.revisions[s]
	if !ok {
		after = eventstore.NoStream
	}
	err := f.proposeAt(s, &after, events, yield)
	f.revisions[s] = after
	return err
}

func (f *Fleet) proposeAt(s domain.Stream, after *eventstore.Revision, events []domain.Event, yield func(Append) error) error {
	if len(events) == 0 {
		return nil
	}
	command := f.uuid()
	a := Append{At: f.clock, Stream: s, After: *after, Events: make([]eventstore.Proposed, len(events))}
	for i, e := range events {
		a.Events[i] = eventstore.Proposed{ID: f.uuid(), Event: e, Meta: eventstore.Metadata{
			Correlation: command, Causation: command, Command: command, Actor: domain.ActorClient, ActorID: s.ID,
		}}
	}
	*after += eventstore.Revision(len(events))
	return yield(a)
}

// uuid is a UUID of version 4 from the fleet's own chance.
func (f *Fleet) uuid() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], f.rnd.Uint64())
	binary.BigEndian.PutUint64(id[8:], f.rnd.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}
