package api

import (
	"context"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/dashboard"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/states"
)

const dashboardView = "dashboard"

// entriesOfTile is how many entries each tile lists unless the caller says otherwise.
const entriesOfTile = 10

func (s *server) GetDashboard(ctx context.Context, r GetDashboardRequestObject) (GetDashboardResponseObject, error) {
	v, err := s.read(ctx, dashboardView, devicesView, licensesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	scope := callOf(ctx).scope()
	if id := domain.CustomerID(value(r.Params.Customer)); id != "" {
		if _, err := licenses.GetCustomer(ctx, v.db, scope, id); err != nil {
			return nil, err
		}
		scope.Customer = id
	}
	entries := entriesOfTile
	if r.Params.Entries != nil {
		entries = *r.Params.Entries
	}
	d, err := dashboard.Get(ctx, v.db, scope, v.at, entries)
	if err != nil {
		return nil, err
	}
	return GetDashboard200JSONResponse{v.dashboard(d), GetDashboard200ResponseHeaders{position(v.position)}}, nil
}

func (r reading) dashboard(d dashboard.Dashboard) Dashboard {
	l := d.Licenses
	return Dashboard{
		At: d.At.UTC(), Customers: d.Customers, Devices: r.deviceCounts(d.Devices),
		Licenses: LicenseCounts{
			Total: l.Total, Valid: l.Valid, Expiring: l.Expiring, Expired: l.Expired, NearlyUsedUp: l.NearlyUsedUp, UsedUp: l.UsedUp,
		},
		InfectedDevices: each(d.InfectedDevices, r.deviceEntry), OutdatedDevices: each(d.OutdatedDevices, r.deviceEntry),
		ExpiredLicenses: each(d.ExpiredLicenses, licenseEntryOf), ExpiringLicenses: each(d.ExpiringLicenses, licenseEntryOf),
	}
}

func (r reading) deviceCounts(n devices.Counts) DeviceCounts {
	c := DeviceCounts{Total: n.Devices, Infected: n.Infected, Threats: n.Threats}
	c.Signatures.Current = n.Signatures[states.SignaturesCurrent]
	c.Signatures.Warning = n.Signatures[states.SignaturesWarning]
	c.Signatures.Outdated = n.Signatures[states.SignaturesOutdated]
	c.Signatures.Critical = n.Signatures[states.SignaturesCritical]
	c.Signatures.Unknown = n.Signatures[states.SignaturesUnknown]
	if r.past == nil {
		c.Contact = &ContactCounts{
			Online: n.Contact[states.Online], Offline: n.Contact[states.Offline], Silent: n.Contact[states.Silent], Stale: n.Contact[states.Stale],
		}
	}
	c.Protection.Green, c.Protection.Yellow = n.Protection[device.Green], n.Protection[device.Yellow]
	c.Protection.Red, c.Protection.Unknown = n.Protection[device.Red], n.Protection[device.Unknown]
	return c
}

func (r reading) deviceEntry(d devices.Device) DeviceEntry {
	return DeviceEntry{
		Id: string(d.ID), Hostname: d.Hostname, Label: d.Label, Customer: ref(d.Customer, d.CustomerName), License: ref(d.License, d.LicenseName),
		Infected: d.Threats > 0, Threats: d.Threats, Signatures: Signatures(d.Signatures), SignatureDate: instant(d.SignatureDate),
		Contact: r.contact(d.Contact), LastSeen: instant(d.LastSeen),
	}
}

func licenseEntryOf(l licenses.License) LicenseEntry {
	return LicenseEntry{
		Id: string(l.ID), Name: l.Name, Customer: ref(l.Customer, l.CustomerName), State: LicenseState(l.State),
		ValidUntil: instant(l.ValidUntil), Seats: l.Seats, Used: l.Used,
	}
}
