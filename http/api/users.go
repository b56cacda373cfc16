package api

import (
	"context"
	"errors"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/projections/page"
	"avportal/projections/users"
)

const usersView = "users"

func (s *server) ListUsers(ctx context.Context, r ListUsersRequestObject) (ListUsersResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, usersView, licensesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	sort, descending := order(value(p.Sort))
	f := users.Filter{
		Customer: domain.CustomerID(value(p.Customer)), Roles: values[domain.Role](p.Role), Statuses: values[users.Status](p.Status),
		Search: value(p.Q), Sort: users.Sort(sort), Descending: descending,
	}
	list, err := users.List(ctx, v.db, c.scope(), v.at, f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	body := UserList{Items: each(list.Items, userOf), NextCursor: some(list.Next)}
	if value(p.Count) {
		total, err := users.Total(ctx, v.db, c.scope(), v.at, f)
		if err != nil {
			return nil, err
		}
		body.Total = &total
	}
	return ListUsers200JSONResponse{body, ListUsers200ResponseHeaders{position(v.position)}}, nil
}

func (s *server) GetUser(ctx context.Context, r GetUserRequestObject) (GetUserResponseObject, error) {
	c, id := callOf(ctx), domain.UserID(r.Id)
	var u users.User
	h, err := s.object(ctx, usersView, user.Stream(c.actor.Tenant, id), func(v reading) (at eventstore.Position, err error) {
		if at, err = v.reached(ctx, usersView); err == nil {
			u, err = users.Get(ctx, v.db, c.scope(), v.at, id)
		}
		return at, err
	})
	if err != nil {
		return nil, err
	}
	return GetUser200JSONResponse{userOf(u), GetUser200ResponseHeaders(h)}, nil
}

func userOf(u users.User) User {
	out := User{
		Id: string(u.ID), Salutation: Salutation(u.Salutation), FirstName: u.FirstName, Surname: u.Surname, Email: u.Email,
		Language: Language(u.Language), Role: Role(u.Role), Status: UserStatus(u.Status),
		InvitedAt: u.InvitedAt, InvitationExpiresAt: instant(u.ExpiresAt), AcceptedAt: instant(u.AcceptedAt),
	}
	if u.Language == "" { // of one who was erased
		out.Language = Language(user.German)
	}
	if u.Customer != "" {
		customer := ref(u.Customer, u.CustomerName)
		out.Customer = &customer
	}
	return out
}

func (s *server) InviteUser(ctx context.Context, r InviteUserRequestObject) (InviteUserResponseObject, error) {
	c, b := callOf(ctx), r.Body
	rq := c.request()
	id := domain.UserID(rq.NewID("user").String())
	of := domain.CustomerID(value(b.Customer))
	if of == "" {
		of = c.actor.Customer // who is limited to a customer invites into that one
	}
	res, err := commands.InviteUser(ctx, s.Commands, rq, user.Invite{
		Tenant: c.actor.Tenant, Customer: of, User: id, Email: b.Email, Role: domain.Role(b.Role), At: c.at,
		Details: user.Details{
			Salutation: string(value(b.Salutation)), FirstName: b.FirstName, Surname: b.Surname, Language: user.Language(value(b.Language)),
		},
	})
	if err != nil {
		return nil, err
	}
	_, h := created("/users/", id, res)
	body, err := s.invited(ctx, id, res)
	if err != nil {
		return nil, err
	}
	return InviteUser201JSONResponse{body, InviteUser201ResponseHeaders(h)}, nil
}

// invited adds the link, where nobody else brings it to the person.
func (s *server) invited(ctx context.Context, id domain.UserID, res commands.Result) (Invited, error) {
	c, _ := changed(id, res)
	body := Invited{Id: c.Id, Revision: c.Revision, Position: c.Position, Changed: c.Changed}
	if s.Mails == nil || s.Mails.Sends() {
		return body, nil
	}
	link, err := s.Mails.InvitationLink(ctx, callOf(ctx).actor.Tenant, id)
	if errors.Is(err, user.ErrInvitation) { // accepted meanwhile: the request was repeated
		return body, nil
	}
	body.InvitationLink = &link
	return body, err
}

// ChangeUser goes through what may be refused first.
func (s *server) ChangeUser(ctx context.Context, r ChangeUserRequestObject) (ChangeUserResponseObject, error) {
	c, b := callOf(ctx), r.Body
	tenant, id := c.actor.Tenant, domain.UserID(r.Id)
	if err := s.expect(ctx, user.Stream(tenant, id)); err != nil {
		return nil, err
	}
	var steps []func(commands.Request) (commands.Result, error)
	if b.Role != nil {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) {
			return commands.ChangeRole(ctx, s.Commands, rq, user.ChangeRole{Tenant: tenant, User: id, Role: domain.Role(*b.Role), At: c.at})
		})
	}
	if b.Email != nil {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) {
			return commands.ChangeEmail(ctx, s.Commands, rq, user.ChangeEmail{Tenant: tenant, User: id, Email: *b.Email, At: c.at})
		})
	}
	if b.Salutation != nil || b.FirstName != nil || b.Surname != nil || b.Language != nil {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) {
			details, err := s.details(ctx, id, b.Salutation, b.FirstName, b.Surname, b.Language)
			if err != nil {
				return commands.Result{}, err
			}
			return commands.Do[user.State](ctx, s.Commands, rq, user.ChangeProfile{Tenant: tenant, User: id, Details: details, At: c.at})
		})
	}
	res, err := c.inOrder(steps)
	if err != nil {
		return nil, err
	}
	body, h := changed(r.Id, res)
	return ChangeUser200JSONResponse{body, ChangeUser200ResponseHeaders(h)}, nil
}

