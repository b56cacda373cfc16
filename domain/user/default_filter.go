package user

import (
	"time"

	"avportal/domain"
)

// ChooseDefaultFilter says whether a table opens with a filter. Only one can be the default of a table.
type ChooseDefaultFilter struct {
	Tenant  domain.Tenant
	User    domain.UserID
	Filter  FilterID
	Default bool
	At      time.Time
}

// DefaultFilterChosen tells with which filter a table opens.
type DefaultFilterChosen struct {
	User  domain.UserID `json:"user"`
	Table Table         `json:"table"`
	From  FilterID      `json:"from"` // empty: none
	To    FilterID      `json:"to"`   // empty: none
}

// EventType is the stored type name.
func (DefaultFilterChosen) EventType() string { return "user.default_filter_chosen" }

// Stream is the membership's.
func (c ChooseDefaultFilter) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c ChooseDefaultFilter) Needs() domain.Permission { return domain.ManageSelf }

// Decide makes the filter the default or an ordinary one, unless it is so already.
func (c ChooseDefaultFilter) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	f, ok := s.filters[c.Filter]
	if !ok {
		return nil, domain.ErrNotFound
	}
	if f.Default == c.Default {
		return nil, nil
	}
	chosen := DefaultFilterChosen{User: c.User, Table: f.Table}
	if c.Default {
		chosen.From, chosen.To = s.defaultOf(f.Table), c.Filter
	} else {
		chosen.From = c.Filter
	}
	return []domain.Event{chosen}, nil
}

// defaultOf is the filter that a table opens with; empty if none.
func (s State) defaultOf(t Table) FilterID {
	for id, f := range s.filters {
		if f.Table == t && f.Default {
			return id
		}
	}
	return ""
}

// withDefault makes one filter the default of a table, or none.
func withDefault(all map[FilterID]SavedFilter, t Table, chosen FilterID) map[FilterID]SavedFilter {
	out := make(map[FilterID]SavedFilter, len(all))
	for id, f := range all {
		if f.Table == t {
			f.Default = id == chosen
		}
		out[id] = f
	}
	return out
}
