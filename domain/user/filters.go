package user

import (
	"maps"
	"time"

	"avportal/domain"
)

// Bounds of the filters that a person keeps.
const (
	maxFilters = 50
	maxQuery   = 2000 // bytes
)

// FilterID names one of a person's saved filters.
type FilterID string

// Filter is a way to look at a table that a person keeps under a name. Both may tell of people: he searches for some.
type Filter struct {
	Name  domain.Personal `json:"name"`
	Query domain.Personal `json:"query"` // as in the address of the list, such as infected=true&sort=-last_seen
}

// SavedFilter is a filter with what it is for.
type SavedFilter struct {
	Filter
	Table   Table
	Default bool // the table opens with it
}

// SaveFilter keeps a filter. Which parameters a list knows is checked by who asks: those of a newer portal must survive an older.
type SaveFilter struct {
	Tenant domain.Tenant
	User   domain.UserID
	Filter FilterID
	Table  Table
	Name   string
	Query  string
	At     time.Time
}

// FilterSaved tells the filter.
type FilterSaved struct {
	User   domain.UserID `json:"user"`
	Filter FilterID      `json:"filter"`
	Table  Table         `json:"table"`
	To     Filter        `json:"to"`
}

// EventType is the stored type name.
func (FilterSaved) EventType() string { return "user.filter_saved" }

// Stream is the membership's.
func (c SaveFilter) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c SaveFilter) Needs() domain.Permission { return domain.ManageSelf }

// Decide keeps the filter, if there is room and its name is free in the table.
func (c SaveFilter) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/filter", string(c.Filter)); err != nil {
		return nil, err
	}
	_, taken := s.filters[c.Filter]
	switch {
	case taken:
		return nil, domain.ErrExists
	case c.Table != DeviceTable && c.Table != LicenseTable:
		return nil, domain.ErrInvalid.At("/table").With("There is no such table.")
	case len(s.filters) >= maxFilters:
		return nil, ErrTooManyFilters
	}
	to, err := s.filter(c.User, c.Filter, c.Table, c.Name, c.Query)
	if err != nil {
		return nil, err
	}
	return []domain.Event{FilterSaved{User: c.User, Filter: c.Filter, Table: c.Table, To: to}}, nil
}

// ChangeFilter gives a filter another name, or puts another query in the place of its own.
type ChangeFilter struct {
	Tenant domain.Tenant
	User   domain.UserID
	Filter FilterID
	Name   string // empty: as it is
	Query  string // empty: as it is
	At     time.Time
}

// FilterChanged tells both filters.
type FilterChanged struct {
	User   domain.UserID `json:"user"`
	Filter FilterID      `json:"filter"`
	From   Filter        `json:"from"`
	To     Filter        `json:"to"`
}

// EventType is the stored type name.
func (FilterChanged) EventType() string { return "user.filter_changed" }

// Stream is the membership's.
func (c ChangeFilter) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c ChangeFilter) Needs() domain.Permission { return domain.ManageSelf }

// Decide changes the filter, unless it is so already.
func (c ChangeFilter) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	f, ok := s.filters[c.Filter]
	if !ok {
		return nil, domain.ErrNotFound
	}
	name, query := c.Name, c.Query
	if name == "" {
		name = f.Name.Text
	}
	if query == "" {
		query = f.Query.Text
	}
	to, err := s.filter(c.User, c.Filter, f.Table, name, query)
	if err != nil || to == f.Filter {
		return nil, err
	}
	return []domain.Event{FilterChanged{User: c.User, Filter: c.Filter, From: f.Filter, To: to}}, nil
}

// DeleteFilter drops a filter. If its table opened with it, the table opens as usual from then on.
type DeleteFilter struct {
	Tenant domain.Tenant
	User   domain.UserID
	Filter FilterID
	At     time.Time
}

// FilterDeleted tells which.
type FilterDeleted struct {
	User   domain.UserID `json:"user"`
	Filter FilterID      `json:"filter"`
}

// EventType is the stored type name.
func (FilterDeleted) EventType() string { return "user.filter_deleted" }

// Stream is the membership's.
func (c DeleteFilter) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c DeleteFilter) Needs() domain.Permission { return domain.ManageSelf }

// Decide drops the filter.
func (c DeleteFilter) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if _, ok := s.filters[c.Filter]; !ok {
		return nil, domain.ErrNotFound
	}
	return []domain.Event{FilterDeleted{User: c.User, Filter: c.Filter}}, nil
}

// filter checks a filter and makes it the person's own.
func (s State) filter(u domain.UserID, id FilterID, t Table, name, query string) (Filter, error) {
	name, err := domain.Name("/name", name)
	if err != nil {
		return Filter{}, err
	}
	if query == "" {
		return Filter{}, domain.ErrInvalid.At("/query").With("A filter needs at least one parameter.")
	}
	if err := domain.Text("/query", query, maxQuery); err != nil {
		return Filter{}, err
	}
	for other, f := range s.filters {
		if other != id && f.Table == t && domain.Fold(f.Name.Text) == domain.Fold(name) {
			return Filter{}, ErrFilterName
		}
	}
	return Filter{Name: of(u, name), Query: of(u, query)}, nil
}

// withFilter leaves the map that other states may share as it is. Without a table, the filter goes.
func withFilter(all map[FilterID]SavedFilter, id FilterID, f SavedFilter) map[FilterID]SavedFilter {
	all = maps.Clone(all)
	if all == nil {
		all = map[FilterID]SavedFilter{}
	}
	if all[id] = f; f.Table == "" {
		delete(all, id)
	}
	return all
}
