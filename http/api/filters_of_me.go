package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
)

// lists are the routes that the tables of saved filters are read by.
var lists = map[user.Table]string{user.DeviceTable: "GET " + basePath + "/devices", user.LicenseTable: "GET " + basePath + "/licenses"}

// notFilters are parameters of lists that say how to read them, not what is in them.
var notFilters = []string{"cursor", "limit", "count", "as_of"}

// ListFilters shows the caller's own filters, from the membership's stream: they are never behind.
func (s *server) ListFilters(ctx context.Context, r ListFiltersRequestObject) (ListFiltersResponseObject, error) {
	c := callOf(ctx)
	var body FilterList
	var revision eventstore.Revision
	err := s.inspectUser(ctx, domain.UserID(c.actor.ID), func(m user.State, at eventstore.Revision) {
		body.Items, revision = []SavedFilter{}, at
		for id, f := range m.Filters() {
			if table := value(r.Params.Table); table == "" || user.Table(table) == f.Table {
				body.Items = append(body.Items, filterOf(id, f))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(body.Items, func(a, b SavedFilter) int {
		return strings.Compare(domain.Fold(a.Name)+"\x00"+a.Id, domain.Fold(b.Name)+"\x00"+b.Id)
	})
	return ListFilters200JSONResponse{body, ListFilters200ResponseHeaders{ETag: etag(revision)}}, nil
}

func filterOf(id user.FilterID, f user.SavedFilter) SavedFilter {
	out := SavedFilter{Id: string(id), Table: Table(f.Table), Name: f.Name.Text, Query: map[string]string{}, Default: f.Default}
	query, _ := url.ParseQuery(f.Query.Text) // it was encoded here
	for name := range query {
		out.Query[name] = query.Get(name)
	}
	return out
}

// SaveFilter keeps a filter for the caller.
func (s *server) SaveFilter(ctx context.Context, r SaveFilterRequestObject) (SaveFilterResponseObject, error) {
	c, b := callOf(ctx), r.Body
	id, err := s.member(ctx)
	if err != nil {
		return nil, err
	}
	query, err := s.filterQuery(ctx, user.Table(b.Table), b.Query)
	if err != nil {
		return nil, err
	}
	save := user.SaveFilter{
		Tenant: c.actor.Tenant, User: id, Filter: user.FilterID(c.request().NewID("filter").String()),
		Table: user.Table(b.Table), Name: b.Name, Query: query, At: c.at,
	}
	own := domain.Command[user.State](save)
	if value(b.Default) {
		own = join(own, domain.Command[user.State](user.ChooseDefaultFilter{Tenant: save.Tenant, User: id, Filter: save.Filter, Default: true, At: c.at}))
	}
	res, err := commands.Do(ctx, s.Commands, c.request(), own)
	if err != nil {
		return nil, err
	}
	body, h := created("/me/filters/", save.Filter, res)
	return SaveFilter201JSONResponse{body, SaveFilter201ResponseHeaders(h)}, nil
}

// ChangeFilter changes what the caller names of one of his filters.
func (s *server) ChangeFilter(ctx context.Context, r ChangeFilterRequestObject) (ChangeFilterResponseObject, error) {
	c, b, filter := callOf(ctx), r.Body, user.FilterID(r.Id)
	var table user.Table
	id := domain.UserID(c.actor.ID)
	if err := s.inspectUser(ctx, id, func(m user.State, _ eventstore.Revision) { table = m.Filters()[filter].Table }); err != nil {
		return nil, err
	}
	if table == "" {
		return nil, domain.ErrNotFound
	}
	var own domain.Command[user.State]
	if b.Name != nil || b.Query != nil {
		change := user.ChangeFilter{Tenant: c.actor.Tenant, User: id, Filter: filter, Name: value(b.Name), At: c.at}
		if b.Query != nil {
			query, err := s.filterQuery(ctx, table, *b.Query)
			if err != nil {
				return nil, err
			}
			change.Query = query
		}
		own = change
	}
	if b.Default != nil {
		own = join(own, domain.Command[user.State](user.ChooseDefaultFilter{Tenant: c.actor.Tenant, User: id, Filter: filter, Default: *b.Default, At: c.at}))
	}
	res, err := commands.Do(ctx, s.Commands, c.request(), own)
	if err != nil {
		return nil, err
	}
	body, h := changed(filter, res)
	return ChangeFilter200JSONResponse{body, ChangeFilter200ResponseHeaders(h)}, nil
}

// DeleteFilter drops one of the caller's filters.
func (s *server) DeleteFilter(ctx context.Context, r DeleteFilterRequestObject) (DeleteFilterResponseObject, error) {
	c, filter := callOf(ctx), user.FilterID(r.Id)
	id, err := s.member(ctx)
	if err != nil {
		return nil, err
	}
	res, err := commands.Do[user.State](ctx, s.Commands, c.request(), user.DeleteFilter{Tenant: c.actor.Tenant, User: id, Filter: filter, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(filter, res)
	return DeleteFilter200JSONResponse{body, DeleteFilter200ResponseHeaders(h)}, nil
}

// member is the caller's own membership, if he has one.
func (s *server) member(ctx context.Context) (domain.UserID, error) {
	id := domain.UserID(callOf(ctx).actor.ID)
	return id, s.inspectUser(ctx, id, func(user.State, eventstore.Revision) {})
}

// filterQuery holds a filter against what its list takes, as if it were asked for, and gives it as it stands in an address.
func (s *server) filterQuery(ctx context.Context, t user.Table, query map[string]string) (string, error) {
	e := s.endpoints[lists[t]]
	given := url.Values{}
	var faults []fault
	for name, v := range query {
		if slices.Contains(notFilters, name) {
			faults = append(faults, fault{Pointer: name, Code: "unknown_parameter", Detail: "There is no such parameter."})
			continue
		}
		given.Set(name, v)
	}
	values, err := checkQuery(given.Encode(), e)
	if err == nil {
		asked, wrong := http.NewRequestWithContext(ctx, http.MethodGet, basePath+e.path, nil)
		if wrong != nil {
			return "", wrong
		}
		err = s.validate(asked, e, values)
	}
	var found invalid
	if errors.As(err, &found) {
		faults = append(faults, found.faults...)
	} else if err != nil {
		return "", err
	}
	if faults != nil {
		for i := range faults {
			faults[i].Pointer = "/query/" + escapePointer([]string{faults[i].Pointer})[0]
		}
		return "", invalid{sorted(faults)}
	}
	return given.Encode(), nil
}
