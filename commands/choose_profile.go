package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/group"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// Refusals of ChooseProfile.
var (
	ErrUnknownProfile = &domain.Error{
		Class: domain.Invalid, Code: "unknown_profile", Field: "/profile",
		Message: "There is no such profile.",
	}
	ErrProfileOfReseller = &domain.Error{
		Class: domain.Conflict, Code: "profile_of_reseller",
		Message: "The reseller has chosen a profile of its own for this group. Only the reseller can change that.",
	}
)

// ChooseProfile makes a group use a profile, or none. The profile learns of it before the group uses it, and of the end
// after the group has ceased to: so the profile's own stream decides between this and its deletion.
func ChooseProfile(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, g domain.GroupID, to domain.ProfileID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageProfiles) {
		return Result{}, domain.ErrForbidden
	}
	for try := 1; ; try++ {
		res, err := h.chooseProfile(ctx, rq, tenant, g, to)
		if !errors.Is(err, group.ErrOtherProfile) || try == attempts { // else somebody else was quicker: look again
			return res, err
		}
	}
}

func (h *Handler) chooseProfile(ctx context.Context, rq Request, tenant domain.Tenant, g domain.GroupID, to domain.ProfileID) (Result, error) {
	now, err := h.visibleGroup(ctx, rq, tenant, g)
	if err != nil {
		return Result{}, err
	}
	if err := h.requireValid(ctx, rq, tenant, g.License()); err != nil {
		return Result{}, err
	}
	if now.profile != to {
		if err := h.mayExchange(ctx, rq, tenant, now.profile, to); err != nil {
			return Result{}, err
		}
	}
	choose := group.ChooseProfile{Tenant: tenant, Group: g, From: now.link, To: to, At: rq.At}
	res, err := Do[group.State](ctx, h, rq, choose)
	if errors.Is(err, group.ErrNoLink) { // nothing else stands against it
		res, err = h.linkAndChoose(ctx, rq, now.customer, choose)
	}
	if err == nil && now.link != "" {
		err = h.settleLink(ctx, rq, tenant, now.profile, now.link, g)
	}
	return res, err
}

func (h *Handler) linkAndChoose(ctx context.Context, rq Request, customer domain.CustomerID, choose group.ChooseProfile) (Result, error) {
	choose.Link = domain.LinkID(uuid.NewString())
	_, err := Do[profile.State](ctx, h, rq.step(), profile.Link{
		Tenant: choose.Tenant, Profile: choose.To, Link: choose.Link, Group: choose.Group, Customer: customer, At: rq.At,
	})
	if err != nil {
		return Result{}, err
	}
	res, err := Do[group.State](ctx, h, rq, choose)
	var refusal *domain.Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Class == domain.Unavailable) {
		return res, err // its outcome is unknown: SettleAfter will look
	}
	return res, errors.Join(err, h.settleLink(ctx, rq, choose.Tenant, choose.To, choose.Link, choose.Group))
}

// mayExchange refuses a profile that the actor does not see, and to take away one that he does not see.
func (h *Handler) mayExchange(ctx context.Context, rq Request, tenant domain.Tenant, from, to domain.ProfileID) error {
	if to != "" {
		if visible, err := h.seesProfile(ctx, rq, tenant, to); err != nil || !visible {
			return errors.Join(err, unless(visible, ErrUnknownProfile))
		}
	}
	if from != "" && rq.Actor.Customer != "" {
		if visible, err := h.seesProfile(ctx, rq, tenant, from); err != nil || !visible {
			return errors.Join(err, unless(visible, ErrProfileOfReseller))
		}
	}
	return nil
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

func (h *Handler) seesProfile(ctx context.Context, rq Request, tenant domain.Tenant, p domain.ProfileID) (visible bool, err error) {
	err = Inspect(ctx, h, profile.Stream(tenant, p), func(s profile.State, _ eventstore.Revision) {
		visible = s.Exists() && rq.Actor.Sees(s.Scope())
	})
	return visible, err
}

type groupUse struct {
	customer domain.CustomerID
	profile  domain.ProfileID
	link     domain.LinkID
	members  []domain.DeviceID
}

// visibleGroup tells which profile a group uses and which devices stand in it, if the actor may know.
func (h *Handler) visibleGroup(ctx context.Context, rq Request, tenant domain.Tenant, g domain.GroupID) (u groupUse, err error) {
	visible := false
	err = Inspect(ctx, h, group.Stream(tenant, g.License()), func(s group.State, _ eventstore.Revision) {
		if visible = s.Has(g) && rq.Actor.Sees(s.Scope()); visible {
			u.customer, u.members = s.Scope().Customer, s.Members(g)
			u.profile, u.link = s.Profile(g)
		}
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return u, err
}

// settleLink takes a link back that the group's tree does not have. Where a command may still be about to put it there,
// wait for that to end.
func (h *Handler) settleLink(ctx context.Context, rq Request, tenant domain.Tenant, p domain.ProfileID, l domain.LinkID, g domain.GroupID) error {
	inUse := false
	err := Inspect(ctx, h, group.Stream(tenant, g.License()), func(s group.State, _ eventstore.Revision) {
		_, used := s.Profile(g)
		inUse = used == l
	})
	if err != nil || inUse {
		return err
	}
	_, err = Do[profile.State](ctx, h, rq.settling(tenant), profile.Unlink{Tenant: tenant, Profile: p, Link: l, At: rq.At})
	if errors.Is(err, domain.ErrNotFound) {
		return nil
	}
	return err
}

// DeleteGroup deletes an empty group and tells the profile that it used.
func DeleteGroup(ctx context.Context, h *Handler, rq Request, c group.Delete) (Result, error) {
	var p domain.ProfileID
	var l domain.LinkID
	if err := Peek(ctx, h, c.Stream(), func(s group.State, _ eventstore.Revision) { p, l = s.Profile(c.Group) }); err != nil {
		return Result{}, err
	}
	res, err := Do[group.State](ctx, h, rq, c)
	if err != nil || l == "" {
		return res, err
	}
	return res, h.settleLink(ctx, rq, c.Tenant, p, l, c.Group)
}
