package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
)

// errNoProfile is for callers who are no members: tokens.
var errNoProfile = &domain.Error{Class: domain.Conflict, Code: "no_profile", Message: "A token has no profile; only people do."}

// GetProfile shows the caller his own membership, from its stream: it is never behind.
func (s *server) GetProfile(ctx context.Context, _ GetProfileRequestObject) (GetProfileResponseObject, error) {
	c := callOf(ctx)
	var body Profile
	var revision eventstore.Revision
	err := s.inspectUser(ctx, domain.UserID(c.actor.ID), func(m user.State, r eventstore.Revision) {
		p := m.Profile()
		body, revision = Profile{
			Id: c.actor.ID, Salutation: Salutation(p.Salutation.Text), FirstName: p.FirstName.Text, Surname: p.Surname.Text,
			Email: m.Email().Text, Language: Language(p.Language), Role: Role(m.Role()), WebinarSeen: m.WebinarSeen(), ReadonlyLink: m.Link() != "",
			Columns: ChosenColumns{Devices: each(m.Columns(user.DeviceTable), same), Licenses: each(m.Columns(user.LicenseTable), same)},
		}, r
	})
	if err != nil {
		return nil, err
	}
	return GetProfile200JSONResponse{body, GetProfile200ResponseHeaders{ETag: etag(revision)}}, nil
}

func same(s string) string { return s }

// ChangeProfile changes what the caller names of his own membership.
func (s *server) ChangeProfile(ctx context.Context, r ChangeProfileRequestObject) (ChangeProfileResponseObject, error) {
	c, b := callOf(ctx), r.Body
	tenant, id := c.actor.Tenant, domain.UserID(c.actor.ID)
	if err := s.inspectUser(ctx, id, func(user.State, eventstore.Revision) {}); err != nil {
		return nil, err
	}
	if err := s.expect(ctx, user.Stream(tenant, id)); err != nil {
		return nil, err
	}
	var steps []func(commands.Request) (commands.Result, error)
	if b.Email != nil {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) {
			return commands.ChangeEmail(ctx, s.Commands, rq, user.ChangeEmail{Tenant: tenant, User: id, Email: *b.Email, Self: true, At: c.at})
		})
	}
	var own domain.Command[user.State]
	if b.Salutation != nil || b.FirstName != nil || b.Surname != nil || b.Language != nil {
		details, err := s.details(ctx, id, b.Salutation, b.FirstName, b.Surname, b.Language)
		if err != nil {
			return nil, err
		}
		own = user.ChangeProfile{Tenant: tenant, User: id, Details: details, Self: true, At: c.at}
	}
	if b.Columns != nil {
		for table, columns := range map[user.Table]*[]string{user.DeviceTable: b.Columns.Devices, user.LicenseTable: b.Columns.Licenses} {
			if columns != nil {
				own = join(own, domain.Command[user.State](user.ChooseColumns{Tenant: tenant, User: id, Table: table, Columns: *columns, At: c.at}))
			}
		}
	}
	if value(b.WebinarSeen) {
		own = join(own, domain.Command[user.State](user.SeeWebinar{Tenant: tenant, User: id, At: c.at}))
	}
	if own != nil {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) { return commands.Do(ctx, s.Commands, rq, own) })
	}
	res, err := c.inOrder(steps)
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChangeProfile200JSONResponse{body, ChangeProfile200ResponseHeaders(h)}, nil
}

// inOrder carries out the changes that one request asks for, each by a command of its own. The first has the request's own id;
// the others follow from it, so that the whole can be repeated.
func (c *call) inOrder(steps []func(commands.Request) (commands.Result, error)) (res commands.Result, err error) {
	rq := c.request()
	rq.Expected = nil // has been seen to: the first step moves the revision
	events := 0
	for i, step := range steps {
		if i > 0 {
			rq = c.request().Derive(string(rune('a' + i)))
		}
		if res, err = step(rq); err != nil {
			return res, err
		}
		events += res.Events
	}
	res.Events = events
	return res, nil
}

// details are a member's as they are, with what is to be changed. One who is not there is refused by the command that follows.
func (s *server) details(ctx context.Context, id domain.UserID, salutation *Salutation, first, surname *string, language *Language) (d user.Details, err error) {
	err = commands.Inspect(ctx, s.Commands, user.Stream(callOf(ctx).actor.Tenant, id), func(m user.State, _ eventstore.Revision) { d = user.DetailsOf(m.Profile()) })
	if salutation != nil {
		d.Salutation = string(*salutation)
	}
	if first != nil {
		d.FirstName = *first
	}
	if surname != nil {
		d.Surname = *surname
	}
	if language != nil {
		d.Language = user.Language(*language)
	}
	return d, err
}

// inspectUser shows the caller's own membership.
func (s *server) inspectUser(ctx context.Context, id domain.UserID, show func(user.State, eventstore.Revision)) error {
	c := callOf(ctx)
	there := false
	err := commands.Inspect(ctx, s.Commands, user.Stream(c.actor.Tenant, id), func(m user.State, r eventstore.Revision) {
		if there = m.Exists() && c.actor.Sees(m.Scope()); there {
			show(m, r)
		}
	})
	if err == nil && !there {
		err = errNoProfile
	}
	return err
}
