package group

import (
	"time"

	"avportal/domain"
)

// Refusals of ChooseProfile that the flow around it answers by another try.
var (
	ErrNoLink = &domain.Error{
		Class: domain.Conflict, Code: "profile_not_linked",
		Message: "The profile does not know of the group yet.",
	}
	ErrOtherProfile = &domain.Error{
		Class: domain.Conflict, Code: "profile_changed",
		Message: "Somebody else has chosen another profile for the group. Look again and repeat.",
	}
)

// ChooseProfile makes the group use a profile, or none. Whether the profile is there, whose it is, and that it knows of the
// link, is for the commands before it (profile.Link).
type ChooseProfile struct {
	Tenant domain.Tenant
	Group  domain.GroupID
	From   domain.LinkID    // by which it uses what is replaced, as the caller has seen it; empty for none
	To     domain.ProfileID // empty for none
	Link   domain.LinkID    // by which To knows of the group
	At     time.Time
}

// ProfileChosen tells both profiles, an empty one being none, and their links.
type ProfileChosen struct {
	Group    domain.GroupID   `json:"group"`
	From     domain.ProfileID `json:"from"`
	To       domain.ProfileID `json:"to"`
	FromLink domain.LinkID    `json:"from_link,omitempty"`
	Link     domain.LinkID    `json:"link,omitempty"`
}

// EventType is the stored type name.
func (ProfileChosen) EventType() string { return "group.profile_chosen" }

// Stream is the tree's.
func (c ChooseProfile) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to manage profiles.
func (c ChooseProfile) Needs() domain.Permission { return domain.ManageProfiles }

// Decide changes the profile, unless the group uses it already.
func (c ChooseProfile) Decide(s State) ([]domain.Event, error) {
	n, ok := s.tree[c.Group]
	switch {
	case !ok:
		return nil, domain.ErrNotFound
	case n.profile == c.To:
		return nil, nil
	case n.link != c.From:
		return nil, ErrOtherProfile
	case c.To != "" && c.Link == "":
		return nil, ErrNoLink
	}
	return []domain.Event{ProfileChosen{Group: c.Group, From: n.profile, To: c.To, FromLink: n.link, Link: c.Link}}, nil
}
