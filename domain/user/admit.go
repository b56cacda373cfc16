package user

import (
	"time"

	"avportal/domain"
)

// Admit makes a person a member without an invitation, because the Reseller Portal vouches for him.
type Admit struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	User     domain.UserID
	Person   domain.PersonID
	Details  Details
	Email    string
	Role     domain.Role
	At       time.Time
}

// Admitted begins a membership's history.
type Admitted struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	User     domain.UserID     `json:"user"`
	Person   domain.PersonID   `json:"person"`
	Profile  Profile           `json:"profile"`
	Email    domain.Personal   `json:"email"`
	Role     domain.Role       `json:"role"`
}

// EventType is the stored type name.
func (Admitted) EventType() string { return "user.admitted" }

// Stream is the membership's.
func (c Admit) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what only the portal itself has.
func (c Admit) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is in the organization.
func (c Admit) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// Decide admits once.
func (c Admit) Decide(s State) ([]domain.Event, error) {
	profile, err := c.Details.profile(c.User)
	if err != nil {
		return nil, err
	}
	email, err := Address("/email", c.Email)
	if err != nil {
		return nil, err
	}
	if err := domain.CheckID("/user", string(c.User)); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/person", string(c.Person)); err != nil {
		return nil, err
	}
	switch {
	case !c.Role.Of(c.Customer):
		return nil, ErrWrongOrg
	case s.Exists():
		return nil, domain.ErrExists
	}
	return []domain.Event{Admitted{
		Tenant: c.Tenant, Customer: c.Customer, User: c.User, Person: c.Person, Profile: profile, Email: of(c.User, email), Role: c.Role,
	}}, nil
}
