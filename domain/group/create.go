package group

import (
	"strings"
	"time"

	"avportal/domain"
)

// Create adds a subgroup.
type Create struct {
	Tenant domain.Tenant
	Group  domain.GroupID // a new id: domain.NewGroupID(license, a fresh UUID)
	Parent domain.GroupID
	Name   string
	At     time.Time
}

// Created tells the new group and where it stands.
type Created struct {
	Group  domain.GroupID `json:"group"`
	Parent domain.GroupID `json:"parent"`
	Name   string         `json:"name"`
}

// EventType is the stored type name.
func (Created) EventType() string { return "group.created" }

// Stream is the tree's.
func (c Create) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to manage groups.
func (c Create) Needs() domain.Permission { return domain.ManageGroups }

// Decide adds the group if its name is free among its siblings and the tree has room.
func (c Create) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	if local, ok := strings.CutPrefix(string(c.Group), string(s.license)+"."); !ok || strings.Contains(local, ".") || domain.CheckID("", local) != nil {
		return nil, domain.ErrInvalid.At("/group").With("This is not an id of a group of the license.")
	}
	if there, ok := s.tree[c.Group]; ok {
		if there.parent == c.Parent && there.name == name {
			return nil, nil
		}
		return nil, domain.ErrExists
	}
	switch {
	case !s.Has(c.Parent):
		return nil, ErrUnknownGroup.At("/parent")
	case len(s.tree) >= MaxGroups:
		return nil, ErrTooMany
	case s.depth(c.Parent) >= MaxDepth:
		return nil, ErrTooDeep
	case s.nameTaken(c.Parent, c.Group, name):
		return nil, ErrNameTaken
	}
	return []domain.Event{Created{Group: c.Group, Parent: c.Parent, Name: name}}, nil
}
