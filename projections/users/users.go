// Package users is the read model of the members of a reseller and its customers.
package users

import (
	_ "embed"
	"time"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/projections"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// View is the read model.
var View = projections.View{Name: "users", Version: 1, Schema: schema, Indexes: indexes, Tables: []projections.Table{table()}}

// Key is the key of a member.
type Key struct {
	Tenant domain.Tenant `db:"tenant"`
	User   domain.UserID `db:"user_id"`
}

// row holds what the log says of a member. Texts whose key is gone are empty, as are those of a member who was erased: what a
// rebuild gives is what was there before.
type row struct {
	Key
	Customer   domain.CustomerID `db:"customer"`
	Salutation string            `db:"salutation"`
	FirstName  string            `db:"first_name"`
	Surname    string            `db:"surname"`
	Email      string            `db:"email"`
	Language   user.Language     `db:"language"`
	Role       domain.Role       `db:"role"`
	InvitedAt  time.Time         `db:"invited_at"`
	ExpiresAt  time.Time         `db:"expires_at"`
	AcceptedAt time.Time         `db:"accepted_at"`
	Inactive   bool              `db:"inactive"`
	Erased     bool              `db:"erased"`
}

func table() projections.Table {
	return projections.NewTable(projections.TableSpec[row, Key]{
		Name: "member",
		Keys: func(r eventstore.Recorded, touch func(Key)) {
			switch r.Event.(type) {
			case user.Invited, user.Admitted, user.InvitationRenewed, user.Accepted, user.ProfileChanged, user.EmailChanged,
				user.RoleChanged, user.Deactivated, user.Reactivated, user.Erased:
				touch(Key{r.Stream.Tenant, domain.UserID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{user.Invited{}, user.Admitted{}},
		Fold:    fold,
	})
}

func fold(m *row, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case user.Invited:
		m.Customer, m.Email, m.Role = e.Customer, e.Email.Text, e.Role
		m.InvitedAt, m.ExpiresAt = r.At, e.ExpiresAt
		m.call(e.Profile)
	case user.Admitted:
		m.Customer, m.Email, m.Role = e.Customer, e.Email.Text, e.Role
		m.InvitedAt, m.AcceptedAt = r.At, r.At
		m.call(e.Profile)
	case user.InvitationRenewed:
		m.ExpiresAt = e.ExpiresAt
	case user.Accepted:
		m.AcceptedAt = r.At
	case user.ProfileChanged:
		m.call(e.To)
	case user.EmailChanged:
		m.Email = e.To.Text
	case user.RoleChanged:
		m.Role = e.To
	case user.Deactivated:
		m.Inactive = true
	case user.Reactivated:
		m.Inactive = false
	case user.Erased:
		m.Erased, m.Email = true, ""
		m.call(user.Profile{})
	}
}

func (m *row) call(p user.Profile) {
	m.Salutation, m.FirstName, m.Surname, m.Language = p.Salutation.Text, p.FirstName.Text, p.Surname.Text, p.Language
}
