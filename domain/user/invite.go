package user

import (
	"time"

	"avportal/domain"
)

// InvitationLifetime is how long an invitation can be accepted; renewing it starts anew.
const InvitationLifetime = 72 * time.Hour

// Invite asks a person to become a member, by mail to an address that is his only when he has accepted. That no other member
// has the address is for the commands to see.
type Invite struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // empty: the reseller as a whole
	User     domain.UserID
	Details  Details
	Email    string
	Role     domain.Role
	By       domain.Role // of who invites
	At       time.Time
}

// Invited begins a membership's history.
type Invited struct {
	Tenant    domain.Tenant     `json:"tenant"`
	Customer  domain.CustomerID `json:"customer,omitempty"`
	User      domain.UserID     `json:"user"`
	Profile   Profile           `json:"profile"`
	Email     domain.Personal   `json:"email"`
	Role      domain.Role       `json:"role"`
	ExpiresAt time.Time         `json:"expires_at"`
}

// EventType is the stored type name.
func (Invited) EventType() string { return "user.invited" }

// Stream is the membership's.
func (c Invite) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c Invite) Needs() domain.Permission { return domain.ManageUsers }

// Creates is in the organization.
func (c Invite) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// Decide invites once.
func (c Invite) Decide(s State) ([]domain.Event, error) {
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
	switch {
	case !c.Role.Of(c.Customer):
		return nil, ErrWrongOrg
	case !c.By.MayGive(c.Role):
		return nil, ErrRole
	case s.Exists():
		return nil, domain.ErrExists
	}
	return []domain.Event{Invited{
		Tenant: c.Tenant, Customer: c.Customer, User: c.User, Profile: profile, Email: of(c.User, email), Role: c.Role,
		ExpiresAt: domain.Instant(c.At.Add(InvitationLifetime)),
	}}, nil
}
