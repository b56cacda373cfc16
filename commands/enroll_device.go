package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
)

// ErrUnknownTID says that no license has this TID, or no longer.
var ErrUnknownTID = &domain.Error{Class: domain.NotFound, Code: "unknown_tid", Message: "No license has this TID. Copy it again from the license.", Field: "/tid"}

// Enrollment is a device's wish to be protected under a license.
type Enrollment struct {
	TID   string
	GUID  string         // made when the client was installed
	Group domain.GroupID // within the license; empty means its main group
	Facts device.Facts
}

// Enrolled is a device that has its place.
type Enrolled struct {
	Tenant domain.Tenant
	Device domain.DeviceID
}

// EnrollDevice takes a seat, a place in the tree, and only then makes the device known, so that at no position of the
// log more devices are active than there are seats. Each step is harmless to repeat, so the whole is; what a crash
// leaves half done is finished by the device's next try or undone by Settle.
func EnrollDevice(ctx context.Context, h *Handler, rq Request, e Enrollment) (Enrolled, Result, error) {
	tid, err := domain.ParseTID(e.TID)
	if err != nil {
		return Enrolled{}, Result{}, err
	}
	tenant, licenseID := tid.Tenant(), tid.License()
	scope, err := h.acceptTID(ctx, tid)
	if err != nil {
		return Enrolled{}, Result{}, err
	}
	if e.Group == "" {
		e.Group = group.Main(licenseID)
	}
	if e.Group.License() != licenseID {
		return Enrolled{}, Result{}, group.ErrUnknownGroup.At("/group")
	}
	id, known, err := h.deviceFor(ctx, tenant, e.GUID)
	enrolled := Enrolled{Tenant: tenant, Device: id}
	if err != nil || known {
		return enrolled, Result{}, err
	}

	rq.Actor = domain.DeviceActor(id, domain.Scope{Tenant: tenant})
	activate := license.Activate{Tenant: tenant, License: licenseID, Device: id, Group: e.Group, ByDevice: true, At: rq.At}
	if _, err := Do[license.State](ctx, h, rq.step(), activate); err != nil {
		return Enrolled{}, Result{}, err
	}
	res, err := h.placeAndEnroll(ctx, rq, scope, id, e)
	var refusal *domain.Error
	if errors.As(err, &refusal) && refusal.Class != domain.Unavailable {
		settleErr := Settle(context.WithoutCancel(ctx), h, rq.step(), tenant, licenseID, id)
		return Enrolled{}, Result{}, errors.Join(err, settleErr)
	}
	return enrolled, res, err
}

func (h *Handler) placeAndEnroll(ctx context.Context, rq Request, scope domain.Scope, id domain.DeviceID, e Enrollment) (Result, error) {
	place := func(g domain.GroupID) error {
		_, err := Do[group.State](ctx, h, rq.step(), group.AddDevice{Tenant: scope.Tenant, Group: g, Device: id, ByDevice: true, At: rq.At})
		return err
	}
	err := place(e.Group)
	if errors.Is(err, group.ErrUnknownGroup) { // deleted since the installer was made
		e.Group = group.Main(e.Group.License())
		err = place(e.Group)
	}
	if errors.Is(err, group.ErrElsewhere) { // an earlier, unfinished try has placed it
		e.Group, err = h.groupOf(ctx, scope.Tenant, e.Group.License(), id)
	}
	if err != nil {
		return Result{}, err
	}
	return Do[device.State](ctx, h, rq, device.Enroll{
		Tenant: scope.Tenant, Customer: scope.Customer, Device: id, Group: e.Group, GUID: e.GUID, Facts: e.Facts, At: rq.At,
	})
}

// acceptTID tells whose license the TID opens. A refusal is never from memory alone.
func (h *Handler) acceptTID(ctx context.Context, tid domain.TID) (scope domain.Scope, err error) {
	accepted := false
	look := func(s license.State, _ eventstore.Revision) { accepted, scope = s.Accepts(tid), s.Scope() }
	if err = Peek(ctx, h, license.Stream(tid.Tenant(), tid.License()), look); err == nil && !accepted {
		err = Inspect(ctx, h, license.Stream(tid.Tenant(), tid.License()), look)
	}
	if err == nil && !accepted {
		err = ErrUnknownTID
	}
	return scope, err
}

// deviceFor gives the id of the device with a GUID. The id follows from the GUID, so that two tries meet in one stream;
// a device that was removed leaves its id behind for good, and its GUID gets the next one.
func (h *Handler) deviceFor(ctx context.Context, tenant domain.Tenant, guid string) (id domain.DeviceID, known bool, err error) {
	if err := domain.CheckID("/device_guid", guid); err != nil {
		return "", false, err
	}
	space, err := uuid.Parse(string(tenant))
	if err != nil {
		return "", false, ErrUnknownTID
	}
	for n := 0; ; n++ {
		id = domain.DeviceID(uuid.NewSHA1(space, fmt.Appendf(nil, "device %s %d", guid, n)).String())
		var exists, removed bool
		err := Inspect(ctx, h, device.Stream(tenant, id), func(s device.State, _ eventstore.Revision) {
			exists, removed = s.Exists(), s.Removed()
		})
		if err != nil {
			return "", false, err
		}
		if !removed {
			return id, exists, nil // wherever it stands now: a person may have moved it to another license
		}
	}
}

func (h *Handler) groupOf(ctx context.Context, tenant domain.Tenant, l domain.LicenseID, id domain.DeviceID) (g domain.GroupID, err error) {
	err = Inspect(ctx, h, group.Stream(tenant, l), func(s group.State, _ eventstore.Revision) { g, _ = s.GroupOf(id) })
	return g, err
}
