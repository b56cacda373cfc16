package commands

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
)

// MoveDevice puts a device into another group, perhaps of another license or customer: then it takes a seat there
// first and gives the old one back last. The actor must reach both places.
func MoveDevice(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, id domain.DeviceID, to domain.GroupID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	from, err := h.visibleDevice(ctx, rq, tenant, id)
	if err != nil {
		return Result{}, err
	}
	target, err := h.visibleLicense(ctx, rq, tenant, to.License())
	if err != nil {
		return Result{}, err
	}
	if err := h.requireValid(ctx, rq, tenant, from.license); err != nil {
		return Result{}, err
	}
	if from.license == to.License() {
		err = h.moveInTree(ctx, rq, tenant, id, to)
	} else {
		err = h.enterLicense(ctx, rq, tenant, id, to)
	}
	if err != nil {
		return Result{}, err
	}
	res, err := Do[device.State](ctx, h, rq, device.Move{Tenant: tenant, Device: id, ToGroup: to, ToCustomer: target.Customer, At: rq.At})
	var refusal *domain.Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Class == domain.Unavailable) {
		return res, err // its outcome is unknown: Settle will look
	}
	// What follows from the outcome: the old place is given up, or the new one.
	left := from.license
	if err != nil {
		left = to.License()
	}
	return res, errors.Join(err, Settle(ctx, h, rq.step(), tenant, left, id))
}

// moveInTree moves the membership that keeps a group from being deleted under its devices.
func (h *Handler) moveInTree(ctx context.Context, rq Request, tenant domain.Tenant, id domain.DeviceID, to domain.GroupID) error {
	_, err := Do[group.State](ctx, h, rq.step(), group.MoveDevice{Tenant: tenant, Device: id, To: to, At: rq.At})
	return err
}

func (h *Handler) enterLicense(ctx context.Context, rq Request, tenant domain.Tenant, id domain.DeviceID, to domain.GroupID) error {
	_, err := Do[license.State](ctx, h, rq.step(), license.Activate{Tenant: tenant, License: to.License(), Device: id, Group: to, At: rq.At})
	if err != nil {
		return err
	}
	_, err = Do[group.State](ctx, h, rq.step(), group.AddDevice{Tenant: tenant, Group: to, Device: id, At: rq.At})
	if errors.Is(err, group.ErrElsewhere) { // an earlier, unfinished try has placed it
		err = h.moveInTree(ctx, rq, tenant, id, to)
	}
	if err != nil {
		err = errors.Join(err, Settle(ctx, h, rq.step(), tenant, to.License(), id))
	}
	return err
}

type devicePlace struct {
	license domain.LicenseID
	group   domain.GroupID
}

// visibleDevice tells where a device stands, if the actor may know.
func (h *Handler) visibleDevice(ctx context.Context, rq Request, tenant domain.Tenant, id domain.DeviceID) (p devicePlace, err error) {
	visible := false
	err = Inspect(ctx, h, device.Stream(tenant, id), func(s device.State, _ eventstore.Revision) {
		visible = s.Exists() && rq.Actor.Sees(s.Scope())
		p = devicePlace{license: s.License(), group: s.Group()}
		if visible && s.Removed() {
			err = device.ErrRemoved
		}
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return p, err
}

// visibleLicense tells whose a license is, if the actor may know and it holds.
func (h *Handler) visibleLicense(ctx context.Context, rq Request, tenant domain.Tenant, id domain.LicenseID) (scope domain.Scope, err error) {
	visible := false
	err = Inspect(ctx, h, license.Stream(tenant, id), func(s license.State, _ eventstore.Revision) {
		visible, scope = s.Exists() && rq.Actor.Sees(s.Scope()), s.Scope()
	})
	if err == nil && !visible {
		err = group.ErrUnknownGroup.At("/group")
	}
	if err == nil {
		err = h.requireValid(ctx, rq, tenant, id)
	}
	return scope, err
}
