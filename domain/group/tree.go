package group

import "avportal/domain"

// Refusals that several commands share.
var (
	ErrUnknownGroup = &domain.Error{
		Class: domain.Invalid, Code: "unknown_group",
		Message: "There is no such group in the tree of this license.",
	}
	ErrNameTaken = &domain.Error{
		Class: domain.Conflict, Code: "group_name_taken", Field: "/name",
		Message: "A group beside it already has this name.",
	}
	ErrMainGroup = &domain.Error{
		Class: domain.Conflict, Code: "main_group",
		Message: "The main group belongs to its license: it can be renamed, but neither moved nor deleted.",
	}
	ErrTooDeep = (&domain.Error{Class: domain.Conflict, Code: "group_too_deep", Field: "/parent"}).
			With("Groups can be nested %d levels deep, the main group being the first.", MaxDepth)
	ErrTooMany = (&domain.Error{Class: domain.Conflict, Code: "too_many_groups"}).
			With("A license can have %d groups.", MaxGroups)
)

// nameTaken reports whether a group under parent, other than g, has a name that people would take for this one.
func (s State) nameTaken(parent, g domain.GroupID, name string) bool {
	folded := domain.Fold(name)
	for id, n := range s.tree {
		if id != g && n.parent == parent && domain.Fold(n.name) == folded {
			return true
		}
	}
	return false
}

// depth is the level at which a group stands; the main group stands at 1.
func (s State) depth(g domain.GroupID) int {
	d := 1
	for n := s.tree[g]; n.parent != ""; n = s.tree[n.parent] {
		d++
	}
	return d
}

// within reports whether g is top or stands somewhere below it.
func (s State) within(g, top domain.GroupID) bool {
	for ; g != ""; g = s.tree[g].parent {
		if g == top {
			return true
		}
	}
	return false
}

// height is the number of levels that a group and what stands below it take.
func (s State) height(top domain.GroupID) int {
	base, deepest := s.depth(top), 0
	for g := range s.tree {
		if s.within(g, top) {
			deepest = max(deepest, s.depth(g))
		}
	}
	return deepest - base + 1
}

func (s State) hasSubgroups(g domain.GroupID) bool {
	for _, n := range s.tree {
		if n.parent == g {
			return true
		}
	}
	return false
}
