package actionlog

import (
	"cmp"
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/eventstore"
)

// mainOf finds the event that an activity is about: one of the very command that began it, not of the steps before and
// after, and not what merely ended with it. Without one, the activity has come to nothing.
func mainOf(events []eventstore.Recorded) (main eventstore.Recorded, found bool) {
	for _, r := range events {
		if r.Meta.Command != r.Meta.Correlation {
			continue
		}
		if !found {
			main, found = r, true
		}
		if _, aside := r.Event.(device.RequestAborted); !aside {
			return r, true
		}
	}
	return main, found
}

// line describes an activity by those of its events that the actor sees, of which there must be one. all is its beginning.
func (l *Log) line(ctx context.Context, actor domain.Actor, all, seen []eventstore.Recorded, whole bool) (Activity, error) {
	_, begun := mainOf(all)
	main, ok := mainOf(seen)
	if !ok {
		main = seen[0]
	}
	first, last := seen[0], seen[len(seen)-1]
	a := Activity{
		ID: main.Meta.Correlation, Action: cmp.Or(ActionOf(main.Event), main.Type), Main: main, Meta: main.Meta, Started: first.At,
		State: device.Completed, OK: true, Ended: last.At,
	}
	if !begun && whole {
		a.State, a.OK, a.Detail = device.Aborted, false, "incomplete"
	}
	var err error
	if a.Place, err = l.places.of(ctx, main); err != nil {
		return a, err
	}
	switch e := main.Event.(type) {
	case device.Moved:
		if actor.Customer != "" && actor.Customer != e.ToCustomer { // he sees that it left, not where it went
			a.Place = Place{Customer: e.FromCustomer, License: e.FromLicense, Group: e.FromGroup, Device: e.Device}
		}
	case device.ScanRequested:
		err = l.request(ctx, &a, seen, e.Request)
	case device.UpdateRequested:
		err = l.request(ctx, &a, seen, e.Request)
	case device.ProfileRequested:
		err = l.request(ctx, &a, seen, e.Request)
	case device.LogRequested:
		err = l.request(ctx, &a, seen, e.Request)
	case job.Accepted:
		err = l.job(ctx, &a, main, e)
	}
	if g, ok := groupOf(main.Event); ok {
		a.Place.Group = g
	}
	return a, err
}

// request says how a request to a device stands. What the activity does not tell (its turn in the queue, that the device
// was removed with it), the device knows.
func (l *Log) request(ctx context.Context, a *Activity, events []eventstore.Recorded, id device.RequestID) error {
	a.Command = true
	history := make([]domain.Event, len(events))
	for i, r := range events {
		history[i] = r.Event
		switch e := r.Event.(type) {
		case device.RequestCompleted:
			if e.Request == id {
				a.OK, a.Detail, a.Ended = e.OK, e.Detail, r.At
			}
		case device.RequestAborted:
			if e.Request == id {
				a.OK, a.Detail, a.Ended = false, string(e.Reason), r.At
			}
		}
	}
	a.State = device.RequestStates(history)[id]
	if a.State == device.Completed || a.State == device.Aborted {
		return nil
	}
	a.OK, a.Ended = false, noTime
	return commands.Inspect(ctx, l.commands, events[0].Stream, func(s device.State, _ eventstore.Revision) {
		for _, p := range s.Pending() {
			if p.ID == id {
				a.State = p.State
			}
		}
		if s.Removed() {
			a.State, a.Detail = device.Aborted, string(device.AbortedByRemoval)
		}
	})
}

// job says how a job stands.
func (l *Log) job(ctx context.Context, a *Activity, r eventstore.Recorded, e job.Accepted) error {
	a.Command, a.Job, a.Place.Group = true, e.Job, e.Order.To
	return commands.Inspect(ctx, l.commands, r.Stream, func(s job.State, _ eventstore.Revision) {
		done, _, failed := s.Progress()
		switch {
		case s.Ended():
			a.State, a.OK = device.Completed, failed == 0
			return
		case done > 0:
			a.State = device.Running
		default:
			a.State = device.Outstanding
		}
		a.OK, a.Ended = false, noTime
	})
}

// groupOf is the group that an event is about.
func groupOf(e domain.Event) (domain.GroupID, bool) {
	switch e := e.(type) {
	case group.MainCreated:
		return e.Group, true
	case group.Created:
		return e.Group, true
	case group.Renamed:
		return e.Group, true
	case group.Moved:
		return e.Group, true
	case group.Deleted:
		return e.Group, true
	case group.ProfileChosen:
		return e.Group, true
	}
	return "", false
}