func (s *server) ResendInvitation(ctx context.Context, r ResendInvitationRequestObject) (ResendInvitationResponseObject, error) {
	c := callOf(ctx)
	res, err := commands.RenewInvitation(ctx, s.Commands, c.request(), user.RenewInvitation{Tenant: c.actor.Tenant, User: domain.UserID(r.Id), At: c.at})
	if err != nil {
		return nil, err
	}
	_, h := changed(r.Id, res)
	body, err := s.invited(ctx, domain.UserID(r.Id), res)
	if err != nil {
		return nil, err
	}
	return ResendInvitation200JSONResponse{body, ResendInvitation200ResponseHeaders(h)}, nil
}

func (s *server) DeactivateUser(ctx context.Context, r DeactivateUserRequestObject) (DeactivateUserResponseObject, error) {
	c := callOf(ctx)
	res, err := commands.DeactivateUser(ctx, s.Commands, c.request(), user.Deactivate{Tenant: c.actor.Tenant, User: domain.UserID(r.Id), At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(r.Id, res)
	return DeactivateUser200JSONResponse{body, DeactivateUser200ResponseHeaders(h)}, nil
}

func (s *server) ReactivateUser(ctx context.Context, r ReactivateUserRequestObject) (ReactivateUserResponseObject, error) {
	c := callOf(ctx)
	res, err := commands.ReactivateUser(ctx, s.Commands, c.request(), user.Reactivate{Tenant: c.actor.Tenant, User: domain.UserID(r.Id), At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(r.Id, res)
	return ReactivateUser200JSONResponse{body, ReactivateUser200ResponseHeaders(h)}, nil
}

// EraseUser makes the portal forget a member: what the log holds of him, and what he signed in by.
func (s *server) EraseUser(ctx context.Context, r EraseUserRequestObject) (EraseUserResponseObject, error) {
	c := callOf(ctx)
	tenant, id := c.actor.Tenant, domain.UserID(r.Id)
	res, err := commands.EraseUser(ctx, s.Commands, c.request(), user.Erase{Tenant: tenant, User: id, At: c.at})
	if err == nil {
		err = s.SignIn.Forget(ctx, tenant, id)
	}
	if err != nil {
		return nil, err
	}
	body, h := changed(r.Id, res)
	return EraseUser200JSONResponse{body, EraseUser200ResponseHeaders(h)}, nil
}
