// Package group is the tree of groups of one license, and which device stands where in it. The whole tree is one
// aggregate, so that it stays a tree whoever changes it at the same time.
package group

import (
	"maps"
	"slices"

	"avportal/domain"
)

// MainLocal is the local id of a license's main group, the root of its tree.
const MainLocal = "main"

// Bounds of one tree.
const (
	MaxDepth  = 16   // levels, the main group being the first
	MaxGroups = 1000 // groups, the main group being one
)

// State is what decisions about a tree need. Its exported methods stay safe to call while later events are folded:
// the tree is copied when it changes (seldom), while the members, which change often, are only for decisions.
type State struct {
	scope   domain.Scope
	license domain.LicenseID
	tree    map[domain.GroupID]node // never changed in place
	members members                 // changed in place
}

type node struct {
	parent  domain.GroupID // empty for the main group
	name    string
	profile domain.ProfileID // that the group uses; empty for none
	link    domain.LinkID    // by which the profile knows of it
}

type members struct {
	group map[domain.DeviceID]domain.GroupID
	count map[domain.GroupID]int
}

// Events are the event types of a group tree.
var Events = []domain.Declaration{
	domain.Declare[MainCreated](1),
	domain.Declare[Created](1),
	domain.Declare[Renamed](1),
	domain.Declare[Moved](1),
	domain.Declare[Deleted](1),
	domain.Declare[ProfileChosen](1),
	domain.Declare[DeviceAdded](1),
	domain.Declare[DeviceMoved](1),
	domain.Declare[DeviceRemoved](1),
}

// Stream is the stream of a license's tree.
func Stream(t domain.Tenant, l domain.LicenseID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindGroup, ID: string(l)}
}

// Main is the main group of a license.
func Main(l domain.LicenseID) domain.GroupID { return domain.NewGroupID(l, MainLocal) }

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case MainCreated:
		s = State{
			scope:   domain.Scope{Tenant: e.Tenant, Customer: e.Customer},
			license: e.License,
			tree:    map[domain.GroupID]node{e.Group: {name: e.Name}},
			members: members{map[domain.DeviceID]domain.GroupID{}, map[domain.GroupID]int{}},
		}
	case Created:
		s.tree = with(s.tree, e.Group, node{parent: e.Parent, name: e.Name})
	case Renamed:
		n := s.tree[e.Group]
		n.name = e.To
		s.tree = with(s.tree, e.Group, n)
	case Moved:
		n := s.tree[e.Group]
		n.parent = e.To
		s.tree = with(s.tree, e.Group, n)
	case ProfileChosen:
		n := s.tree[e.Group]
		n.profile, n.link = e.To, e.Link
		s.tree = with(s.tree, e.Group, n)
	case Deleted:
		s.tree = maps.Clone(s.tree)
		delete(s.tree, e.Group)
	case DeviceAdded:
		s.members.put(e.Device, e.Group)
	case DeviceMoved:
		s.members.put(e.Device, e.To)
	case DeviceRemoved:
		s.members.remove(e.Device)
	}
	return s
}

func with(tree map[domain.GroupID]node, g domain.GroupID, n node) map[domain.GroupID]node {
	tree = maps.Clone(tree)
	tree[g] = n
	return tree
}

func (m members) put(d domain.DeviceID, g domain.GroupID) {
	m.remove(d)
	m.group[d] = g
	m.count[g]++
}

func (m members) remove(d domain.DeviceID) {
	g, ok := m.group[d]
	if !ok {
		return
	}
	delete(m.group, d)
	if m.count[g]--; m.count[g] == 0 {
		delete(m.count, g)
	}
}

// Scope is the customer whose license it is.
func (s State) Scope() domain.Scope { return s.scope }

// License is the license whose tree it is.
func (s State) License() domain.LicenseID { return s.license }

// Exists reports whether the tree has its main group.
func (s State) Exists() bool { return s.license != "" }

// Has reports whether the group stands in the tree.
func (s State) Has(g domain.GroupID) bool {
	_, ok := s.tree[g]
	return ok
}

// Profile is what the group uses, and by which link; both are empty if it uses none.
func (s State) Profile(g domain.GroupID) (domain.ProfileID, domain.LinkID) {
	return s.tree[g].profile, s.tree[g].link
}

// ProfilesInUse are the profiles that groups of the tree use, each once.
func (s State) ProfilesInUse() (used []domain.ProfileID) {
	for _, n := range s.tree {
		if n.profile != "" && !slices.Contains(used, n.profile) {
			used = append(used, n.profile)
		}
	}
	slices.Sort(used)
	return used
}

// Name is the group's name; empty if it is not in the tree.
func (s State) Name(g domain.GroupID) string { return s.tree[g].name }
