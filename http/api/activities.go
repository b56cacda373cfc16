package api

import (
	"cmp"
	"context"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/http/api/actionlog"
	"avportal/http/texts"
)

func (s *server) ListActivities(ctx context.Context, r ListActivitiesRequestObject) (ListActivitiesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	list, err := s.log.List(ctx, c.actor, activityFilter(p), value(p.Cursor), value(p.Limit))
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

func activityFilter(p ListActivitiesParams) actionlog.Filter {
	return actionlog.Filter{
		Customer: domain.CustomerID(value(p.Customer)), License: domain.LicenseID(value(p.License)), Device: domain.DeviceID(value(p.Device)),
		Actions: value(p.Action), States: values[device.RequestState](p.State), Actors: values[domain.ActorKind](p.Actor),
		ActorID: value(p.User), Text: value(p.Q), From: value(p.From), To: value(p.To),
	}
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
	l := languageOf(ctx)
	body := ActivityDetails{Activity: item, Events: eventListOf(l, events), Phases: each(phases, func(p actionlog.Phase) Phase {
		return Phase{Name: PhaseName(p.Name), Title: l.Name("phase", p.Name), State: PhaseState(p.State), At: instant(p.At)}
	})}
	return GetActivity200JSONResponse{Body: body}, nil
}

func (s *server) GetDeviceHistory(ctx context.Context, r GetDeviceHistoryRequestObject) (GetDeviceHistoryResponseObject, error) {
	events, err := s.log.History(ctx, callOf(ctx).actor, domain.DeviceID(r.Id), value(r.Params.Cursor), value(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	return GetDeviceHistory200JSONResponse{Body: eventListOf(languageOf(ctx), events)}, nil
}

func eventListOf(l texts.Language, p actionlog.EventPage) EventList {
	return EventList{NextCursor: some(p.Next), Items: each(p.Items, func(e actionlog.Event) Event {
		return Event{
			Id: e.ID, At: e.At.UTC(), Type: e.Type, Title: titleOf(l, cmp.Or(actionlog.ActionOf(e.Event), e.Type)), Activity: e.Meta.Correlation,
			Actor: actorOf(e.Meta), Subject: Subject{Kind: SubjectKind(e.Stream.Kind), Id: e.Stream.ID}, Data: e.Shown,
			Changes: each(e.Changes, changedOf),
		}
	})}
}

func changedOf(c actionlog.Change) ChangedValue {
	return ChangedValue{Field: c.Field, From: c.From, To: c.To}
}

// actors are asked for once in an answer.
func (s *server) actors(ctx context.Context) *actionlog.Actors {
	c := callOf(ctx)
	if c.actors == nil {
		c.actors = s.log.Actors(c.actor)
	}
	return c.actors
}

// titleOf is what an action is called.
func titleOf(l texts.Language, action string) string { return l.Name("action", action) }

func actorOf(m eventstore.Metadata) Actor {
	return Actor{Kind: ActorKind(m.Actor), Id: m.ActorID, OnBehalfOf: some(m.OnBehalfOf)}
}

func (s *server) activityOf(ctx context.Context, a actionlog.Activity) (Activity, error) {
	l := languageOf(ctx)
	names, err := s.log.Names(ctx, callOf(ctx).actor.Tenant, a.Place)
	out := Activity{
		Id: a.ID, Kind: "fact", Action: a.Action, Title: titleOf(l, a.Action), State: ActivityState(a.State),
		Detail: some(a.Detail), DetailText: some(detailOf(l, a)), Job: some(string(a.Job)),
		Actor: actorOf(a.Meta), StartedAt: a.Started.UTC(), EndedAt: instant(a.Ended),
		Customer: placed(a.Place.Customer, names.Customer), License: placed(a.Place.License, names.License),
		Group: placed(a.Place.Group, names.Group), Device: placed(a.Place.Device, names.Device),
	}
	if err != nil {
		return out, err
	}
	name, err := s.actors(ctx).Name(ctx, a.Meta)
	out.Actor.Name = some(name)
	if a.Command {
		out.Kind = "command"
	}
	if a.State == device.Completed {
		out.Ok = &a.OK
	}
	return out, err
}

// detailOf says for people how an activity has ended: what a device said stays as it is.
func detailOf(l texts.Language, a actionlog.Activity) string {
	if a.State != device.Aborted {
		return a.Detail
	}
	return nameOf(l, "reason", a.Detail)
}

// placed is where an activity took place; nil if there is none.
func placed[ID ~string](id ID, name string) *Ref {
	if id == "" {
		return nil
	}
	r := ref(id, name)
	return &r
}
