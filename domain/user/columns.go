package user

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"avportal/domain"
)

// Table is a list of the portal whose columns a person chooses.
type Table string

// The tables there are.
const (
	DeviceTable  Table = "devices"
	LicenseTable Table = "licenses"
)

const maxColumns = 40

// ChooseColumns sets which columns of a table a person sees, and in which order. Which columns there are is the portal's
// matter: those of a newer one must survive an older.
type ChooseColumns struct {
	Tenant  domain.Tenant
	User    domain.UserID
	Table   Table
	Columns []string // empty: the usual ones
	At      time.Time
}

// ColumnsChosen tells the columns.
type ColumnsChosen struct {
	User    domain.UserID `json:"user"`
	Table   Table         `json:"table"`
	Columns []string      `json:"columns"`
}

// EventType is the stored type name.
func (ColumnsChosen) EventType() string { return "user.columns_chosen" }

// Stream is the membership's.
func (c ChooseColumns) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c ChooseColumns) Needs() domain.Permission { return domain.ManageSelf }

// Decide sets the columns, unless they are so already.
func (c ChooseColumns) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	field := "/columns/" + string(c.Table)
	switch {
	case c.Table != DeviceTable && c.Table != LicenseTable:
		return nil, domain.ErrInvalid.At("/columns").With("There is no such table.")
	case len(c.Columns) > maxColumns:
		return nil, domain.ErrInvalid.At(field).With("At most %d columns are possible.", maxColumns)
	}
	for i, name := range c.Columns {
		if err := domain.CheckID(fmt.Sprintf("%s/%d", field, i), name); err != nil {
			return nil, err
		}
		if slices.Contains(c.Columns[:i], name) {
			return nil, domain.ErrInvalid.At(fmt.Sprintf("%s/%d", field, i)).With("This column is there twice.")
		}
	}
	if slices.Equal(c.Columns, s.columns[c.Table]) {
		return nil, nil
	}
	return []domain.Event{ColumnsChosen{User: c.User, Table: c.Table, Columns: slices.Clone(c.Columns)}}, nil
}

// withColumns leaves the map that other states may share as it is.
func withColumns(all map[Table][]string, t Table, columns []string) map[Table][]string {
	all = maps.Clone(all)
	if all == nil {
		all = map[Table][]string{}
	}
	all[t] = columns
	return all
}
