package group

import (
	"slices"

	"avportal/domain"
)

// GroupOf is where in the tree a device stands; member is false if it does not. Membership is changed in place, so
// call it only where the state is held still.
func (s State) GroupOf(d domain.DeviceID) (g domain.GroupID, member bool) {
	g, member = s.members.group[d]
	return g, member
}

// Members lists the devices that stand in a group itself, in the order of their ids. The same holds for it.
func (s State) Members(g domain.GroupID) []domain.DeviceID {
	var list []domain.DeviceID
	for d, at := range s.members.group {
		if at == g {
			list = append(list, d)
		}
	}
	slices.Sort(list)
	return list
}
