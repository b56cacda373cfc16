// Package user is a person's membership of one organization: the reseller as a whole, or one of its customers. A person who
// belongs to several has one of them in each. What names him is personal and sealed with the membership's own key, so that
// each organization answers, and erases, for itself.
package user

import (
	"maps"
	"time"

	"avportal/domain"
)

// State is what decisions about a membership need.
type State struct {
	scope    domain.Scope
	user     domain.UserID
	person   domain.PersonID // empty until the invitation is accepted
	profile  Profile
	email    domain.Personal
	role     domain.Role
	expires  time.Time // of the invitation
	inactive bool
	erased   bool
	columns  map[Table][]string
	filters  map[FilterID]SavedFilter
	webinar  bool
	link     LinkID // of read-only access; empty: none

	readUntil time.Time // all notices raised up to then are read
	read      []string  // and these, the last of them
}

// Events are the event types of a membership.
var Events = []domain.Declaration{
	domain.Declare[Invited](1),
	domain.Declare[InvitationRenewed](1),
	domain.Declare[Accepted](1),
	domain.Declare[Admitted](1),
	domain.Declare[ProfileChanged](1),
	domain.Declare[EmailChanged](1),
	domain.Declare[RoleChanged](1),
	domain.Declare[Deactivated](1),
	domain.Declare[Reactivated](1),
	domain.Declare[Erased](1),
	domain.Declare[ColumnsChosen](1),
	domain.Declare[FilterSaved](1),
	domain.Declare[FilterChanged](1),
	domain.Declare[FilterDeleted](1),
	domain.Declare[DefaultFilterChosen](1),
	domain.Declare[WebinarSeen](1),
	domain.Declare[LinkActivated](1),
	domain.Declare[LinkDeactivated](1),
	domain.Declare[PasswordChanged](1),
	domain.Declare[CodesSwitchedOn](1),
	domain.Declare[CodesSwitchedOff](1),
	domain.Declare[RecoveryCodesRenewed](1),
	domain.Declare[PasskeyAdded](1),
	domain.Declare[PasskeyRemoved](1),
	domain.Declare[RecoveryRequested](1),
	domain.Declare[NoticeRead](1),
	domain.Declare[NoticesRead](1),
}

// Stream is the stream of a membership.
func Stream(t domain.Tenant, u domain.UserID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindUser, ID: string(u)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Invited:
		s = State{
			scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, user: e.User,
			profile: e.Profile, email: e.Email, role: e.Role, expires: e.ExpiresAt,
		}
	case Admitted:
		s = State{
			scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, user: e.User,
			profile: e.Profile, email: e.Email, role: e.Role, person: e.Person,
		}
	case InvitationRenewed:
		s.expires = e.ExpiresAt
	case Accepted:
		s.person = e.Person
	case ProfileChanged:
		s.profile = e.To
	case EmailChanged:
		s.email = e.To
	case RoleChanged:
		s.role = e.To
	case Deactivated:
		s.inactive, s.link = true, ""
	case Reactivated:
		s.inactive = false
	case Erased:
		s = State{scope: s.scope, user: s.user, person: s.person, role: s.role, inactive: true, erased: true}
	case ColumnsChosen:
		s.columns = withColumns(s.columns, e.Table, e.Columns)
	case FilterSaved:
		s.filters = withFilter(s.filters, e.Filter, SavedFilter{Filter: e.To, Table: e.Table})
	case FilterChanged:
		f := s.filters[e.Filter]
		f.Filter = e.To
		s.filters = withFilter(s.filters, e.Filter, f)
	case FilterDeleted:
		s.filters = withFilter(s.filters, e.Filter, SavedFilter{})
	case DefaultFilterChosen:
		s.filters = withDefault(s.filters, e.Table, e.To)
	case WebinarSeen:
		s.webinar = true
	case LinkActivated:
		s.link = e.Link
	case LinkDeactivated:
		s.link = ""
	case NoticeRead:
		s.read = withRead(s.read, e.Notice)
	case NoticesRead:
		s.readUntil, s.read = e.Until, nil
	}
	return s
}

// Scope is the organization.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether there is a membership, also one that has been erased.
func (s State) Exists() bool { return s.scope.Tenant != "" }

// Erased reports whether the person has been erased from the organization.
func (s State) Erased() bool { return s.erased }

// Person is who has accepted; empty until then. It is known still of who was erased, so that the rest of him can be found.
func (s State) Person() domain.PersonID { return s.person }

// Profile is how the person is called and spoken to.
func (s State) Profile() Profile { return s.profile }

// Email is the person's address in this organization.
func (s State) Email() domain.Personal { return s.email }

// Role is what the person may do here.
func (s State) Role() domain.Role { return s.role }

// InvitedUntil is when the invitation expires, if it has not been accepted.
func (s State) InvitedUntil() time.Time { return s.expires }

// Columns are those that the person has chosen for a table; nil for the usual ones.
func (s State) Columns(t Table) []string { return s.columns[t] }

// Filters are those that the person has saved.
func (s State) Filters() map[FilterID]SavedFilter { return maps.Clone(s.filters) }

// WebinarSeen reports whether the introduction has been shown.
func (s State) WebinarSeen() bool { return s.webinar }

// Link is the read-only access that the person has opened; empty if none.
func (s State) Link() LinkID { return s.link }

// Active reports whether the person may sign in here.
func (s State) Active() bool { return s.person != "" && !s.inactive }

// Present reports whether the membership is neither deactivated nor erased.
func (s State) Present() bool { return s.Exists() && !s.inactive }

// Invited reports whether there is an invitation that nobody has accepted; its time may be over.
func (s State) Invited() bool { return s.Present() && s.person == "" }

// Uses reports whether an address is this member's in an organization, so that no other member may have it.
func (s State) Uses(org domain.Scope, email string) bool {
	return s.Present() && s.scope == org && domain.Fold(s.email.Text) == domain.Fold(email)
}

// Administers reports whether the person counts as an administrator of the reseller.
func (s State) Administers() bool { return s.Active() && s.role == domain.ResellerAdmin }

// Refusals that concern a membership.
var (
	ErrInactive       = &domain.Error{Class: domain.Conflict, Code: "user_inactive", Message: "This user is deactivated. Reactivate him first."}
	ErrRole           = &domain.Error{Class: domain.Forbidden, Code: "role_too_high", Field: "/role", Message: "You can't give or take a role that goes beyond your own."}
	ErrEmailTaken     = &domain.Error{Class: domain.Conflict, Code: "email_taken", Field: "/email", Message: "Another user of this organization has this e-mail address."}
	ErrFilterName     = &domain.Error{Class: domain.Conflict, Code: "filter_name_taken", Field: "/name", Message: "You have another filter of this name for this table."}
	ErrTooManyFilters = &domain.Error{Class: domain.Conflict, Code: "too_many_filters", Message: "You can keep no more filters. Delete one first."}
	ErrWrongOrg       = &domain.Error{Class: domain.Invalid, Code: "invalid", Field: "/role", Message: "This role does not go with the organization: customers' people have a customer's role, the reseller's a reseller's."}
)

// there refuses where there is nothing to change: no membership, or one that was erased.
func (s State) there() error {
	if !s.Exists() || s.erased {
		return domain.ErrNotFound
	}
	return nil
}

// working is there, and refuses a membership that is deactivated.
func (s State) working() error {
	if err := s.there(); err != nil {
		return err
	}
	if s.inactive {
		return ErrInactive
	}
	return nil
}
