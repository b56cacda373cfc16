package group

import (
	"time"

	"avportal/domain"
)

// Rename gives a group another name; the main group too.
type Rename struct {
	Tenant domain.Tenant
	Group  domain.GroupID
	Name   string
	At     time.Time
}

// Renamed tells both names.
type Renamed struct {
	Group domain.GroupID `json:"group"`
	From  string         `json:"from"`
	To    string         `json:"to"`
}

// EventType is the stored type name.
func (Renamed) EventType() string { return "group.renamed" }

// Stream is the tree's.
func (c Rename) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to manage groups.
func (c Rename) Needs() domain.Permission { return domain.ManageGroups }

// Decide renames if the name is free among the group's siblings.
func (c Rename) Decide(s State) ([]domain.Event, error) {
	n, ok := s.tree[c.Group]
	if !ok {
		return nil, domain.ErrNotFound
	}
	name, err := domain.Name("/name", c.Name)
	switch {
	case err != nil || name == n.name:
		return nil, err
	case s.nameTaken(n.parent, c.Group, name):
		return nil, ErrNameTaken
	}
	return []domain.Event{Renamed{Group: c.Group, From: n.name, To: name}}, nil
}
