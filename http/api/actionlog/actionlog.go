// Package actionlog reads the event log as the portal's action log. There is no second table of what was done: a tenant's
// history is the stream $ce-<tenant>, an activity (a command and all that came of it) is $bc-<correlation>, and the history
// of one device is its own stream.
package actionlog

import (
	"context"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// Log reads. It is safe for concurrent use.
type Log struct {
	commands *commands.Handler
	store    eventstore.Store
	places   *places
}

// New makes a Log. The handler serves for what aggregates know of themselves: names, and where a job stands.
func New(h *commands.Handler, store eventstore.Store) *Log {
	return &Log{commands: h, store: store, places: newPlaces(store)}
}

// Activity is one line of the action log.
type Activity struct {
	ID      uuid.UUID
	Command bool // something was asked for and takes its time; otherwise it has happened, and that is all
	Action  string
	State   device.RequestState
	OK      bool   // once it is completed
	Detail  string // what the device said of the outcome, or why the activity was aborted
	Place   Place
	Job     job.ID
	Main    eventstore.Recorded // the event that the line is about
	Meta    eventstore.Metadata // of that event: the actor, above all
	Started time.Time
	Ended   time.Time // zero: not yet
}

// Visible reports whether an event lies within an actor's reach, at the place where its subject stood then.
func (l *Log) Visible(ctx context.Context, a domain.Actor, r eventstore.Recorded) (bool, error) {
	if a.Tenant != r.Stream.Tenant {
		return false, nil
	}
	if a.Customer == "" {
		return true, nil
	}
	if m, ok := r.Event.(device.Moved); ok {
		return a.Customer == m.FromCustomer || a.Customer == m.ToCustomer, nil
	}
	if o, ok := r.Event.(profile.OwnerChanged); ok {
		return a.Customer == o.From || a.Customer == o.To, nil
	}
	p, err := l.places.of(ctx, r)
	return err == nil && p.Customer == a.Customer, err
}

func (l *Log) visibleOf(ctx context.Context, a domain.Actor, all []eventstore.Recorded) ([]eventstore.Recorded, error) {
	var seen []eventstore.Recorded
	for _, r := range all {
		ok, err := l.Visible(ctx, a, r)
		if err != nil {
			return nil, err
		}
		if ok {
			seen = append(seen, r)
		}
	}
	return seen, nil
}

// maxTimeline bounds how much of one activity is looked at for its line. Only jobs are longer; how those stand, their own
// aggregate tells.
const maxTimeline = 200

// timeline reads the beginning of an activity as a tenant has it. whole is false if there is more.
func (l *Log) timeline(ctx context.Context, t domain.Tenant, id uuid.UUID) (events []eventstore.Recorded, whole bool, err error) {
	n := 0
	for r, err := range l.store.ReadLinks(ctx, "$bc-"+id.String(), eventstore.Start, eventstore.Forward, maxTimeline) {
		if err != nil {
			return nil, false, err
		}
		n++
		if r.Stream.Tenant == t && !r.Stream.Telemetry {
			events = append(events, r)
		}
	}
	return events, n < maxTimeline, nil
}
