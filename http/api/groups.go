package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/group"
	"avportal/projections/licenses"
	"avportal/projections/page"
)

func (s *server) ListGroups(ctx context.Context, r ListGroupsRequestObject) (ListGroupsResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, licensesView, profilesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	f := licenses.GroupFilter{Customer: domain.CustomerID(value(p.Customer)), License: domain.LicenseID(value(p.License))}
	list, err := licenses.Groups(ctx, v.db, c.scope(), f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	return ListGroups200JSONResponse{
		GroupList{Items: each(list.Items, groupOf), NextCursor: some(list.Next)}, ListGroups200ResponseHeaders{position(v.position)},
	}, nil
}

func groupOf(g licenses.Group) Group {
	out := Group{
		Id: string(g.ID), Name: g.Name, Main: g.Parent == "", Parent: some(string(g.Parent)), Depth: g.Depth,
		License: ref(g.License, g.LicenseName), Customer: ref(g.Customer, g.CustomerName), Devices: g.Devices, DevicesBelow: g.DevicesBelow,
	}
	out.Profile, out.ProfileHidden = usedProfile(g.Profile)
	return out
}

func (s *server) CreateGroup(ctx context.Context, r CreateGroupRequestObject) (CreateGroupResponseObject, error) {
	c := callOf(ctx)
	rq := c.request()
	id := domain.NewGroupID(domain.LicenseID(r.Body.License), rq.NewID("group").String())
	res, err := commands.Do[group.State](ctx, s.Commands, rq, group.Create{
		Tenant: c.actor.Tenant, Group: id, Parent: domain.GroupID(r.Body.Parent), Name: r.Body.Name, At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return CreateGroup201JSONResponse{body, CreateGroup201ResponseHeaders(h)}, nil
}

func (s *server) ChangeGroup(ctx context.Context, r ChangeGroupRequestObject) (ChangeGroupResponseObject, error) {
	c, id := callOf(ctx), domain.GroupID(r.Id)
	if id.License() == "" {
		return nil, domain.ErrNotFound
	}
	var rename, move domain.Command[group.State]
	if r.Body.Name != nil {
		rename = group.Rename{Tenant: c.actor.Tenant, Group: id, Name: *r.Body.Name, At: c.at}
	}
	if r.Body.Parent != nil {
		move = group.Move{Tenant: c.actor.Tenant, Group: id, To: domain.GroupID(*r.Body.Parent), At: c.at}
	}
	res, err := commands.Do(ctx, s.Commands, c.request(), join(move, rename))
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChangeGroup200JSONResponse{body, ChangeGroup200ResponseHeaders(h)}, nil
}

func (s *server) DeleteGroup(ctx context.Context, r DeleteGroupRequestObject) (DeleteGroupResponseObject, error) {
	c, id := callOf(ctx), domain.GroupID(r.Id)
	if id.License() == "" {
		return nil, domain.ErrNotFound
	}
	res, err := commands.DeleteGroup(ctx, s.Commands, c.request(), group.Delete{Tenant: c.actor.Tenant, Group: id, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return DeleteGroup200JSONResponse{body, DeleteGroup200ResponseHeaders(h)}, nil
}
