package commands

import (
	"context"
	"maps"
	"slices"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// Refusals that concern what a device's group uses.
var (
	ErrNoProfile = &domain.Error{
		Class: domain.Conflict, Code: "no_profile",
		Message: "The group uses no configuration profile. Choose one for it first.",
	}
	ErrNoDevices = &domain.Error{
		Class: domain.Conflict, Code: "no_devices",
		Message: "There is no device that the profile could be sent to.",
	}
	ErrUnknownScan = &domain.Error{
		Class: domain.Invalid, Code: "unknown_scan_profile", Field: "/scan_profile",
		Message: "The configuration profile of the device's group has no such scan profile.",
	}
)

// TransmitProfile asks a device to take on the settings of the profile that its group uses, as they are now.
func TransmitProfile(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, id domain.DeviceID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	c, err := h.configurationOf(ctx, rq, tenant, id)
	if err != nil {
		return Result{}, err
	}
	return Do[device.State](ctx, h, rq, device.RequestProfile{
		Tenant: tenant, Device: id, Request: device.RequestID(rq.ID.String()),
		Configuration: device.Configuration{Profile: c.profile, Edition: c.edition}, At: rq.At,
	})
}

// ScanByProfile asks a device for an own scan of the profile that its group uses.
func ScanByProfile(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, id domain.DeviceID, scan profile.ScanID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	c, err := h.configurationOf(ctx, rq, tenant, id)
	if err != nil {
		return Result{}, err
	}
	own, ok := c.settings.OwnScan(scan)
	if !ok {
		return Result{}, ErrUnknownScan
	}
	return Do[device.State](ctx, h, rq, device.RequestScan{
		Tenant: tenant, Device: id, Request: device.RequestID(rq.ID.String()), Profile: device.ProfileOwn, Name: own.Name, Paths: own.Paths, At: rq.At,
	})
}

type configuration struct {
	profile  domain.ProfileID
	edition  int
	settings profile.Settings
}

// configurationOf is the profile that the group of a device uses, if the actor sees the device: a customer's people may have
// the reseller's settings applied to their devices without seeing them.
func (h *Handler) configurationOf(ctx context.Context, rq Request, tenant domain.Tenant, id domain.DeviceID) (c configuration, err error) {
	at, err := h.visibleDevice(ctx, rq, tenant, id)
	if err != nil {
		return c, err
	}
	if err := h.requireValid(ctx, rq, tenant, at.license); err != nil {
		return c, err
	}
	err = Inspect(ctx, h, group.Stream(tenant, at.license), func(s group.State, _ eventstore.Revision) { c.profile, _ = s.Profile(at.group) })
	if err == nil && c.profile == "" {
		err = ErrNoProfile
	}
	if err != nil {
		return c, err
	}
	err = Inspect(ctx, h, profile.Stream(tenant, c.profile), func(s profile.State, _ eventstore.Revision) {
		c.edition, c.settings = s.Edition(), s.Settings()
	})
	return c, err
}

// TransmitToGroup accepts the job that sends the profile of a group to all devices in it.
func TransmitToGroup(ctx context.Context, h *Handler, rq Request, c job.Accept, g domain.GroupID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	use, err := h.visibleGroup(ctx, rq, c.Tenant, g)
	if err != nil {
		return Result{}, err
	}
	if err := h.requireValid(ctx, rq, c.Tenant, g.License()); err != nil {
		return Result{}, err
	}
	if use.profile == "" {
		return Result{}, ErrNoProfile
	}
	return h.transmitTo(ctx, rq, c, use.members)
}

// TransmitToAll accepts the job that sends a profile to the devices of all groups that use it.
func TransmitToAll(ctx context.Context, h *Handler, rq Request, c job.Accept, p domain.ProfileID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	groups := map[domain.GroupID]bool{}
	visible := false
	err := Inspect(ctx, h, profile.Stream(c.Tenant, p), func(s profile.State, _ eventstore.Revision) {
		visible = s.Exists() && rq.Actor.Sees(s.Scope())
		for _, g := range s.Groups() {
			groups[g] = true
		}
	})
	if err != nil || !visible {
		return Result{}, unlessVisible(visible, err)
	}
	var devices []domain.DeviceID
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		err := Inspect(ctx, h, group.Stream(c.Tenant, g.License()), func(s group.State, _ eventstore.Revision) {
			if used, _ := s.Profile(g); used == p {
				devices = append(devices, s.Members(g)...)
			}
		})
		if err != nil {
			return Result{}, err
		}
	}
	return h.transmitTo(ctx, rq, c, devices)
}

func unlessVisible(visible bool, err error) error {
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return err
}

func (h *Handler) transmitTo(ctx context.Context, rq Request, c job.Accept, devices []domain.DeviceID) (Result, error) {
	if len(devices) == 0 {
		return Result{}, ErrNoDevices
	}
	c.Order = job.Order{Action: job.TransmitProfiles}
	c.Items = make([]job.Item, len(devices))
	for i, d := range devices {
		c.Items[i] = job.Item(d)
	}
	return AcceptJob(ctx, h, rq, c)
}
