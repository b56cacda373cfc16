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
	c, scope := callOf(ctx), callOf(ctx).scope()
	if id := domain.CustomerID(value(r.Params.Customer)); id != "" {
		if err := s.requireCustomer(ctx, id); err != nil {
			return nil, err
		}
		scope.Customer = id
	}
	reached, err := s.contains(ctx, dashboardView, devicesView, licensesView)
	if err != nil {
		return nil, err
	}
	entries := entriesOfTile
	if r.Params.Entries != nil {
		entries = *r.Params.Entries
	}
	d, err := dashboard.Get(ctx, s.Readers, scope, c.at, entries)
	if err != nil {
		return nil, err
	}
	return GetDashboard200JSONResponse{dashboardOf(d), GetDashboard200ResponseHeaders{position(reached)}}, nil
}

func dashboardOf(d dashboard.Dashboard) Dashboard {
	l := d.Licenses
	return Dashboard{
		At: d.At.UTC(), Customers: d.Customers, Devices: deviceCountsOf(d.Devices),
		Licenses: LicenseCounts{
			Total: l.Total, Valid: l.Valid, Expiring: l.Expiring, Expired: l.Expired, NearlyUsedUp: l.NearlyUsedUp, UsedUp: l.UsedUp,
		},
		InfectedDevices: each(d.InfectedDevices, deviceEntryOf), OutdatedDevices: each(d.OutdatedDevices, deviceEntryOf),
		ExpiredLicenses: each(d.ExpiredLicenses, licenseEntryOf), ExpiringLicenses: each(d.ExpiringLicenses, licenseEntryOf),
	}
}

func deviceCountsOf(n devices.Counts) DeviceCounts {
	c := DeviceCounts{Total: n.Devices, Infected: n.Infected, Threats: n.Threats}
	c.Signatures.Current = n.Signatures[states.SignaturesCurrent]
	c.Signatures.Warning = n.Signatures[states.SignaturesWarning]
	c.Signatures.Outdated = n.Signatures[states.SignaturesOutdated]
	c.Signatures.Critical = n.Signatures[states.SignaturesCritical]
	c.Signatures.Unknown = n.Signatures[states.SignaturesUnknown]
	c.Contact.Online, c.Contact.Offline = n.Contact[states.Online], n.Contact[states.Offline]
	c.Contact.Silent, c.Contact.Stale = n.Contact[states.Silent], n.Contact[states.Stale]
	c.Protection.Green, c.Protection.Yellow = n.Protection[device.Green], n.Protection[device.Yellow]
	c.Protection.Red, c.Protection.Unknown = n.Protection[device.Red], n.Protection[device.Unknown]
	return c
}

func deviceEntryOf(d devices.Device) DeviceEntry {
	return DeviceEntry{
		Id: string(d.ID), Hostname: d.Hostname, Label: d.Label, Customer: ref(d.Customer, d.CustomerName), License: ref(d.License, d.LicenseName),
		Infected: d.Threats > 0, Threats: d.Threats, Signatures: Signatures(d.Signatures), SignatureDate: instant(d.SignatureDate),
		Contact: Contact(d.Contact), LastSeen: instant(d.LastSeen),
	}
}

func licenseEntryOf(l licenses.License) LicenseEntry {
	return LicenseEntry{
		Id: string(l.ID), Name: l.Name, Customer: ref(l.Customer, l.CustomerName), State: LicenseState(l.State),
		ValidUntil: instant(l.ValidUntil), Seats: l.Seats, Used: l.Used,
	}
}
