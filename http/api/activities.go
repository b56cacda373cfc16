package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/http/api/actionlog"
)

func (s *server) ListActivities(ctx context.Context, r ListActivitiesRequestObject) (ListActivitiesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	list, err := s.log.List(ctx, c.actor, actionlog.Filter{
		Customer: domain.CustomerID(value(p.Customer)), License: domain.LicenseID(value(p.License)), Device: domain.DeviceID(value(p.Device)),
		Actions: value(p.Action), States: values[device.RequestState](p.State), Actors: values[domain.ActorKind](p.Actor),
		From: value(p.From), To: value(p.To),
	}, value(p.Cursor), value(p.Limit))
	if err != nil {
		return nil, err
	}
	body := ActivityList{Items: []Activity{}, NextCursor: some(list.Next), ScannedTo: instant(list.ScannedTo)}
	for _, a := range list.Items {
		item, err := s.activityOf(ctx, a)
		if err != nil {
			return nil, err
		}
		body.Items = append(body.Items, item)
	}
	return ListActivities200JSONResponse{Body: body}, nil
}

func (s *server) GetActivity(ctx context.Context, r GetActivityRequestObject) (GetActivityResponseObject, error) {
	c := callOf(ctx)
	a, phases, err := s.log.Get(ctx, c.actor, r.Id)
	if err != nil {
		return nil, err
	}
	item, err := s.activityOf(ctx, a)
	if err != nil {
		return nil, err
	}
	events, err := s.log.Events(ctx, c.actor, r.Id, value(r.Params.Cursor), value(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	body := ActivityDetails{Activity: item, Events: eventListOf(events), Phases: each(phases, func(p actionlog.Phase) Phase {
		return Phase{Name: PhaseName(p.Name), State: PhaseState(p.State), At: instant(p.At)}
	})}
	return GetActivity200JSONResponse{Body: body}, nil
}

func (s *server) GetDeviceHistory(ctx context.Context, r GetDeviceHistoryRequestObject) (GetDeviceHistoryResponseObject, error) {
	events, err := s.log.History(ctx, callOf(ctx).actor, domain.DeviceID(r.Id), value(r.Params.Cursor), value(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	return GetDeviceHistory200JSONResponse{Body: eventListOf(events)}, nil
}

func eventListOf(p actionlog.EventPage) EventList {
	return EventList{NextCursor: some(p.Next), Items: each(p.Items, func(e actionlog.Event) Event {
		return Event{
			Id: e.ID, At: e.At.UTC(), Type: e.Type, Activity: e.Meta.Correlation, Actor: actorOf(e.Meta),
			Subject: Subject{Kind: SubjectKind(e.Stream.Kind), Id: e.Stream.ID}, Data: e.Shown,
		}
	})}
}

func actorOf(m eventstore.Metadata) Actor {
	return Actor{Kind: ActorKind(m.Actor), Id: m.ActorID, OnBehalfOf: some(m.OnBehalfOf)}
}

func (s *server) activityOf(ctx context.Context, a actionlog.Activity) (Activity, error) {
	out := Activity{
		Id: a.ID, Kind: "fact", Action: a.Action, State: ActivityState(a.State), Detail: some(a.Detail), Job: some(string(a.Job)),
		Actor: actorOf(a.Meta), StartedAt: a.Started.UTC(), EndedAt: instant(a.Ended),
	}
	if a.Command {
		out.Kind = "command"
	}
	if a.State == device.Completed {
		out.Ok = &a.OK
	}
	return out, s.name(ctx, &out, a.Place)
}

// name adds where an activity took place, by the names of today.
func (s *server) name(ctx context.Context, out *Activity, p actionlog.Place) error {
	tenant := callOf(ctx).actor.Tenant
	if p.Customer != "" {
		r := ref(p.Customer, "")
		out.Customer = &r
		if err := commands.Peek(ctx, s.Commands, customer.Stream(tenant, p.Customer), func(st customer.State, _ eventstore.Revision) { r.Name = st.Name() }); err != nil {
			return err
		}
	}
	if p.License != "" {
		r := ref(p.License, "")
		out.License = &r
		if err := commands.Peek(ctx, s.Commands, license.Stream(tenant, p.License), func(st license.State, _ eventstore.Revision) { r.Name = st.Name() }); err != nil {
			return err
		}
	}
	if p.Group != "" {
		r := ref(p.Group, "")
		out.Group = &r
		if err := commands.Peek(ctx, s.Commands, group.Stream(tenant, p.Group.License()), func(st group.State, _ eventstore.Revision) { r.Name = st.Name(p.Group) }); err != nil {
			return err
		}
	}
	if p.Device != "" {
		name, err := s.log.DeviceName(ctx, tenant, p.Device)
		r := ref(p.Device, name)
		out.Device = &r
		return err
	}
	return nil
}
