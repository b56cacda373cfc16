package group

import (
	"time"

	"avportal/domain"
)

// ErrBelowItself says that a group can't be moved to where it would hang from itself.
var ErrBelowItself = &domain.Error{
	Class: domain.Conflict, Code: "group_below_itself", Field: "/parent",
	Message: "A group can't be moved below itself.",
}

// Move hangs a group, and all below it, under another parent of the same tree.
type Move struct {
	Tenant domain.Tenant
	Group  domain.GroupID
	To     domain.GroupID
	At     time.Time
}

// Moved tells both parents.
type Moved struct {
	Group domain.GroupID `json:"group"`
	From  domain.GroupID `json:"from"`
	To    domain.GroupID `json:"to"`
}

// EventType is the stored type name.
func (Moved) EventType() string { return "group.moved" }

// Stream is the tree's.
func (c Move) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to manage groups.
func (c Move) Needs() domain.Permission { return domain.ManageGroups }

// Decide moves what leaves the tree a tree, within its bounds, with unlike names side by side.
func (c Move) Decide(s State) ([]domain.Event, error) {
	n, ok := s.tree[c.Group]
	switch {
	case !ok:
		return nil, domain.ErrNotFound
	case n.parent == "":
		return nil, ErrMainGroup
	case !s.Has(c.To):
		return nil, ErrUnknownGroup.At("/parent")
	case n.parent == c.To:
		return nil, nil
	case s.within(c.To, c.Group):
		return nil, ErrBelowItself
	case s.depth(c.To)+s.height(c.Group) > MaxDepth:
		return nil, ErrTooDeep
	case s.nameTaken(c.To, c.Group, n.name):
		return nil, ErrNameTaken.With("A group there already has this name. Rename one of them first.")
	}
	return []domain.Event{Moved{Group: c.Group, From: n.parent, To: c.To}}, nil
}
