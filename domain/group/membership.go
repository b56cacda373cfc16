package group

import "avportal/domain"

// GroupOf is where in the tree a device stands; member is false if it does not. Membership is changed in place, so
// call it only where the state is held still.
func (s State) GroupOf(d domain.DeviceID) (g domain.GroupID, member bool) {
	g, member = s.members.group[d]
	return g, member
}
