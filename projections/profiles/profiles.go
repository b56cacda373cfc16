// Package profiles is the read model of configuration profiles: whose they are, how they are called and how often their
// settings have changed. The settings themselves stand in the profile's own stream, the groups that use it in the view of
// licenses.
package profiles

import (
	_ "embed"
	"time"

	"avportal/domain"
	"avportal/domain/profile"
	"avportal/eventstore"
	"avportal/projections"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// View is the read model.
var View = projections.View{Name: "profiles", Version: 1, Schema: schema, Indexes: indexes, Tables: []projections.Table{table(), applied()}}

// Key is the key of a profile.
type Key struct {
	Tenant  domain.Tenant    `db:"tenant"`
	Profile domain.ProfileID `db:"profile"`
}

type row struct {
	projections.Presence
	Key
	Customer  domain.CustomerID `db:"customer"`
	Name      string            `db:"name"`
	Edition   int32             `db:"edition"`
	CreatedAt time.Time         `db:"created_at"`
	ChangedAt time.Time         `db:"changed_at"`
}

func table() projections.Table {
	return projections.NewTable(projections.TableSpec[row, Key]{
		Name: "profile",
		Keys: func(r eventstore.Recorded, touch func(Key)) {
			switch r.Event.(type) {
			case profile.Created, profile.Renamed, profile.SettingsChanged, profile.OwnerChanged, profile.Deleted:
				touch(Key{r.Stream.Tenant, domain.ProfileID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{profile.Created{}},
		Fold:    fold,
	})
}

func fold(p *row, r eventstore.Recorded) {
	p.ChangedAt = r.At
	switch e := r.Event.(type) {
	case profile.Created:
		p.Customer, p.Name, p.Edition, p.CreatedAt = e.Customer, e.Name, 1, r.At
	case profile.Renamed:
		p.Name = e.To
	case profile.SettingsChanged:
		p.Edition = int32(e.Edition) //nolint:gosec // nobody changes settings so often
	case profile.OwnerChanged:
		p.Customer = e.To
	case profile.Deleted:
		p.Delete()
	}
}
