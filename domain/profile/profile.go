// Package profile is a configuration profile: how the clients of the groups that use it are set, and who is told of what
// happens to them.
package profile

import (
	"maps"

	"avportal/domain"
)

// State is what decisions about a profile need. Nothing in it is changed in place.
type State struct {
	scope    domain.Scope // its customer is the owner; without one, the reseller is
	name     string
	settings Settings
	edition  int
	owned    int // the edition at which the present owner became it
	deleted  bool
	links    map[domain.LinkID]link
}

type link struct {
	group    domain.GroupID
	customer domain.CustomerID
}

// Events are the event types of a profile.
var Events = []domain.Declaration{
	domain.Declare[Created](1),
	domain.Declare[Renamed](1),
	domain.Declare[SettingsChanged](1),
	domain.Declare[OwnerChanged](1),
	domain.Declare[Deleted](1),
	domain.Declare[Linked](1),
	domain.Declare[Unlinked](1),
}

// ErrDeleted says that a profile is gone for good.
var ErrDeleted = &domain.Error{Class: domain.NotFound, Code: "not_found", Message: "The profile has been deleted."}

// Stream is the stream of a profile.
func Stream(t domain.Tenant, p domain.ProfileID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindProfile, ID: string(p)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Created:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, name: e.Name, settings: e.Settings, edition: 1, owned: 1}
	case Renamed:
		s.name = e.To
	case SettingsChanged:
		s.settings, s.edition = s.settings.with(e.Sections, e.To), e.Edition
	case OwnerChanged:
		s.scope.Customer, s.owned = e.To, s.edition
	case Deleted:
		s.deleted = true
	case Linked:
		s.links = cloned(s.links)
		s.links[e.Link] = link{e.Group, e.Customer}
	case Unlinked:
		s.links = cloned(s.links)
		delete(s.links, e.Link)
	}
	return s
}

func cloned(links map[domain.LinkID]link) map[domain.LinkID]link {
	if links == nil {
		return map[domain.LinkID]link{}
	}
	return maps.Clone(links)
}

// Scope is the owner.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether there is a profile that has not been deleted.
func (s State) Exists() bool { return s.scope.Tenant != "" && !s.deleted }

// Name is the profile's name.
func (s State) Name() string { return s.name }

// Settings are the present ones. Their lists must not be changed.
func (s State) Settings() Settings { return s.settings }

// Edition counts the settings, from 1: each change of them makes the next one.
func (s State) Edition() int { return s.edition }

// OwnedSince is the edition that held when the present owner became it. Those before are not his to see.
func (s State) OwnedSince() int { return s.owned }

// HasLink reports whether a use of the profile is on record.
func (s State) HasLink(l domain.LinkID) bool {
	_, ok := s.links[l]
	return ok
}

// Groups are those that use the profile. A group stands in it as often as it is about to.
func (s State) Groups() []domain.GroupID {
	var groups []domain.GroupID
	for _, l := range s.links {
		groups = append(groups, l.group)
	}
	return groups
}

// alive refuses what can't be done to a profile that is not there, or not any more.
func (s State) alive() error {
	switch {
	case s.scope.Tenant == "":
		return domain.ErrNotFound
	case s.deleted:
		return ErrDeleted
	}
	return nil
}
