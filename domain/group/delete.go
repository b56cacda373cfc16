package group

import (
	"time"

	"avportal/domain"
)

// ErrNotEmpty says that a group still holds something.
var ErrNotEmpty = &domain.Error{
	Class: domain.Conflict, Code: "group_not_empty",
	Message: "The group still holds devices or subgroups. Move them elsewhere first.",
}

// Delete takes an empty group out of the tree.
type Delete struct {
	Tenant domain.Tenant
	Group  domain.GroupID
	At     time.Time
}

// Deleted tells what the group was.
type Deleted struct {
	Group   domain.GroupID   `json:"group"`
	Parent  domain.GroupID   `json:"parent"`
	Name    string           `json:"name"`
	Profile domain.ProfileID `json:"profile,omitempty"` // that it used
	Link    domain.LinkID    `json:"link,omitempty"`
}

// EventType is the stored type name.
func (Deleted) EventType() string { return "group.deleted" }

// Stream is the tree's.
func (c Delete) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to manage groups.
func (c Delete) Needs() domain.Permission { return domain.ManageGroups }

// Decide deletes a group that is empty and not the main group.
func (c Delete) Decide(s State) ([]domain.Event, error) {
	n, ok := s.tree[c.Group]
	switch {
	case !ok:
		return nil, domain.ErrNotFound
	case n.parent == "":
		return nil, ErrMainGroup
	case s.members.count[c.Group] > 0 || s.hasSubgroups(c.Group):
		return nil, ErrNotEmpty
	}
	return []domain.Event{Deleted{Group: c.Group, Parent: n.parent, Name: n.name, Profile: n.profile, Link: n.link}}, nil
}
