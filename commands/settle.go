package commands

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// Settle brings a license's seats and tree in line with where a device says it stands. Enrolling, moving and removing
// go through several streams; whatever a crash left half done, this finishes or undoes. It is harmless to repeat.
func Settle(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, l domain.LicenseID, id domain.DeviceID) error {
	rq = rq.settling(tenant)
	var stands bool
	var at domain.GroupID
	var customer domain.CustomerID
	err := Inspect(ctx, h, device.Stream(tenant, id), func(s device.State, _ eventstore.Revision) {
		stands = s.Exists() && !s.Removed() && s.License() == l
		at, customer = s.Group(), s.Scope().Customer
	})
	if err != nil {
		return err
	}
	if stands {
		return h.followTree(ctx, rq, tenant, l, id, at, customer)
	}
	_, err = Do[group.State](ctx, h, rq.step(), group.RemoveDevice{Tenant: tenant, License: l, Device: id, At: rq.At})
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		return err
	}
	_, err = Do[license.State](ctx, h, rq.step(), license.Release{Tenant: tenant, License: l, Device: id, At: rq.At})
	if errors.Is(err, domain.ErrNotFound) {
		return nil
	}
	return err
}

// settling is the request of the steps by which the portal itself brings streams in line.
func (rq Request) settling(tenant domain.Tenant) Request {
	settler := domain.SystemActor("settle", tenant)
	if rq.Actor.Kind != domain.ActorSystem {
		settler.OnBehalfOf = rq.Actor.ID
	}
	rq.Actor = settler
	return rq.step()
}

// followTree repeats the last step of a move: the tree decides where a device stands within a license.
func (h *Handler) followTree(ctx context.Context, rq Request, tenant domain.Tenant, l domain.LicenseID, id domain.DeviceID, at domain.GroupID, customer domain.CustomerID) error {
	g, err := h.groupOf(ctx, tenant, l, id)
	if err != nil || g == "" || g == at {
		return err
	}
	_, err = Do[device.State](ctx, h, rq.step(), device.Move{Tenant: tenant, Device: id, ToGroup: g, ToCustomer: customer, At: rq.At})
	if errors.Is(err, domain.ErrLicenseExpired) {
		return nil // nothing moves any more; a renewal lets the next move repair it
	}
	return err
}

// SettleAfter is the policy that settles what an event may have left half done. Run it some time after the event, so
// that commands under way have ended.
func SettleAfter(ctx context.Context, h *Handler, r eventstore.Recorded) error {
	if u, ok := member(r); ok {
		return h.settleMember(ctx, reaction(r, "settle"), r.Stream.Tenant, u)
	}
	if p, l, g := linkIn(r.Event); l != "" {
		return h.settleLink(ctx, reaction(r, "settle"), r.Stream.Tenant, p, l, g)
	}
	l, id, may := concerned(r)
	if !may {
		return nil
	}
	return Settle(ctx, h, reaction(r, "settle"), r.Stream.Tenant, l, id)
}

// MaySettle reports whether SettleAfter has anything to do with an event.
func MaySettle(r eventstore.Recorded) bool {
	_, of := member(r)
	_, link, _ := linkIn(r.Event)
	_, _, may := concerned(r)
	return may || of || link != ""
}

// linkIn is the link of a group to a profile that an event has begun or may have ended.
func linkIn(e domain.Event) (domain.ProfileID, domain.LinkID, domain.GroupID) {
	switch e := e.(type) {
	case profile.Linked:
		return e.Profile, e.Link, e.Group
	case group.ProfileChosen:
		return e.From, e.FromLink, e.Group
	case group.Deleted:
		return e.Profile, e.Link, e.Group
	}
	return "", "", ""
}

// concerned tells which device an event is a step of moving, and which license's seats and tree it concerns.
func concerned(r eventstore.Recorded) (l domain.LicenseID, id domain.DeviceID, may bool) {
	switch e := r.Event.(type) {
	case license.Activated:
		return e.License, e.Device, true
	case group.DeviceAdded:
		return e.Group.License(), e.Device, true
	case group.DeviceMoved:
		return e.To.License(), e.Device, true
	case device.Moved:
		return e.FromLicense, e.Device, true
	case device.Removed:
		return e.License, e.Device, true
	}
	return "", "", false
}
